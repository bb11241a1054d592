"""What can be wrong with a source of sound."""

from helios_worker.errors import UserError

NO_SOUND = "holds no sound"


class OutOfMemory(Exception):
    """A mix needs more memory than it may take. playing: parts that were open."""

    def __init__(self, playing: int) -> None:
        super().__init__(playing)
        self.playing = playing


class SoundUnusable(UserError):
    """A source cannot be heard: it is no sound, is damaged, or asks too much of its decoder. name: of the source."""

    def __init__(self, name: str, problem: str, *, remedy: str) -> None:
        super().__init__(f"{name} {problem}", remedy=remedy)
        self.name = name
        self.problem = problem
