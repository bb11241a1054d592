"""What Prometheus is told: how much there is to do, what was started, what went wrong, how long a pass takes."""

from collections import Counter as Count
from collections.abc import Callable, Iterator, Mapping, Sequence

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, start_http_server
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from helios_operator.model.observation import InvalidJob, ObservedJob

REGISTRY = CollectorRegistry()

RECONCILE_DURATION = Histogram(
    "helios_reconcile_duration_seconds", "Time of one reconcile of a RenderJob, API calls included.", registry=REGISTRY
)
QUEUE_LATENCY = Histogram(
    "helios_queue_latency_seconds",
    "From the first news of a RenderJob or its children to the end of the reconcile that answers it; those of one "
    "RenderJob are 1 to 5 s apart, by its size.",
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 1.5, 2, 3, 5, 7.5, 10, 20, 30, 60),
    registry=REGISTRY,
)
REQUESTS = Counter(
    "helios_api_requests",
    "Requests to the API server, by method and resource.",
    ["method", "resource"],
    registry=REGISTRY,
)
STARTED = Counter("helios_attempts_started", "Attempts started.", ["stage", "target"], registry=REGISTRY)
STOPPED = Counter("helios_attempts_stopped", "Attempts stopped before their end.", registry=REGISTRY)
INVOCATIONS = Counter(
    "helios_invocations",
    "Invocations of targets outside of the cluster that have ended, by what they came to.",
    ["target", "outcome"],
    registry=REGISTRY,
)
INVOCATIONS_ACTIVE = Gauge(
    "helios_invocations_active",
    "Invocations under way, those included that nobody waits for.",
    ["target"],
    registry=REGISTRY,
)
INVOCATION_COST = Counter(
    "helios_invocation_cost",
    "Estimate of what invocations cost, in the currency of the prices.",
    ["target"],
    registry=REGISTRY,
)
WARNINGS = Counter("helios_warnings", "Events of type Warning, by reason.", ["reason"], registry=REGISTRY)
ENDED = Counter("helios_renders_ended", "RenderJobs that ended, by phase.", ["phase"], registry=REGISTRY)
API_ERRORS = Counter(
    "helios_api_errors", "Requests that the API server refused or did not answer.", ["status"], registry=REGISTRY
)


class Renders(Collector):
    """RenderJobs by phase and their chunks by state, counted when asked. jobs: gives every RenderJob as it is known."""

    def __init__(self, jobs: Callable[[], Sequence[ObservedJob | InvalidJob]]) -> None:
        self._jobs = jobs

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """One family for each."""
        phases: Count[str] = Count()
        chunks: Count[str] = Count()
        for job in self._jobs():
            phases[job.status.phase] += 1
            if job.status.completionTime is None:
                counts = job.status.chunks
                chunks.update(total=counts.total, done=counts.done, active=counts.active, failed=counts.failed)
        yield _family("helios_render_jobs", "RenderJobs by phase.", "phase", phases)
        yield _family("helios_chunks", "Chunks of RenderJobs that have not ended, by state.", "state", chunks)


def _family(name: str, text: str, label: str, counts: Mapping[str, int]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, text, labels=[label])
    for value, count in sorted(counts.items()):
        family.add_metric([value], count)
    return family


def serve(port: int, jobs: Callable[[], Sequence[ObservedJob | InvalidJob]]) -> None:
    """Answers scrapes on all addresses, in a thread."""
    REGISTRY.register(Renders(jobs))
    start_http_server(port, registry=REGISTRY)
