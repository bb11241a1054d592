"""The few words that everybody shares and that cost no import: stages, exit codes, what a request leaves unsaid.

A command line and a worker know by them what to start before they import the models (pydantic takes a tenth of a
second). Others import the exit codes and the stages from `wire`, where they travel.
"""

from enum import IntEnum, StrEnum
from typing import Literal

SECRET_PREFIX = "HELIOS_SECRET_"  # noqa: S105 - of names
"""Prefix of the variables that carry the keys of a RenderJob's credentialsRef to the worker, which picks whole sets."""


class ExitCode(IntEnum):
    """How a worker ended, and so whether to try again."""

    DONE = 0
    RETRYABLE = 1
    USER_ERROR = 64
    EXHAUSTED = 75
    INTERRUPTED = 130
    TERMINATED = 143


class Stage(StrEnum):
    """The three steps of a render."""

    PLAN = "plan"
    CHUNK = "chunk"
    STITCH = "stitch"


USUAL_TIME_ZONE, USUAL_LOCALE = "UTC", "en-US"
USUAL_COLOR_SCHEME: Literal["light", "dark"] = "light"
USUAL_CRF, USUAL_PRESET = 18, "veryfast"
USUAL_CAPTURE: Literal["jpeg", "png"] = "jpeg"
USUAL_QUALITY = 95
USUAL_FRAME_TIMEOUT = 30.0
"""What a request has where its caller chooses nothing."""
