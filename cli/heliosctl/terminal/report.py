"""Results and errors of a command: sentences for people, or one JSON object on standard output."""

import sys
from collections.abc import Iterable
from fractions import Fraction
from typing import Any

import orjson
from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from helios_crds.text import printable
from heliosctl.errors import Failure, traceback_text
from heliosctl.switches import debugging, wants_json

PIPED_WIDTH = 1000  # so that no line of a table is folded for a program that reads it
OPENINGS = frozenset(
    (
        *("a", "an", "the", "this", "no", "nothing", "none", "there", "it", "its", "two", "other", "what", "is"),
        *(
            "another",
            "frame",
            "frames",
            "chunk",
            "chunks",
            "job",
            "headers",
            "segment",
            "cannot",
            "already",
            "give",
            "leads",
        ),
        *("page", "film", "archive", "sound", "video", "output", "composition"),
        *("reading", "writing", "fetching", "listing", "creating", "removing", "signing", "loading"),
    )
)
"""Words with which messages begin that do not begin with a name. Any other first word may be one: of a file, a host."""
LABEL_STYLES = {"error": "bold red", "warning": "bold yellow", "note": "bold cyan", "stopped": "bold yellow"}


class PrintableConsole(Console):
    """A console on which texts of pages, workers and clouds show as text. Only rich itself sends control sequences."""

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """The parts of what is printed, each printable."""
        for segment in super().render(renderable, options):
            if segment.control or segment.text.isprintable() or segment.text == "\n":
                yield segment
            else:
                text = "\n".join(map(printable, segment.text.split("\n")))
                yield Segment(text, segment.style, segment.control)


def stderr() -> Console:
    """Where progress, warnings and errors go; standard output is for results."""
    return PrintableConsole(stderr=True, highlight=False)


def stdout() -> Console:
    """Where results for people go."""
    console = PrintableConsole(highlight=False)
    return console if console.is_terminal else PrintableConsole(highlight=False, width=PIPED_WIDTH)


def print_json(value: dict[str, Any]) -> None:
    """One JSON object, indented, on standard output."""
    sys.stdout.write(orjson.dumps(value, option=orjson.OPT_INDENT_2).decode() + "\n")
    sys.stdout.flush()


def print_labelled(console: Console, label: str, text: str, remedy: str = "") -> None:
    """Prints a label with its message, and the remedy below it."""
    lines = [message(text), *([sentence(remedy)] if remedy else [])]
    if not console.is_terminal:
        between = "\n" if "\n" in lines[0] else " "
        console.print(f"{label}: {between.join(lines)}", markup=False, soft_wrap=True)
        return
    grid = Table.grid(padding=(0, 2))
    grid.add_column(no_wrap=True, style=LABEL_STYLES[label.lower()])
    grid.add_column(overflow="fold")
    grid.add_row(label, Text(lines[0]))
    for line in lines[1:]:
        grid.add_row("", Text(line, style="cyan"))
    console.print(grid)


def print_failure(error: BaseException) -> int:
    """Prints a failure, as text or as JSON. Returns the exit code."""
    failure = Failure.of(error)
    console = stderr()
    if debugging():
        console.print(traceback_text(error), markup=False, soft_wrap=True)
    if wants_json():
        print_json(failure.as_json())
        return failure.exit_code
    print_labelled(console, "Stopped" if failure.error == "Stopped" else "Error", failure.message, failure.remedy)
    if failure.report:
        console.print(f"       The report is {local_name(failure.report)}", markup=False, soft_wrap=True)
    return failure.exit_code


def message(text: str) -> str:
    """The sentence of what has happened, which may begin with the name of a file or a host: that stays as it is.

    >>> message("the disk is full"), message("api could not be loaded")
    ('The disk is full.', 'api could not be loaded.')
    """
    opening = text.split(maxsplit=1)[0] if text.strip() else ""
    return sentence(text) if opening in OPENINGS else _ended(text.strip())


def sentence(text: str) -> str:
    """Words of our own with a capital at the start, if they begin with a plain word, and a full stop at the end.

    >>> sentence("the disk is full")
    'The disk is full.'
    >>> sentence("--fps 29.97 is not exact")
    '--fps 29.97 is not exact.'
    """
    text = text.strip()
    first = text.split(maxsplit=1)[0] if text else ""
    if first.isalpha() and first.islower() and first != "heliosctl":
        text = text[0].upper() + text[1:]
    return _ended(text)


def _ended(text: str) -> str:
    return text if not text or text[-1] in ".!?…:" or "\n" in text else f"{text}."


def local_name(url: str) -> str:
    """A file:// URL as a path."""
    return url.removeprefix("file://")


def counted(number: int, what: str) -> str:
    """A number of things.

    >>> counted(1, "frame"), counted(30, "frame")
    ('1 frame', '30 frames')
    """
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def size_text(count: int) -> str:
    """A size in bytes for people.

    >>> size_text(999), size_text(4_200_000)
    ('999 bytes', '4.2 MB')
    """
    if count < 1000:
        return f"{count} bytes"
    value, unit = count / 1000, "kB"
    for larger in ("MB", "GB", "TB"):
        if value >= 999.5:
            value, unit = value / 1000, larger
    return f"{value:.1f} {unit}" if value < 99.95 else f"{value:.0f} {unit}"


def time_text(seconds: float) -> str:
    """A duration for people.

    >>> time_text(4.25), time_text(75), time_text(3725)
    ('4.2 s', '1:15', '1:02:05')
    """
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def time_code(frame: int, fps: Fraction) -> str:
    """A frame's time, to the millisecond.

    >>> time_code(75, Fraction(30)), time_code(2000, Fraction(24))
    ('2.500 s', '1:23.333')
    """
    milliseconds = round(frame * 1000 / fps)
    minutes, rest = divmod(milliseconds, 60_000)
    return f"{minutes}:{rest / 1000:06.3f}" if minutes else f"{rest / 1000:.3f} s"
