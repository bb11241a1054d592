"""What a page plays is as loud in the film as the page has it: within 0.5 dB, and fades within 1 dB at each frame."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np

from tests.integration.worker.project import Project
from tests.integration.worker.sounds import RATE, mixed, write_wav

FPS, SLOT, LENGTH, LEVEL = 30, 0.5, 0.4, 0.25
"""Each row has a slot of the film in seconds, of which it plays so long. LEVEL: the amplitude of the test's tone."""

Level = Callable[[float], float]


def tone(seconds: float, level: float = LEVEL) -> np.ndarray:
    """A tone of 1 kHz."""
    return 32767 * level * np.sin(2 * np.pi * 1000 * np.arange(round(seconds * RATE)) / RATE)


def write_video(path: Path) -> None:
    """A video of one colour with the tone."""
    with av.open(str(path), "w") as file:
        video = file.add_stream("libvpx", rate=FPS)
        video.width, video.height = 64, 64
        sound = file.add_stream("libopus", rate=RATE, layout="mono")
        for _ in range(30):
            file.mux(video.encode(av.VideoFrame(64, 64, "yuv420p")))
        frame = av.AudioFrame.from_ndarray(tone(1).astype("<i2")[None], format="s16", layout="mono")
        frame.rate, frame.pts = RATE, 0
        file.mux(video.encode())
        file.mux([*sound.encode(frame), *sound.encode()])


PAGE = """
<audio src="tone.wav#t=0,0.4" autoplay></audio>
<video src=tone.webm></video>
<div data-composition-id=main data-width=160 data-height=90 data-duration=7>
  <audio src=tone.wav data-start=4 data-duration=0.4 data-volume=0.5></audio>
  <audio src=tone.wav data-start=4.5 data-duration=0.4 data-fade-in=0.2 data-fade-out=0.2></audio>
</div>
<audio src=short.wav data-helios-offset=5 data-helios-fade-in=0.2 data-helios-fade-out=0.1></audio>
<script>
  const context = new AudioContext();
  const sound = (name, change = {}) => Object.assign(new Audio(name), change);
  const at = (slot, element) => {
    setTimeout(() => element.play(), slot * 500);
    setTimeout(() => element.pause(), slot * 500 + 400);
    return element;
  };
  at(1, sound("tone.wav", { volume: 0.5 }));
  const faded = at(2, sound("tone.wav"));
  at(3, sound("tenth.wav", { loop: true }));
  at(4, sound("tone.wav", { playbackRate: 2 }));
  at(5, sound("tone.wav", { playbackRate: 0.5, preservesPitch: false }));
  const changed = at(6, sound("tone.wav"));
  setTimeout(() => { changed.src = "soft.wav"; changed.play(); }, 3200);
  at(7, document.querySelector("video"));
  const routed = at(11, sound("tone.wav"));
  context.createMediaElementSource(routed).connect(context.destination);
  const gain = new GainNode(context, { gain: 0 });
  const oscillator = new OscillatorNode(context, { frequency: 1000 });
  gain.gain.setValueAtTime(0.25, 6);
  gain.gain.linearRampToValueAtTime(0.025, 6.4);
  oscillator.connect(gain).connect(context.destination);
  oscillator.start(6);
  oscillator.stop(6.4);
  requestAnimationFrame(function fade(now) {
    const part = (slot) => Math.min(1, Math.max(0, (now / 1000 - slot * 0.5) / 0.4));
    faded.volume = 1 - part(2);
    routed.volume = 1 - part(11) ** 2;
    requestAnimationFrame(fade);
  });
</script>"""


def flat(level: float) -> Level:
    return lambda _: level


def faded(fade_in: float, fade_out: float, level: float = 1) -> Level:
    return lambda time: level * min(1, time / fade_in, (LENGTH - time) / fade_out)


ROWS: dict[str, Level] = {
    "autoplay, #t=": flat(1),
    "play(), volume": flat(0.5),
    "volume set in each frame": lambda time: 1 - time / LENGTH,
    "loop": flat(1),
    "playbackRate, the pitch kept": flat(1),
    "playbackRate, the pitch not kept": flat(1),
    "src changed": lambda time: 1 if time < 0.2 else 0.5,
    "a video's own sound": flat(1),
    "data-volume": flat(0.5),
    "data-fade-in, -fade-out": faded(0.2, 0.2),
    "data-helios-fade-in, -fade-out": faded(0.2, 0.1),
    "createMediaElementSource, volume set in each frame": lambda time: 1 - (time / LENGTH) ** 2,
    "a ramp of an AudioParam": lambda time: 1 - 0.9 * time / LENGTH,
    "a track of the request": faded(0.1, 0.2, 10 ** (-6 / 20)),
}


def decibels(factor: float) -> float:
    return 20 * math.log10(max(factor, 1e-9))


def test_levels(project: Project):
    folder = project.folder / "page"
    project.ask("")
    write_wav(folder / "tone.wav", tone(2))
    write_wav(folder / "soft.wav", tone(2, LEVEL / 2))
    write_wav(folder / "tenth.wav", tone(0.1))
    write_wav(folder / "short.wav", tone(LENGTH))
    write_video(folder / "tone.webm")
    track = {
        "url": str(folder / "tone.wav"),
        "start": 6.5,
        "duration": LENGTH,
        "gainDb": -6,
        "fadeIn": 0.1,
        "fadeOut": 0.2,
    }
    result = project.plan(PAGE, frames=round(len(ROWS) * SLOT * FPS), chunk=300, audio={"tracks": [track]})
    assert not result["warnings"]
    samples = mixed(project)
    wrong = []
    for row, (name, level) in enumerate(ROWS.items()):
        limit = 0.5 if len({level(0.1), level(0.3)}) == 1 else 1.0
        for frame in range(1, round(LENGTH * FPS)):
            time = frame / FPS
            middle = round((row * SLOT + time) * RATE)
            factor = np.sqrt(np.mean(samples[middle - 240 : middle + 240] ** 2)) * np.sqrt(2) / LEVEL
            expected = level(time)
            is_step = abs(level(time - 0.01) - level(time + 0.01)) > 0.1
            if expected > 0.05 and not is_step and abs(decibels(factor) - decibels(expected)) > limit:
                wrong.append(f"{name}: {decibels(factor):.2f} dB after {time:.3f} s, not {decibels(expected):.2f}")
    assert wrong == []
