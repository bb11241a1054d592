"""Where stages run: one adapter for each kind of execution target, all with the same contract, payload and reply.

What operator and command line use is here; the modules below it are the package's own business. The libraries of the
clouds are imported when a target is first deployed or connected to.
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
    NoRoom,
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
    "NoRoom",
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
