"""What the operator is told by its admin, as reconcile needs it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from helios_crds.renderjob import TargetUse
from helios_crds.rendertarget import KubernetesTarget, RenderTargetSpec

BUILT_IN = "kubernetes"


@dataclass(frozen=True)
class Store:
    """The default artifact store.

    claim: a PersistentVolumeClaim of the RenderJob's namespace, mounted at `mount`, where url then points; "" for a
    bucket. size, storage_class, access_mode: of a claim that is made.
    """

    url: str = "file:///artifacts/"
    claim: str = "helios-artifacts"
    mount: str = "/artifacts"
    size: str = "20Gi"
    storage_class: str = ""
    access_mode: str = "ReadWriteMany"


def built_in_targets() -> Mapping[str, RenderTargetSpec]:
    """The target that is there when nobody made one."""
    return {BUILT_IN: RenderTargetSpec(kubernetes=KubernetesTarget())}


@dataclass(frozen=True)
class Config:
    """See the module's docstring.

    targets: every RenderTarget by name. grants: how many chunks this RenderJob may have active on each target,
    by the fair share of all RenderJobs; free: how many more it may start there, because nobody has these places.
    A target that is not named is not limited. notes: what is to be said of a target that takes nothing for a while.
    calls: of this RenderJob to targets outside of the cluster, those that nobody waits for included.
    backoff, backoff_limit: the first wait before a retry, and the longest.
    disruption_pause: before work that was disrupted starts again. result_grace: how long a Job that ended may be
    known before its pod's exit code and message are.
    terminating_grace: after which a pod that does not end is taken for lost.
    spill_after: after which a target whose pods do not start is passed over.
    """

    image: str = "helios-worker"
    image_pull_policy: str = "IfNotPresent"
    store: Store = Store()
    targets: Mapping[str, RenderTargetSpec] = field(default_factory=built_in_targets)
    grants: Mapping[str, int] = field(default_factory=dict)
    free: Mapping[str, int] = field(default_factory=dict)
    notes: Mapping[str, str] = field(default_factory=dict)
    calls: int = 0
    backoff: timedelta = timedelta(seconds=10)
    backoff_limit: timedelta = timedelta(minutes=5)
    disruption_pause: timedelta = timedelta(seconds=5)
    result_grace: timedelta = timedelta(seconds=5)
    terminating_grace: timedelta = timedelta(minutes=2)
    spill_after: timedelta = timedelta(minutes=1)
    plan_timeout: timedelta = timedelta(minutes=30)
    stitch_timeout: timedelta = timedelta(hours=2)


NO_LIMIT = 1 << 30


DEFAULT_USES = (TargetUse(name=BUILT_IN),)
