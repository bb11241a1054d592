"""Redefines everything that the clock touches, one name after the other, before the load and again in frame 3.

    python -m tests.integration.attacks.matrix [part of a name]

Prints how many attacks came to what, and those that fooled the clock or ended as an error of ours.
"""

from __future__ import annotations

import asyncio
import sys
from collections import Counter

from tests.integration.attacks.attacks import Target, by_name, shooting_range

HOWS = ("throws", "nothing", "never")
PACK = 20
"""Names that every object inherits are tried so many at a time: there are a thousand."""


def packs(targets: list[Target]) -> dict[str, list[Target]]:
    """What each page redefines, by what it is called."""
    inherited = [target for target in targets if target.inherited]
    groups = by_name(target for target in targets if not target.inherited)
    for start in range(0, len(inherited), PACK):
        pack = inherited[start : start + PACK]
        groups[f"{pack[0].key} to {pack[-1].key} (inherited)"] = pack
    return groups


async def main(part: str) -> int:
    """Runs the attacks whose name contains `part`; 1 if any of them fooled the clock."""
    outcomes: Counter[str] = Counter()
    async with shooting_range() as attacked:
        for number, (name, targets) in enumerate(packs(await attacked.targets()).items()):
            if part not in name:
                continue
            for before in (True, False):
                how = HOWS[(number + before) % len(HOWS)]
                outcome = await attacked.attack(targets, how=how, before=before)
                outcomes[outcome.kind] += 1
                if outcome.kind != "right":
                    when = "before the load" if before else "in frame 3"
                    print(f"{outcome.kind}: {name} {how} {when}: {outcome.details}", flush=True)
    print(", ".join(f"{count} {kind}" for kind, count in outcomes.most_common()))
    return 1 if outcomes["wrong"] + outcomes["ours"] else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main("".join(sys.argv[1:]))))
