"""What the operator's admin configured. It never changes while the operator runs."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from helios_crds.backoff import Backoff
from helios_crds.renderjob import TargetUse
from helios_crds.rendertarget import KubernetesTarget, RenderTargetSpec

BUILT_IN = "kubernetes"
DEFAULT_USES = [TargetUse(name=BUILT_IN)]
NO_LIMIT = 1_000_000


@dataclass(frozen=True)
class Store:
    """The default artifact store.

    claim: a PersistentVolumeClaim of the RenderJob's namespace, mounted at `mount`, to which the url then points; ""
    for a bucket. size, storage_class, access_mode: of a claim that the operator makes.
    """

    url: str = "file:///artifacts/"
    claim: str = "helios-artifacts"
    mount: str = "/artifacts"
    size: str = "20Gi"
    storage_class: str = ""
    access_mode: str = "ReadWriteMany"


def built_in_targets() -> Mapping[str, RenderTargetSpec]:
    """The target that exists when nobody made one."""
    return {BUILT_IN: RenderTargetSpec(kubernetes=KubernetesTarget())}


@dataclass(frozen=True)
class Config:
    """See the module's docstring.

    backoff: before a failed attempt is retried. disruption_pause: before disrupted work starts again.
    result_grace: how long a Job may have ended before its pod's exit code and message are known.
    terminating_grace: after which a pod that does not end counts as lost.
    spill_after: after which a target whose pods do not start is passed over.
    """

    image: str = "helios-worker"
    image_pull_policy: str = "IfNotPresent"
    store: Store = Store()
    backoff: Backoff = Backoff(base=10, cap=300, jitter=0.5)
    disruption_pause: timedelta = timedelta(seconds=5)
    result_grace: timedelta = timedelta(seconds=5)
    terminating_grace: timedelta = timedelta(minutes=2)
    spill_after: timedelta = timedelta(minutes=1)
    plan_timeout: timedelta = timedelta(minutes=30)
    stitch_timeout: timedelta = timedelta(hours=2)
