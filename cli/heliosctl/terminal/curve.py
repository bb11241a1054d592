"""A bar chart in text: the cost per frame over the length of a film."""

from collections.abc import Sequence

BLOCKS = "▁▂▃▄▅▆▇█"


def bars(values: Sequence[float], *, height: int = 4) -> list[str]:
    """A bar chart from zero, one column for each value, as lines from the top down.

    >>> bars([1, 2, 4], height=1)
    ['▂▄█']
    """
    peak = max(values, default=0.0)
    if peak <= 0:
        return ["▁" * len(values)]
    eighths = [max(1, round(value / peak * height * 8)) for value in values]
    return ["".join(_cell(filled - 8 * row) for filled in eighths) for row in reversed(range(height))]


def _cell(eighths: int) -> str:
    return " " if eighths <= 0 else BLOCKS[min(eighths, 8) - 1]
