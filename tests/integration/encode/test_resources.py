"""Memory that does not grow with length, and disks that fill up. Each case is a process of its own."""

import json
import subprocess
import sys

import pytest

from tests.unit.encode.builders import segments, settings, units

CONCATENATE = """
import json, resource, sys
from pathlib import Path
from helios_worker.encode.film.concat import concatenate
from helios_worker.encode.video.settings import EncoderSettings

made, paths, frames, output, limit = json.loads(sys.argv[1])
if limit:
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
try:
    concatenate([Path(p) for p in paths], Path(output), EncoderSettings(**made), expected=frames)
    said = ""
except Exception as error:
    said = f"{type(error).__name__} {error}"
print(json.dumps([said, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss]))
"""


def concatenate_apart(made, paths, frames, output, limit=0) -> tuple[str, float]:
    """What the error said, and the process's largest memory in MiB."""
    job = json.dumps([made.model_dump(mode="json"), [str(p) for p in paths], frames, str(output), limit])
    done = subprocess.run(
        [sys.executable, "-c", CONCATENATE, job], capture_output=True, text=True, check=True, timeout=120
    )
    said, kib = json.loads(done.stdout)
    return said, kib / 1024


@pytest.fixture(scope="module")
def long_segment(tmp_path_factory):
    made = settings(unit_frames=50)
    paths, frames = segments(tmp_path_factory.mktemp("long"), made, units(made, 100), [2])
    return made, paths[0], frames[0]


def test_memory_does_not_grow_with_length(tmp_path, long_segment):
    """The index costs a few dozen bytes a frame; the film itself, 2 MB here, is never held."""
    made, path, frames = long_segment
    peaks = {}
    for count in (3, 100):
        said, peaks[count] = concatenate_apart(made, [path] * count, [frames] * count, tmp_path / "film.mp4")
        assert said == ""
    assert (tmp_path / "film.mp4").stat().st_size > 90 * path.stat().st_size
    assert peaks[100] - peaks[3] < 6, peaks


@pytest.mark.parametrize("share", [0.02, 0.5, 0.9, 0.99, 0.9999])
def test_a_full_disk_is_named_and_leaves_nothing(tmp_path, long_segment, share):
    """Also when it fills at the very end, while the index is written or moved to the front."""
    made, path, frames = long_segment
    whole = tmp_path / "whole.mp4"
    assert concatenate_apart(made, [path] * 5, [frames] * 5, whole)[0] == ""
    output = tmp_path / "film.mp4"
    limit = int(whole.stat().st_size * share)
    said, _ = concatenate_apart(made, [path] * 5, [frames] * 5, output, limit)
    assert said.startswith(f"ResourceError cannot write {output}"), said
    assert not output.exists()


def test_an_output_that_cannot_be_written_is_named(tmp_path, long_segment):
    made, path, frames = long_segment
    output = tmp_path / "missing" / "film.mp4"
    said, _ = concatenate_apart(made, [path], [frames], output)
    assert said.startswith(f"HeliosError cannot write {output}"), said
