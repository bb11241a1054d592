"""What a page asks of the composition that it is served from, whose room is beside its own."""

from typing import Protocol


class ServedFiles(Protocol):
    """The composition's files."""

    async def ends_early(self, path: str) -> bool:
        """Whether the file at a path is a picture whose end is missing."""
        ...

    def explain_missing(self, path: str) -> tuple[str, str]:
        """Why there is no file at a path, and what to do about it; "" where nothing is known."""
        ...
