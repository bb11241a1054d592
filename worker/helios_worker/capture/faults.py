"""How a page's frame can fail, grouped by who can do something about it.

::

    UserError                    exit 64
    └── PageError                         the page itself is wrong
        └── PageHangs                     a FrameNeverReady, too: no other attempt makes the frame ready
    HeliosError                  exit 1
    ├── FrameNeverReady                   a frame took too long; another attempt may do better
    └── NetworkTrouble                    a web server or the network failed for now (helios_worker.errors)

`page.load_failures` says which of them a file that did not load is.
"""

from collections.abc import Mapping
from typing import Any

from helios_crds.remedies import setting
from helios_worker.errors import HeliosError, UserError

REMEDY = f"see the report in the job's folder; {setting('execution.frameTimeout')} raises the limit"


class PageError(UserError):
    """The page itself is wrong: an uncaught error, a missing file, nothing to render.

    pictures: that show what is wrong, JPEG or PNG, by name.
    """

    pictures: Mapping[str, bytes] = {}


class FrameNeverReady(HeliosError):
    """A frame did not become ready within its limit. report: what the page was waiting for."""

    def __init__(self, message: str, report: dict[str, Any]) -> None:
        super().__init__(message, remedy=REMEDY)
        self.report = report


class PageHangs(FrameNeverReady, PageError):
    """A frame that no other attempt will make ready: a script in a loop, or a promise that never settles."""
