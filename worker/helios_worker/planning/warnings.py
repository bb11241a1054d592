"""What a plan warns of. job.json keeps the texts; a check needs to know what each is about."""

from dataclasses import dataclass
from typing import Literal

Kind = Literal["undeclared", "stateful", "drawn", "glyphs", "page", "slow", "live", "redirect", "sound"]
"""undeclared: its size or rate. stateful, drawn: it depends on the frames before, and on their being drawn.
glyphs: no font has some characters. page: what its console says. slow: what makes it slow. live: answers that were not
recorded. redirect: it is led to another origin. sound: what was meant to be heard and is not."""


@dataclass(frozen=True)
class PlanWarning:
    """One warning. text: in words, with the marks of helios_crds.remedies."""

    kind: Kind
    text: str
