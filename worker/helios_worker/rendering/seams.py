"""Seams: where one renderer continues after another, both must have captured the same picture.

Pictures are equal or they are not: there is no tolerance, or the bytes of a film would depend on how it was cut.
"""

import hashlib
import io
from collections.abc import Iterable
from itertools import pairwise

from helios_crds.remedies import setting
from helios_crds.wire import SEEKING
from helios_worker.capture.faults import PageError
from helios_worker.jobs.spec import Chunk, FilmSpec, HeliosJob, Manifest
from helios_worker.rendering.run import Run

STATEFUL = "the page keeps state from frame to frame"
UNREPEATABLE = "look for what the virtual clock cannot control: network answers, a SharedWorker, live media"


class SeamMismatch(PageError):
    """Two renderers captured different pictures of the same frame.

    frame: its number. film: says how each of the two came to it.
    pictures: what each captured, of the renderer that came first and of the one that followed; empty where only their
    digests are left.
    """

    def __init__(self, frame: int, film: FilmSpec, pictures: tuple[bytes, bytes] | None = None) -> None:
        self.frame = frame
        far = f" ({difference(*pictures)})" if pictures else ""
        remedy = f"render with {setting('composition.seeking', 'Stateful')}"
        if film.drawn:
            what = f"is different in two runs that both drew every frame up to it{far}: the page is not repeatable"
            remedy = UNREPEATABLE
        elif film.stateful:
            what = f"looks different after frames that were drawn than after frames that were not{far}"
            remedy += ", which draws all frames"
        else:
            what = f"looks different when the page jumps to it than when it plays up to it{far}"
            what += f": {STATEFUL}"
        super().__init__(f"frame {frame} {what}", remedy=remedy)
        if not film.drawn:
            self.facts[SEEKING] = "Stateful"
        if pictures:
            self.pictures = {"before": pictures[0], "after": pictures[1]}


def digest_of(picture: bytes) -> str:
    """SHA-256 of a picture, for comparing two captures of a frame."""
    return hashlib.sha256(picture).hexdigest()


def difference(one: bytes, other: bytes) -> str:
    """How far two encoded pictures of one size differ, in words."""
    import numpy as np  # late, as it takes 0.2 s: only where something is wrong
    from PIL import Image

    before, after = (np.asarray(Image.open(io.BytesIO(data)).convert("RGB"), np.int16) for data in (one, other))
    apart = np.abs(before - after).max(axis=2)
    count = int((apart > 0).sum())
    return f"{count} pixel{'s' * (count != 1)} of {apart.size} differ, by {int(apart.max())} of 255 levels at most"


class TrialPictures:
    """Compares the pictures of a chunk with those that the plan has taken of the same frames, on another way.

    So a page that depends on the frames before is also found between two seams.
    """

    def __init__(self, job: HeliosJob) -> None:
        self._film = job.film
        self._expected = {taken.frame: taken.sha256 for taken in job.pictures}

    def check(self, frame: int, picture: bytes) -> None:
        """Compares a picture, if the plan has one of this frame.

        Raises:
            SeamMismatch: they differ.
        """
        expected = self._expected.get(frame)
        if expected is not None and expected != digest_of(picture):
            raise SeamMismatch(frame, self._film)


def check_runs(runs: Iterable[Run], film: FilmSpec) -> None:
    """Compares the pictures where the lanes of one chunk meet. runs: in order.

    Raises:
        SeamMismatch: two lanes differ, with both pictures.
    """
    for before, after in pairwise(runs):
        if before.following != after.picture:
            pictures = (before.following, after.picture) if before.following is not None else None
            raise SeamMismatch(after.first, film, pictures)


def check_seams(chunks: tuple[Chunk, ...], manifests: list[Manifest], film: FilmSpec) -> tuple[str, ...]:
    """Compares the pictures at every seam of the chunks, by their digests.

    Returns:
        Warnings: chunks from different processor classes cannot be compared.

    Raises:
        SeamMismatch: two chunks differ at the frame where they meet.
    """
    classes = {manifest.engine.cpu for manifest in manifests}
    for chunk, before, after in zip(chunks[1:], manifests, manifests[1:], strict=False):
        if before.engine == after.engine and before.nextPicture != after.firstPicture:
            raise SeamMismatch(chunk.startFrame, film)
    if len(classes) > 1:
        return (f"chunks come from different processors ({', '.join(sorted(classes))}): joins were not compared",)
    return ()
