"""Metrics for Prometheus: open work, started attempts, errors, and the duration of a reconcile."""

from collections import Counter as Count
from collections.abc import Callable, Iterator, Mapping, Sequence

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, start_http_server
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from helios_operator.model.observation import InvalidJob, ObservedJob

REGISTRY = CollectorRegistry()

RECONCILE_DURATION = Histogram(
    "helios_reconcile_duration_seconds",
    "Duration of one reconcile of a RenderJob, including its API calls.",
    registry=REGISTRY,
)
QUEUE_LATENCY = Histogram(
    "helios_queue_latency_seconds",
    "Time from the first change of a RenderJob or its children to the end of the reconcile that handles it. "
    "Reconciles of one RenderJob are 1 to 5 s apart, depending on its number of chunks.",
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 1.5, 2, 3, 5, 7.5, 10, 20, 30, 60),
    registry=REGISTRY,
)
REQUESTS = Counter(
    "helios_api_requests",
    "Requests to the API server, by method and resource.",
    ["method", "resource"],
    registry=REGISTRY,
)
STARTED = Counter(
    "helios_attempts_started", "Attempts started, by stage and target.", ["stage", "target"], registry=REGISTRY
)
STOPPED = Counter("helios_attempts_stopped", "Attempts that the operator stopped before they ended.", registry=REGISTRY)
INVOCATIONS = Counter(
    "helios_invocations",
    "Ended invocations of targets outside of the cluster, by target and outcome.",
    ["target", "outcome"],
    registry=REGISTRY,
)
INVOCATIONS_ACTIVE = Gauge(
    "helios_invocations_active",
    "Running invocations, including those whose result nobody awaits.",
    ["target"],
    registry=REGISTRY,
)
INVOCATION_COST = Counter(
    "helios_invocation_cost",
    "Estimated cost of invocations, in the currency of the target's price.",
    ["target"],
    registry=REGISTRY,
)
WARNINGS = Counter("helios_warnings", "Events of type Warning, by reason.", ["reason"], registry=REGISTRY)
ENDED = Counter("helios_renders_ended", "RenderJobs that ended, by phase.", ["phase"], registry=REGISTRY)
API_ERRORS = Counter(
    "helios_api_errors", "Requests that the API server rejected or did not answer.", ["status"], registry=REGISTRY
)


class Renders(Collector):
    """RenderJobs by phase and their chunks by state, counted at each scrape. jobs: returns every known RenderJob."""

    def __init__(self, jobs: Callable[[], Sequence[ObservedJob | InvalidJob]]) -> None:
        self._jobs = jobs

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """One family of gauges for RenderJobs and one for chunks."""
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
