"""The errors of the worker, grouped by who can do something about them.

::

    HeliosError                 exit 1   worth another attempt
    ├── UserError               exit 64  the input is wrong: never retried
    ├── ResourceError           exit 75  memory, disk or the machine ran out
    ├── NetworkTrouble                   a web server or the way to it fails for now
    ├── BadPicture                       a captured picture cannot be encoded
    ├── EncodeError                      the encoder or its caller broke a rule of the encode unit
    ├── OtherEngine                      the job was planned with other software: plan it again
    └── CorruptArtifact                  stored bytes are not what they should be: make them again
        ├── CorruptBlob                  a composition's file in the store is missing or altered; names both
        ├── CorruptSegment               a video file is damaged; names the file and the frame
        └── SegmentMismatch              a segment does not belong to this film; names its index
"""

from typing import Any, ClassVar

from helios_crds.remedies import in_request


class HeliosError(Exception):
    """Base of all errors that this worker raises on purpose.

    message: what happened, with the numbers.
    remedy: what the reader can do about it, or "" where there is nothing to do. A setting in it is a mark of
    helios_crds.remedies, for the reader's own words.
    facts: what the caller's program can use, as JSON; part of the reply's result.
    exit_code: how a process that ends with this error exits.
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, remedy: str = "") -> None:
        super().__init__(message, remedy)
        self.message = message
        self.remedy = remedy
        self.facts: dict[str, Any] = {}

    def __str__(self) -> str:
        return f"{self.message}; {in_request(self.remedy)}" if self.remedy else self.message


class UserError(HeliosError):
    """The request cannot be carried out as written. The same run would fail again."""

    exit_code: ClassVar[int] = 64


class ResourceError(HeliosError):
    """The machine ran out of something; the same run may succeed elsewhere or later."""

    exit_code: ClassVar[int] = 75


class NetworkTrouble(HeliosError):
    """A web server, or the way to it, fails in a manner that passes: another attempt may succeed."""


class CorruptArtifact(HeliosError):
    """A file is damaged or does not hold what its manifest says; rendering it again cures it."""


class BadPicture(HeliosError):
    """A captured picture is damaged, has the wrong size, or carries too little colour."""


class EncodeError(HeliosError):
    """The encoder refused its options, or was given frames outside its unit."""


class OtherEngine(HeliosError):
    """This worker would render other pixels than the job was planned with, or does not read what the other one wrote.

    Nobody's mistake: an upgrade in the middle of a render does it. Who drives the render plans it again, or sends the
    chunk elsewhere; helios_crds.wire.OTHER_ENGINE is this name.
    """

    def __init__(self, difference: str) -> None:
        super().__init__(
            f"the job was planned with other software: {difference}",
            remedy="use one image for all workers, or render the page again, which plans a new job",
        )


class CorruptBlob(CorruptArtifact):
    """A file of a composition is missing in the store, or is not what was put there.

    name: the composition's own name for it. place: its address in the store, which ends in its SHA-256.
    """

    def __init__(self, name: str, place: str, damage: str) -> None:
        super().__init__(
            f"{name} is {damage} in the artifacts: {place}",
            remedy="run the same render again: its plan stores the file again, and finished chunks are kept",
        )
        self.name = name
        self.place = place


class CorruptSegment(CorruptArtifact):
    """A video file is truncated or damaged.

    name: which file. frame: first frame that is missing or bad, counted from the file's start; None if the
    file cannot be opened at all. index: the segment's place in the film; None outside of a stitch.
    """

    index: int | None = None

    def __init__(self, name: str, problem: str, *, frame: int | None = None) -> None:
        where = f"{name}, frame {frame}" if frame is not None else name
        super().__init__(f"{where}: {problem}", remedy="render this segment again")
        self.name = name
        self.frame = frame


class SegmentMismatch(CorruptArtifact):
    """A segment is whole but does not fit: other codec parameters or another number of frames than planned.

    index: its place in the film, from 0.
    """

    def __init__(self, index: int, problem: str) -> None:
        super().__init__(f"segment {index}: {problem}", remedy="render this segment again with the job's settings")
        self.index = index
