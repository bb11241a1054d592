"""Mixing in its process: what comes out of it, and what is said where it ends without an answer."""

import os
import platform
import signal
import subprocess
import sys
import threading
import time
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from helios_worker.encode.audio import mix
from helios_worker.encode.audio.errors import SoundUnusable
from helios_worker.encode.audio.mix import mix_sound, sound_lengths
from helios_worker.encode.audio.sound_plan import Piece, SoundEncoding
from helios_worker.encode.audio.tasks import MARK, NONE, SEVERAL
from helios_worker.errors import UserError
from tests.unit.encode.sounds import clicks, plan_of, tone, write

RATE = 48_000


@pytest.mark.parametrize("codec", ["aac", "opus"])
def test_sample_0_is_heard_at_0(tmp_path, codec):
    path = write(tmp_path / "a.wav", clicks(RATE, 3, [0.1, 1, 2.9]), RATE)
    plan = plan_of([path], Piece(source=0, start=0, duration=3), seconds=3, encoding=SoundEncoding(codec=codec))
    mixed = mix_sound(plan, [path], tmp_path)
    with av.open(str(mixed.file)) as container:
        stream = container.streams.audio[0]
        assert stream.duration is not None
        assert stream.time_base is not None
        assert stream.start_time == 0
        assert float(stream.duration * stream.time_base) == 3
        heard = np.zeros(3 * RATE)
        for frame in container.decode(stream):
            assert frame.pts is not None
            part = np.abs(frame.to_ndarray()).reshape(2, -1).max(axis=0)[: len(heard) - frame.pts]
            heard[frame.pts : frame.pts + len(part)] = part
    assert np.flatnonzero(heard > 0.4).tolist() == [4_800, 48_000, 139_200]
    assert mixed.report.samples == 3 * RATE
    assert mixed.report.memory < 300 << 20


def test_the_loudness_asked_for_is_reached(tmp_path):
    path = write(tmp_path / "quiet.wav", tone(RATE, 5, 1000, 0.01), RATE)
    encoding = SoundEncoding(loudness=-20)
    report = mix_sound(
        plan_of([path], Piece(source=0, start=0, duration=5), seconds=5, encoding=encoding), [path], tmp_path
    ).report
    assert report.loudness == pytest.approx(-20, abs=0.1)
    assert report.limited == 0


def test_a_source_that_is_no_sound_is_named(tmp_path):
    good, bad = write(tmp_path / "a.wav", tone(RATE, 1), RATE), tmp_path / "bad.mp3"
    bad.write_text("<!doctype html>")
    with pytest.raises(SoundUnusable, match=r"music\.mp3 is no sound that can be read: it is an HTML page") as error:
        sound_lengths([good, bad], ["good.wav", "music.mp3"], [True, True], tmp_path)
    assert error.value.exit_code == 64


@pytest.mark.parametrize("processors", [1, 4])
def test_a_crash_of_a_decoder_is_one_error_that_names_the_source(tmp_path, monkeypatch, processors):
    """The process is ended as a fault of memory ends it, while it decodes: one source or several at once."""
    monkeypatch.setattr(mix, "cpu_count", lambda: processors)
    path = write(tmp_path / "a.flac", tone(RATE, 60), RATE, kind="flac", codec="flac")
    pieces = [Piece(source=0, start=0, duration=3000, rate=16) for _ in range(20)]
    plan = plan_of([path], *pieces, seconds=3000)
    threading.Thread(target=end_at_work, args=(tmp_path / "sound.mark", signal.SIGSEGV), daemon=True).start()
    with pytest.raises(SoundUnusable, match=r"^a\.flac crashes its decoder \(SIGSEGV\)"):
        mix_sound(plan, [path], tmp_path)


def end_at_work(mark: Path, number: int) -> None:
    """Ends the mixing process of this one as soon as it says that it decodes, and once more if several at once."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if mark.exists() and (data := mark.read_bytes()) and (source := MARK.unpack(data)[0]) != NONE:
            for child in children():
                os.kill(child, number)
            if source != SEVERAL:
                return
        time.sleep(0.001)


def children() -> list[int]:
    """The mixing processes that this one has started."""
    started = [text for task in Path("/proc/self/task").iterdir() for text in (task / "children").read_text().split()]
    return [int(text) for text in started if mix.MODULE in Path(f"/proc/{text}/cmdline").read_text()]


@pytest.mark.parametrize("processors", [1, 4])
def test_a_source_that_takes_too_long_is_named(tmp_path, monkeypatch, processors):
    monkeypatch.setattr(mix, "cpu_count", lambda: processors)
    monkeypatch.setattr(mix, "CPU_SECONDS", 1)
    monkeypatch.setattr(mix, "CPU_SHARE", 0.0)
    path = write(tmp_path / "a.flac", tone(RATE, 60), RATE, kind="flac", codec="flac")
    pieces = [Piece(source=0, start=0, duration=3000, rate=16) for _ in range(20)]
    with pytest.raises(SoundUnusable, match=r"^a\.flac cannot be decoded: it takes too long"):
        mix_sound(plan_of([path], *pieces, seconds=3000), [path], tmp_path)


@pytest.mark.parametrize("processors", [1, 4])
def test_a_source_that_takes_too_much_memory_is_named(tmp_path, monkeypatch, processors):
    monkeypatch.setattr(mix, "cpu_count", lambda: processors)
    path = write(tmp_path / "a.wav", tone(RATE, 2), RATE)
    monkeypatch.setattr(mix, "MEMORY", 150 << 20)
    rates = [15 + Fraction(number, 1009) for number in range(60)]  # each has a filter of 8 MiB
    pieces = [Piece(source=0, start=0, duration=2, rate=rate, preservesPitch=False) for rate in rates]
    with pytest.raises(SoundUnusable, match=r"^a\.wav cannot be decoded: it takes more than 150 MiB of memory"):
        mix_sound(plan_of([path], *pieces, seconds=2), [path], tmp_path)


def test_a_hundred_tracks_at_once_need_no_more_than_their_share(tmp_path, monkeypatch):
    """Each opens its file, a decoder and a resampler, which must not start a thread for each processor."""
    monkeypatch.setattr(mix, "MEMORY", 600 << 20)
    path = write(tmp_path / "a.mp3", tone(44_100, 1), 44_100, kind="mp3", codec="libmp3lame")
    pieces = [Piece(source=0, start=Fraction(number, 1000), duration=1, gain=0.01) for number in range(100)]
    assert mix_sound(plan_of([path], *pieces, seconds=1), [path], tmp_path).report.samples == RATE


def test_too_many_tracks_at_once_are_none_of_a_files_fault(tmp_path, monkeypatch):
    monkeypatch.setattr(mix, "MEMORY", 150 << 20)
    monkeypatch.setattr(mix, "MANY", 20)
    path = write(tmp_path / "a.wav", tone(RATE, 2), RATE)
    rates = [15 + Fraction(number, 1009) for number in range(60)]
    pieces = [Piece(source=0, start=0, duration=2, rate=rate, preservesPitch=False) for rate in rates]
    with pytest.raises(UserError, match="the film plays 60 sounds at once, which take more than 150 MiB of memory"):
        mix_sound(plan_of([path], *pieces, seconds=2), [path], tmp_path)


def test_the_process_has_no_secrets(monkeypatch):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s3cret")
    assert "s3cret" not in str(mix._environment())


@pytest.mark.skipif(platform.machine() != "x86_64", reason="other processors have no baseline yet")
@pytest.mark.parametrize("rates", ["", ", rates=CURVE", ", rates=CURVE, preservesPitch=False"])
def test_the_bytes_do_not_depend_on_the_processor(tmp_path, rates):
    """With all that this processor has, resampling gives other samples than with what every one has."""
    noise = np.random.default_rng(1).normal(0, 0.2, (2, 88_200)).astype(np.float32)
    path = write(tmp_path / "a.mp3", noise, 44_100, kind="mp3", codec="libmp3lame")
    script = f"""
import sys, hashlib, pathlib, av
from helios_worker.encode.audio.one_cpu import compute_alike
from helios_worker.encode.audio.reader import SoundReader
from helios_worker.encode.audio.voice import Voice
from tests.unit.encode.sounds import plan_of
from helios_worker.encode.audio.sound_plan import Piece, RateCurve
CURVE = RateCurve(tick="1/30", points=[(n, 1000000 + n * 50000) for n in range(1, 30)])
assert sys.argv[1] == "own" or compute_alike()
path = pathlib.Path({str(path)!r})
part = plan_of([path], Piece(source=0, start=0, duration=1{rates})).score([path]).parts[0]
voice = Voice(part, lambda: SoundReader(path, "a"), 0)
print(hashlib.sha256(voice.read(48_000).tobytes()).hexdigest())
"""
    less = {
        "GLIBC_TUNABLES": "glibc.cpu.hwcaps=-AVX2,-FMA,-AVX512F",
        "NPY_DISABLE_CPU_FEATURES": " ".join(
            each
            for each, there in np._core._multiarray_umath.__cpu_features__.items()  # type: ignore[attr-defined]
            if there and each in np._core._multiarray_umath.__cpu_dispatch__  # type: ignore[attr-defined]
        ),
        "OPENBLAS_CORETYPE": "Nehalem",
    }
    digests = [
        subprocess.run(
            [sys.executable, "-c", script, which],
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, **more},
        ).stdout
        for which, more in (("own", {}), ("alike", {}), ("alike", less))
    ]
    assert digests[1] == digests[2]
    assert rates or digests[0] != digests[1] or "avx2" not in Path("/proc/cpuinfo").read_text()
