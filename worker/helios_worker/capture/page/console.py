"""A page's console, and its errors."""

from collections import deque
from typing import Literal

from helios_crds.remedies import setting
from helios_worker.capture.devtools.cdp import EventTable, Message
from helios_worker.capture.faults import PageError
from helios_worker.capture.messages import LOOKED_AT, BoundedLines, exception_text, plain
from helios_worker.capture.playhead import Playhead
from helios_worker.errors import HeliosError, NetworkTrouble

LINES_KEPT = 40
LINES_QUOTED = 5
ERRORS_KEPT = 100
WARNINGS_KEPT = 50
ARGUMENTS_KEPT = 20
SAID_AS_ERROR = "error: "


class Console:
    """The last lines a page wrote, and its first errors and warnings since it was opened. More are only counted.

    page_errors: whether an error of the page ends the frame ("fail") or becomes a warning ("warn").
    """

    def __init__(self, page_errors: Literal["fail", "warn"]) -> None:
        self.lines: deque[str] = deque(maxlen=LINES_KEPT)
        self.errors = BoundedLines(ERRORS_KEPT)
        self.warnings = BoundedLines(WARNINGS_KEPT)
        self._remedies: dict[str, str] = {}
        self._excused: dict[str, HeliosError] = {}  # failures by the names of their files
        self._fault: HeliosError | None = None
        self._page_errors = page_errors

    def complain(self, text: str, remedy: str = "", *, is_cause: bool = False) -> None:
        """Notes an error of the page. remedy: what to do about it, where more is known than to fix the page.

        is_cause: whether the errors noted so far may follow from it.
        """
        line = plain(text)
        if remedy and len(self._remedies) < ERRORS_KEPT:
            self._remedies.setdefault(line, remedy)
        self.lines.append(line)
        if self._page_errors == "fail":
            self.errors.add(line, first=is_cause)
        else:
            self.warnings.add(line)

    def remark(self, text: str) -> None:
        """Notes something that the author may want to know of and that is no error."""
        line = plain(text)
        self.lines.append(line)
        self.warnings.add(line)

    def excuse(self, address: str, failure: HeliosError) -> None:
        """Notes a file that did not load and that a script of the page knows how to do without.

        If the page says in an error of its own that the file did not load, as loaders of models do, it does not.
        """
        name = plain(address)
        if any(line.startswith(SAID_AS_ERROR) and name in line for line in self.lines):
            self.note_failure(failure)
            return
        if len(self._excused) < ERRORS_KEPT:
            self._excused[name] = failure
        self.remark(f"{failure.message}; a script of the page asked for it and goes on without it")

    def note_failure(self, failure: HeliosError, *, is_cause: bool = False) -> None:
        """Notes a file that did not load. Where that is the network's fault, it is no error of the page.

        is_cause: whether the errors noted so far may follow from it.
        """
        if isinstance(failure, NetworkTrouble) and self._page_errors == "fail":
            self.blame(failure)
        else:
            self.complain(failure.message, failure.remedy if isinstance(failure, PageError) else "", is_cause=is_cause)

    def blame(self, fault: HeliosError) -> None:
        """Notes an error that the page did not cause. It is raised in place of the page errors that follow from it."""
        self._fault = self._fault or fault

    def note_log(self, entry: Message) -> None:
        """Notes a line of the browser's log. Those that are errors of the page are noted as such (`unshown`)."""
        if entry["source"] != "network":  # `Network` notes failed requests by name
            self.lines.append(plain(f"{entry['level']}: {entry['text']} {entry.get('url', '')}"))

    def raise_fault(self) -> None:
        """Raises the error that the page did not cause, if there is one.

        Raises:
            HeliosError: that error.
        """
        if self._fault is not None:
            raise self._fault

    def raise_errors(self, playhead: Playhead) -> None:
        """Raises the errors noted so far, if there are any.

        Raises:
            PageError: names the frame, the first error, and the last other lines of the console.
            HeliosError: an error that the page did not cause.
        """
        self.raise_fault()
        if not self.errors:
            return
        first, others = next(iter(self.errors)), len(self.errors) - 1
        more = f" (and {others} more)" if others else ""
        said = [line for line in self.lines if line not in self.errors][-LINES_QUOTED:]
        console = "".join(f"\n    console {line}" for line in said)
        at = f"at frame {playhead.frame} (t = {playhead.frame_ms / 1000:.3f} s)"
        remedy = self._remedies.get(first, "fix the page")
        raise PageError(
            f"the page failed {'while loading' if playhead.frame < 0 else at}: {first}{more}{console}",
            remedy=f"{remedy}, or render with {setting('composition.pageErrors', 'warn')}",
        )

    @property
    def events(self) -> EventTable:
        """Handlers of the browser's events."""
        return {
            "Runtime.consoleAPICalled": self._on_call,
            "Runtime.exceptionThrown": self._on_exception,
        }

    def _on_call(self, params: Message) -> None:
        arguments = params.get("args", [])[:ARGUMENTS_KEPT]
        text = " ".join(str(each.get("value", each.get("description", "")))[:LOOKED_AT] for each in arguments)
        line = plain(f"{params['type']}: {text}")
        self.lines.append(line)
        if line.startswith(SAID_AS_ERROR):
            for name in [name for name in self._excused if name in line]:
                self.note_failure(self._excused.pop(name))

    def _on_exception(self, params: Message) -> None:
        text = exception_text(params["exceptionDetails"])
        if _is_cancellation(params["exceptionDetails"]):
            self.lines.append(plain(f"cancelled: {text}"))
        else:
            self.complain(f"uncaught error: {text}")


def _is_cancellation(details: Message) -> bool:
    """Whether a promise that nobody watched was rejected because the page itself broke off what it had begun.

    A view transition that the next one skips is such a case, and a request that the page aborts.
    """
    exception = details.get("exception", {})
    is_rejection = "in promise" in details.get("text", "")
    return is_rejection and str(exception.get("description", "")).startswith("AbortError")
