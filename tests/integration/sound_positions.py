"""Whether sounds are where their page puts them, from the start of a film to ten minutes into it, at four frame rates.

    python -m tests.integration.sound_positions [--fps 24 30 60 30000/1001] [--minutes 10]

Each way to play a sound plays it at the start, in the middle and at the end. The page is planned and its sound mixed;
no frame is rendered. Clicks must be within 1 ms, bursts whose pitch is kept at another speed within 10 ms. Exits with 1
if one is not.
"""

import argparse
import sys
import tempfile
import wave
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from helios_crds.request import (
    AudioRequest,
    AudioTrackRequest,
    CompositionRequest,
    RenderRequest,
    VideoRequest,
)
from helios_crds.wire import Payload, Stage
from helios_worker.artifacts.blobs import Blobs
from helios_worker.artifacts.store import ArtifactStore
from helios_worker.encode.audio.mix import mix_sound
from helios_worker.jobs.sounds import load_sound_plan, sound_files
from helios_worker.jobs.spec import JobSpec
from helios_worker.runtime import WorkerRuntime

RATE = 48_000
CLICK, BURST = 0.05, (0.5, 0.7)
"""Seconds of the click in click.wav, and of the tone in burst.wav."""

PAGE = """<!doctype html>
<html data-width="160" data-height="90"><body>
<div data-composition-id="main" data-width="160" data-height="90">{clips}</div>{declared}
<script>
  const times = {times};
  const play = (element, at) => setTimeout(() => {{
    element.currentTime = 0;
    element.play();
  }}, Math.round(at * 1e6) / 1e3);
  const sound = (name, change) => Object.assign(new Audio(name), change);
  const turn = (element, at, rate) => setTimeout(() => {{
    element.playbackRate = rate;
  }}, Math.round(at * 1e6) / 1e3);
  const context = new AudioContext();
  const through = sound("click.wav");
  context.createMediaElementSource(through).connect(context.destination);
  const [faster, stretched] = [sound("click.wav", {{ preservesPitch: false }}), sound("burst.wav")];
  const rows = {{
    0: sound("click.wav"),
    0.4: sound("click.wav", {{ playbackRate: 2, preservesPitch: false }}),
    0.5: sound("click.wav", {{ playbackRate: 0.5, preservesPitch: false }}),
    0.8: through,
    0.9: faster,
    2: sound("burst.wav", {{ playbackRate: 2 }}),
    3: sound("burst.wav", {{ playbackRate: 0.5 }}),
    5: stretched,
  }};
  for (const time of times) {{
    turn(faster, time + 0.89, 1);
    turn(faster, time + 0.92, 2);
    turn(stretched, time + 4.99, 1);
    turn(stretched, time + 5.6, 2);
  }}
  for (const [row, element] of Object.entries(rows)) for (const time of times) play(element, time + Number(row));
  const buffer = context.createBuffer(1, 100, 48000);
  buffer.getChannelData(0)[0] = 0.7;
  for (const time of times) {{
    const source = new AudioBufferSourceNode(context, {{ buffer }});
    source.connect(context.destination);
    source.start(time + 0.15);
  }}
</script>"""
CLICKS = {
    "<audio>": 0 + CLICK,
    "AudioContext": 0.15,
    "data-start": 0.2 + CLICK,
    "data-helios-offset": 0.3 + CLICK,
    "twice as fast": 0.4 + CLICK / 2,
    "half as fast": 0.5 + CLICK * 2,
    "request": 0.7 + CLICK,
    "createMediaElementSource": 0.8 + CLICK,
    "twice as fast from 20 ms on": 0.92 + (CLICK - 0.02) / 2,
}
BURSTS = {
    "twice as fast, same pitch": (2 + BURST[0] / 2, 2 + BURST[1] / 2),
    "half as fast, same pitch": (4, 4.4),
    "twice as fast from the middle on, same pitch": (5.5, 5.65),
}


def write(path: Path, samples: NDArray[np.float64]) -> None:
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, RATE, 0, "NONE", ""))
        file.writeframes((samples * 32_767).astype("<i2").tobytes())


def page(folder: Path, times: list[float]) -> Path:
    """Writes the page and its sounds."""
    click = np.zeros(RATE // 10)
    click[round(CLICK * RATE)] = 0.7
    write(folder / "click.wav", click)
    at = np.arange(RATE) / RATE
    write(folder / "burst.wav", np.where((at >= BURST[0]) & (at < BURST[1]), 0.4 * np.sin(2 * np.pi * 1000 * at), 0))
    clips = "".join(f"<audio src=click.wav data-start={time + 0.2} data-duration=0.1></audio>" for time in times)
    declared = "".join(f"<audio src=click.wav data-helios-offset={time + 0.3}></audio>" for time in times)
    (folder / "index.html").write_text(PAGE.format(clips=clips, declared=declared, times=times))
    return folder / "index.html"


def mixed(folder: Path, fps: str, seconds: float, times: list[float]) -> NDArray[np.float32]:
    """The samples of the film's sound as they are heard: its page is planned, and its sound mixed."""
    store = ArtifactStore((folder / "store").as_uri())
    tracks = tuple(AudioTrackRequest(url=str(folder / "click.wav"), start=time + 0.7) for time in times)
    request = RenderRequest(
        composition=CompositionRequest(url=str(page(folder, times))),
        video=VideoRequest(fps=fps, duration=seconds),
        audio=AudioRequest(tracks=tracks),
        output=str(folder / "out.mp4"),
    )
    store.put("requests/1.json", request.model_dump_json().encode())
    runtime = WorkerRuntime(folder, lanes=1)
    try:
        reply = runtime.process(Payload(jobPath=f"{store.url}requests/1.json", stage=Stage.PLAN))
    finally:
        runtime.close()
    if reply.result is None:
        raise SystemExit(reply.stderr)
    job = JobSpec.model_validate_json(store.get(reply.result["jobPath"].removeprefix(store.url)) or b"")
    plan = load_sound_plan(store, job.ours.sound)
    mix = mix_sound(plan, sound_files(store, plan, Blobs(folder)), folder)
    with av.open(mix.file) as container:
        frames = [frame for frame in container.decode(audio=0) if (frame.pts or 0) >= 0]
        return np.concatenate([frame.to_ndarray()[0] for frame in frames])


def found(samples: NDArray[np.float32], about: float) -> float:
    """Milliseconds between the loudest sample near a time and that time."""
    first = round((about - 0.02) * RATE)
    return (first + int(np.abs(samples[first : first + round(0.04 * RATE)]).argmax())) / RATE * 1000 - about * 1000


def edges(samples: NDArray[np.float32], start: float, end: float) -> tuple[float, float]:
    """Milliseconds by which a burst begins and ends off its time: where its loudness passes half."""
    first = round((start - 0.1) * RATE)
    part = np.abs(samples[first : round((end + 0.1) * RATE)])
    loud = np.convolve(part, np.ones(96) / 96, "same")
    above = np.nonzero(loud > loud.max() / 2)[0]
    return (
        (first + above[0]) / RATE * 1000 - start * 1000,
        (first + above[-1]) / RATE * 1000 - end * 1000,
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--fps", nargs="*", default=["24", "30", "60", "30000/1001"])
    parser.add_argument("--minutes", type=float, default=10)
    options = parser.parse_args()
    seconds = options.minutes * 60 + 10
    times = [1.0, float(round(options.minutes * 30)), options.minutes * 60.0]
    wrong = 0
    print("| fps | way | start | middle | end |\n|---|---|---|---|---|")
    for fps in options.fps:
        with tempfile.TemporaryDirectory() as folder:
            samples = mixed(Path(folder), fps, seconds, times)
        expected = round(Fraction(round(Fraction(seconds) * Fraction(fps)), 1) / Fraction(fps) * RATE)
        if abs(len(samples) - expected) > 1024:
            print(f"{len(samples)} samples, not {expected}")
            wrong += 1
        for way, after in CLICKS.items():
            off = [found(samples, time + after) for time in times]
            wrong += sum(abs(each) > 1 for each in off)
            print(f"| {fps} | {way} | {' | '.join(f'{each:+.3f} ms' for each in off)} |", flush=True)
        for way, (start, end) in BURSTS.items():
            both = [edges(samples, time + start, time + end) for time in times]
            wrong += sum(abs(each) > 10 for pair in both for each in pair)
            print(f"| {fps} | {way} | {' | '.join(f'{a:+.1f}, {b:+.1f} ms' for a, b in both)} |", flush=True)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
