"""Damages sound files at random and reads them as the mix does: each is heard or refused by name, and nothing else.

    python -m tests.integration.damaged_sounds [--seconds 60] [--seed 1]

Files of all formats are cut off, or have some of their bytes changed, at their beginning or anywhere. They are read by
forks of this process, so that a crash is one outcome of many; its file is kept. Exits with 1 if there was one, or an
error that is none of ours, or a file that took more than ten seconds of CPU time.
"""

import argparse
import collections
import os
import random
import resource
import sys
import tempfile
import time
from pathlib import Path

import av
import numpy as np

from helios_worker.encode.audio.errors import SoundUnusable
from helios_worker.encode.audio.reader import SoundReader
from tests.unit.encode.sounds import KINDS, write

SECONDS = 8
MOST_CPU = 10.0
FORKED = 50
"""Files that a fork reads before its end."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    av.logging.set_level(av.logging.PANIC)
    chance = random.Random(options.seed)
    end = time.monotonic() + options.seconds
    outcomes: collections.Counter[str] = collections.Counter()
    with tempfile.TemporaryDirectory(prefix="helios-damaged-") as name:
        whole = [file.read_bytes() for file in sources(Path(name))]
        while time.monotonic() < end:
            outcomes += one_fork(whole, chance.getrandbits(32), Path(name))
    for outcome, count in outcomes.most_common():
        print(f"{count:6} {outcome}")
    return 1 if any(outcome.startswith("WRONG") for outcome in outcomes) else 0


def sources(folder: Path) -> list[Path]:
    """A file of each format, with noise, so that all of a decoder works."""
    made = []
    for name, kind, codec, rate in KINDS:
        noise = np.random.default_rng(1).normal(0, 0.2, (2, rate * SECONDS)).astype(np.float32)
        made.append(write(folder / name, noise, rate, kind=kind, codec=codec))
    return made


def one_fork(whole: list[bytes], seed: int, folder: Path) -> "collections.Counter[str]":
    """What came of some files; a crash counts as one outcome."""
    log, file = folder / "outcomes", folder / "damaged"
    log.write_text("")
    child = os.fork()
    if child == 0:
        chance = random.Random(seed)
        with log.open("a", buffering=1) as told:
            for _ in range(FORKED):
                file.write_bytes(damaged(chance.choice(whole), chance))
                told.write(f"{outcome(file)}\n")
        os._exit(0)
    _, status = os.waitpid(child, 0)
    found = collections.Counter(log.read_text().splitlines())
    if status:
        kept = Path(tempfile.gettempdir()) / f"helios-damaged-{seed}"
        kept.write_bytes(file.read_bytes())
        found[f"WRONG: a crash, status {status}, by {kept}"] += 1
    return found


def damaged(data: bytes, chance: random.Random) -> bytes:
    """A copy that is cut off, or has some other bytes."""
    copy = bytearray(data)
    if chance.random() < 0.3:
        del copy[chance.randrange(len(copy)) :]
    reach = min(len(copy), chance.choice([200, 2_000, len(data)]))
    for _ in range(chance.choice([1, 3, 20, 200]) if reach else 0):
        copy[chance.randrange(reach)] = chance.randrange(256)
    return bytes(copy)


def outcome(file: Path) -> str:
    """What comes of reading a file from its start, its middle and its end."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_utime
    try:
        reader = SoundReader(file, "it")
        for second in (5, 0, 3):
            reader.seek(second * reader.rate)
            reader.read(reader.rate)
        reader.length()
        reader.close()
        told = "it is heard"
    except SoundUnusable as error:
        told = f"it {error.problem.split(':')[0].split('(')[0]}"
        told = "".join("N" if character.isdigit() else character for character in told)
    except Exception as error:
        return f"WRONG: {type(error).__name__}: {error}".replace("\n", " ")
    took = resource.getrusage(resource.RUSAGE_SELF).ru_utime - before
    return told if took < MOST_CPU else f"WRONG: {took:.0f} s of CPU"


if __name__ == "__main__":
    sys.exit(main())
