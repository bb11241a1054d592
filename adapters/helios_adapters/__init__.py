"""Execution targets: one adapter for each kind, all with the same contract, payload and reply.

The operator and the command line import from here. The modules of this package are internal, and imported with the
first name that is asked of them: a command that renders on this machine needs no cloud. The clouds' libraries are
imported when a target is first deployed or connected.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from helios_adapters.aws.adapter import LambdaAdapter, LambdaConfig
    from helios_adapters.aws.function import LambdaFunction
    from helios_adapters.base import CloudAdapter, Deployment
    from helios_adapters.connecting import connect
    from helios_adapters.errors import (
        BadAnswer,
        ColdStartTimedOut,
        ConnectionLost,
        Crashed,
        NoCapacity,
        OutOfMemory,
        ProviderFailed,
        TargetError,
        TimedOut,
        Unseen,
        Unusable,
        WorkerLost,
        as_reply,
    )
    from helios_adapters.google.job import CloudRunJobAdapter, CloudRunJobConfig
    from helios_adapters.google.resources import CloudRunService
    from helios_adapters.google.service import CloudRunAdapter, CloudRunConfig
    from helios_adapters.health import Health
    from helios_adapters.local import LocalAdapter, LocalConfig
    from helios_adapters.target_health import EVERYBODY, Call, TargetHealth, Verdict

__all__ = [
    "EVERYBODY",
    "BadAnswer",
    "Call",
    "CloudAdapter",
    "CloudRunAdapter",
    "CloudRunConfig",
    "CloudRunJobAdapter",
    "CloudRunJobConfig",
    "CloudRunService",
    "ColdStartTimedOut",
    "ConnectionLost",
    "Crashed",
    "Deployment",
    "Health",
    "LambdaAdapter",
    "LambdaConfig",
    "LambdaFunction",
    "LocalAdapter",
    "LocalConfig",
    "NoCapacity",
    "OutOfMemory",
    "ProviderFailed",
    "TargetError",
    "TargetHealth",
    "TimedOut",
    "Unseen",
    "Unusable",
    "Verdict",
    "WorkerLost",
    "as_reply",
    "connect",
]

_HOMES = {
    "helios_adapters.aws.adapter": (
        "LambdaAdapter",
        "LambdaConfig",
    ),
    "helios_adapters.aws.function": ("LambdaFunction",),
    "helios_adapters.base": (
        "CloudAdapter",
        "Deployment",
    ),
    "helios_adapters.connecting": ("connect",),
    "helios_adapters.errors": (
        "BadAnswer",
        "ColdStartTimedOut",
        "ConnectionLost",
        "Crashed",
        "NoCapacity",
        "OutOfMemory",
        "ProviderFailed",
        "TargetError",
        "TimedOut",
        "Unseen",
        "Unusable",
        "WorkerLost",
        "as_reply",
    ),
    "helios_adapters.google.job": (
        "CloudRunJobAdapter",
        "CloudRunJobConfig",
    ),
    "helios_adapters.google.resources": ("CloudRunService",),
    "helios_adapters.google.service": (
        "CloudRunAdapter",
        "CloudRunConfig",
    ),
    "helios_adapters.health": ("Health",),
    "helios_adapters.local": (
        "LocalAdapter",
        "LocalConfig",
    ),
    "helios_adapters.target_health": (
        "EVERYBODY",
        "Call",
        "TargetHealth",
        "Verdict",
    ),
}


def __getattr__(name: str) -> Any:
    for module, names in _HOMES.items():
        if name in names:
            globals()[name] = found = getattr(import_module(module), name)
            return found
    raise AttributeError(f"helios_adapters has no {name}")
