"""How a page's frame can fail, grouped by who can do something about it.

::

    UserError                    exit 64
    └── PageError                         the page itself is wrong
        ├── LeftDocument                  it went on to another page in the middle of the film
        ├── StackOverflow                 its process ended as one does whose stack overflows
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


class LeftDocument(PageError):
    """The page went on to another page in the middle of the film.

    frame: at which it did. address: of the other page. cause: why, in words; "" where that is not known.
    jumped: whether the frame was reached by a jump, so that an earlier frame may have been the one.
    """

    def __init__(self, frame: int, address: str, cause: str, *, jumped: bool) -> None:
        why = f": {cause}" if cause else ""
        super().__init__(
            f"frame {frame}: the page left its document for {address}{why}",
            remedy="a film is one document: change it in place, show other pages in an <iframe>, or go to "
            "#fragments or by history.pushState",
        )
        self.frame = frame
        self.jumped = jumped


class StackOverflow(PageError):
    """The page's process ended as one does whose stack overflows. Seldom a fault of the browser's own ends it so."""


class FrameNeverReady(HeliosError):
    """A frame did not become ready within its limit. report: what the page was waiting for."""

    def __init__(self, message: str, report: dict[str, Any]) -> None:
        super().__init__(message, remedy=REMEDY)
        self.report = report


class PageHangs(FrameNeverReady, PageError):
    """A frame that no other attempt will make ready: a script in a loop, or a promise that never settles."""
