"""Cloud Run services and jobs that run the worker's image: the wanted settings, and the differences from them.

Only the settings that are compared here are written; all others stay. Images are compared by address, so use an
address with a digest, or a tag that never moves.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from helios_adapters.base import changed

if TYPE_CHECKING:
    from google.cloud import run_v2

PORT = 8080
UNITS = {"": 1, "k": 1e3, "K": 1e3, "M": 1e6, "G": 1e9, "T": 1e12}
UNITS |= {f"{letter}i": 1024**power for power, letter in enumerate("KMGT", 1)}
"""Bytes of each unit in a quantity of memory."""
RESERVE_SHARE, RESERVE_SECONDS = 0.1, 10
"""The smaller of the two is the part of a service's timeout that is reserved for the answer at a time limit."""


@dataclass(frozen=True)
class CloudRunService:
    """The wanted settings of a service or job.

    image: address in Artifact Registry. cpu: such as "2". memory: such as "4Gi", including files in /tmp.
    timeout: seconds of a request (at most 3,600) or of a job's execution. service_account: the account that it runs
    as; "" for the project's default. For services only: concurrency: payloads in an instance; minimum, maximum:
    number of instances.
    """

    image: str
    cpu: str = "2"
    memory: str = "4Gi"
    timeout: int = 3600
    service_account: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)
    concurrency: int = 1
    minimum: int = 0
    maximum: int = 100


def shape_service(service: "run_v2.Service", wanted: CloudRunService) -> tuple[str, ...]:
    """Changes a service to the wanted settings, in place. Returns the changes in words."""
    template = service.template
    changes = _shape_container(_container(template), wanted, serving(wanted), "service")
    account = wanted.service_account or template.service_account
    scaling = template.scaling
    facts = [
        ("service account", template.service_account, account),
        ("concurrency", template.max_instance_request_concurrency, wanted.concurrency),
        ("timeout", f"{_seconds(template.timeout)} s", f"{wanted.timeout} s"),
        (
            "instances",
            f"{scaling.min_instance_count} to {scaling.max_instance_count}",
            f"{wanted.minimum} to {wanted.maximum}",
        ),
        ("private", not service.invoker_iam_disabled, True),
    ]
    changes += [changed(what, before, after) for what, before, after in facts if before != after]
    template.service_account = account
    template.max_instance_request_concurrency = wanted.concurrency
    template.timeout = timedelta(seconds=wanted.timeout)
    template.scaling.min_instance_count, template.scaling.max_instance_count = wanted.minimum, wanted.maximum
    service.invoker_iam_disabled = False
    if changes:
        template.revision = ""  # a name may be used once only
    changes += _second_generation(template)
    return tuple(changes)


def serving(wanted: CloudRunService) -> tuple[str, ...]:
    """The arguments of the worker's image in a service."""
    seconds = wanted.timeout - min(RESERVE_SECONDS, wanted.timeout * RESERVE_SHARE)
    return "serve", "--concurrency", str(wanted.concurrency), "--seconds", f"{seconds:g}"


def shape_job(job: "run_v2.Job", wanted: CloudRunService) -> tuple[str, ...]:
    """As shape_service, for a job: one task without retries, since our policy decides on retries."""
    job.template.task_count = 1
    template = job.template.template
    changes = _shape_container(_container(template), wanted, (), "job")
    account = wanted.service_account or template.service_account
    facts = [
        ("service account", template.service_account, account),
        ("timeout", f"{_seconds(template.timeout)} s", f"{wanted.timeout} s"),
        ("retries", template.max_retries, 0),
    ]
    changes += [changed(what, before, after) for what, before, after in facts if before != after]
    template.service_account = account
    template.timeout = timedelta(seconds=wanted.timeout)
    template.max_retries = 0
    changes += _second_generation(template)
    return tuple(changes)


def _shape_container(
    container: "run_v2.Container", wanted: CloudRunService, args: tuple[str, ...], kind: str
) -> list[str]:
    from google.cloud import run_v2

    limits = container.resources.limits
    there = {variable.name: variable.value for variable in container.env}
    facts = [
        ("image", container.image, wanted.image),
        ("arguments", " ".join(container.args) or "none", " ".join(args) or "none"),
        ("cpu", limits.get("cpu", "none"), wanted.cpu),
        ("memory", limits.get("memory", "none"), wanted.memory),
    ]
    changes = [changed(what, before or "none", after) for what, before, after in facts if before != after]
    container.image = wanted.image
    container.args = list(args)
    container.resources.limits = {**limits, "cpu": wanted.cpu, "memory": wanted.memory}
    if kind == "service" and not container.ports:
        container.ports = [run_v2.ContainerPort(container_port=PORT)]
        container.resources.startup_cpu_boost = True
    names = sorted(name for name, value in wanted.environment.items() if there.get(name) != value)
    if names:  # values may be secrets: names only
        kept = [variable for variable in container.env if variable.name not in names]
        container.env = kept + [run_v2.EnvVar(name=name, value=wanted.environment[name]) for name in names]
        changes.append(f"environment {', '.join(names)}")
    return changes


def memory_of(template: Any) -> float:
    """GiB of memory in the template of a service or job; 0 if it has no limit."""
    limits = template.containers[0].resources.limits if template.containers else {}
    quantity = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)([KMGT]i?|k|)", limits.get("memory", ""))
    return float(quantity[1]) * UNITS[quantity[2]] / UNITS["Gi"] if quantity else 0.0


def _container(template: Any) -> "run_v2.Container":
    from google.cloud import run_v2

    if not template.containers:
        template.containers = [run_v2.Container()]
    container: run_v2.Container = template.containers[0]
    return container


def _second_generation(template: Any) -> list[str]:
    """Sets the second generation: Chromium needs a full Linux kernel, which the first generation lacks."""
    from google.cloud import run_v2

    wanted = run_v2.ExecutionEnvironment.EXECUTION_ENVIRONMENT_GEN2
    if template.execution_environment == wanted:
        return []
    template.execution_environment = wanted
    return ["second generation"]


def _seconds(duration: Any) -> int:
    return int(duration.total_seconds()) if duration else 0
