"""What a command costs, its whole process tree included."""

import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bench.renderers.supervise import Spec, measure


@pytest.fixture(autouse=True)
def _in_the_checkout(monkeypatch):
    """The supervisor is started as a module of the checkout."""
    monkeypatch.chdir(Path(__file__).parents[2])


def spec(tmp_path: Path, code: str, **changes: Any) -> Spec:
    argv = [sys.executable, "-c", code]
    plain = Spec(argv, str(tmp_path), dict(os.environ), str(tmp_path / "log.txt"), timeout=60)
    return replace(plain, **changes)


def test_processor_time_of_orphans_counts(tmp_path):
    orphan = "import time\nwhile time.process_time() < 0.5: pass"
    start = f"subprocess.Popen([sys.executable, '-c', {orphan!r}], start_new_session=True)"
    code = f"import subprocess, sys; {start}"
    usage = measure(spec(tmp_path, code, grace=60), tmp_path)
    assert usage.exit_code == 0
    assert usage.cpu_user + usage.cpu_system >= 0.5
    assert usage.leftovers == 0


def test_first_frame_and_memory_are_seen(tmp_path):
    code = "import time; held = b'x' * 50_000_000; print('frame 1', flush=True); time.sleep(1)"
    usage = measure(spec(tmp_path, code, first_frame="^frame"), tmp_path)
    assert usage.first_frame is not None
    assert usage.first_frame <= usage.wall - 0.5
    assert usage.peak_memory > 50_000_000
    assert (tmp_path / "log.txt").read_text() == "frame 1\n"


def test_a_command_out_of_time_ends_with_all_it_started(tmp_path):
    code = "import subprocess; subprocess.run(['sleep', '600'])"
    usage = measure(spec(tmp_path, code, timeout=5), tmp_path)
    assert usage.exit_code is None
    assert usage.leftovers == 2
