"""Execution targets: one adapter for each kind, all with the same contract, payload and reply.

The operator and the command line import from here. The modules of this package are internal. The clouds' libraries are
imported when a target is first deployed or connected.
"""

from helios_adapters.aws.adapter import LambdaAdapter, LambdaConfig
from helios_adapters.aws.function import LambdaFunction
from helios_adapters.base import CloudAdapter, Deployment
from helios_adapters.connect import connect
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
