"""Seams: where one renderer continues after another, both must have captured the same picture."""

from helios_crds.remedies import setting
from helios_worker.capture.faults import PageError
from helios_worker.jobs.spec import Chunk, Manifest


class SeamMismatch(PageError):
    """Two renderers captured different pictures of the same frame: the page depends on earlier frames."""

    def __init__(self, frame: int) -> None:
        super().__init__(
            f"frame {frame} looks different when the page jumps to it than when it plays up to it: "
            "the page keeps state from frame to frame",
            remedy=f"render with {setting('composition.seeking', 'Stateful')}",
        )
        self.frame = frame


def check_seams(chunks: tuple[Chunk, ...], manifests: list[Manifest]) -> tuple[str, ...]:
    """Compares the pictures at every seam.

    Returns:
        Warnings: chunks from different processor classes cannot be compared.

    Raises:
        SeamMismatch: two chunks differ at the frame where they meet.
    """
    classes = {manifest.engine.cpu for manifest in manifests}
    for chunk, before, after in zip(chunks[1:], manifests, manifests[1:], strict=False):
        if before.engine == after.engine and before.nextPicture != after.firstPicture:
            raise SeamMismatch(chunk.startFrame)
    if len(classes) > 1:
        return (f"chunks come from different processors ({', '.join(sorted(classes))}): joins were not compared",)
    return ()
