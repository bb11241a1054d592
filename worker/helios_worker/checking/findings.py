"""What a check has found, and the rules that say what it means."""

import re
from dataclasses import dataclass
from typing import Literal

Severity = Literal["refused", "stateful", "slow", "unlike", "note"]
"""refused: the render ends with exit code 64. stateful: each chunk runs through all frames before it. slow: frames take
longer. unlike: the film differs from what a browser shows, or may. note: works, and is good to know."""
SEVERITIES: tuple[Severity, ...] = ("refused", "stateful", "slow", "unlike", "note")


@dataclass(frozen=True)
class Rule:
    """Something that a page may use.

    name: short, for programs. what: it is, in words. then: what happens in a film. remedy: what to do; "" for nothing.
    section: of docs/pages.md. source: what it looks like in a page's files; None where only its use shows it.
    """

    name: str
    severity: Severity
    what: str
    then: str
    remedy: str
    section: str
    source: re.Pattern[str] | None = None

    def found(self, file: str, line: int, what: str = "", more: int = 0) -> "Finding":
        """A finding by this rule at a place. what: it is here, if that can be said better than by the rule."""
        return Finding(
            self.name, self.severity, file, line, what or self.what, self.then, self.remedy, self.section, more
        )


@dataclass(frozen=True)
class Finding:
    """One finding.

    file, line: of the page, as its author names it; line 0 where there is none.
    more: at how many other places the same was found.
    """

    rule: str
    severity: Severity
    file: str
    line: int
    what: str
    then: str
    remedy: str
    section: str
    more: int = 0
