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

    claim: a PersistentVolumeClaim in the RenderJob's namespace, mounted at `mount`, where `url` then points; "" for a
    bucket. size, storage_class, access_mode: of a claim that the operator creates.
    """

    url: str = "file:///artifacts/"
    claim: str = "helios-artifacts"
    mount: str = "/artifacts"
    size: str = "20Gi"
    storage_class: str = ""
    access_mode: str = "ReadWriteMany"


def built_in_targets(spec: RenderTargetSpec | None = None) -> Mapping[str, RenderTargetSpec]:
    """The target that exists without a RenderTarget: pods of this cluster. spec: as the operator's admin sets it."""
    return {BUILT_IN: spec or RenderTargetSpec(kubernetes=KubernetesTarget())}


@dataclass(frozen=True)
class Config:
    """See the module's docstring.

    operator: NAMESPACE/NAME of the operator's Lease, by which it is told from others; "" without leader election.
    backoff: the pause before a failed attempt is retried. disruption_pause: the pause before disrupted work restarts.
    result_grace: how long the operator waits for the pod's exit code and message after its Job has ended.
    terminating_grace: a terminating pod that has not ended after this time counts as lost.
    spill_after: a target whose pods have not started after this time gets no more chunks, unless it is the last one.
    plan_timeout, stitch_timeout: how long a pod of these stages may run.
    built_in: settings of the built-in target; None for the defaults.
    """

    operator: str = ""
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
    built_in: RenderTargetSpec | None = None
