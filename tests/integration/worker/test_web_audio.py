"""Libraries of Web Audio lose no note, and AudioContexts cost what they play, however many a page makes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler

import numpy as np
import pytest

from helios_crds.wire import ExitCode
from helios_worker.artifacts.blobs import Blobs
from helios_worker.encode.audio.sound_plan import SoundPlan
from helios_worker.jobs.sounds import sound_files
from tests.integration.worker.project import Project
from tests.integration.worker.sounds import RATE, clicks_in, mixed, pieces_of, write_wav
from tests.integration.worker.web_host import WebHost

Plan = Callable[..., SoundPlan | None]

CLICK = """<script>
  const clickOf = (context) => {
    const buffer = context.createBuffer(1, 4800, 48000);
    buffer.getChannelData(0)[0] = 0.8;
    return new AudioBufferSourceNode(context, { buffer });
  };
</script>"""

PLAYER = f"""{CLICK}<script>
  const context = new AudioContext();
  let [begun, rounds] = [0, 0];
  const play = () => {{
    const click = clickOf(context);
    begun = context.currentTime;
    click.onended = () => {{
      if (context.currentTime - begun >= click.buffer.duration && (rounds += 1) < 3) play();
    }};
    click.connect(context.destination);
    click.start();
  }};
  setTimeout(play, 250);
</script>"""


def test_a_sound_has_ended_when_its_page_is_told_so(project: Project, planned: Plan):
    planned(PLAYER)
    assert len(clicks_in(mixed(project))) == 3


PLANNED = f"""{CLICK}<script>
  const context = new AudioContext();
  // As Tone.js does: what is due in the next tenth of a second is started, from one timer to the next.
  const [TICKS, AHEAD] = [320, 0.1];
  const begin = context.currentTime + AHEAD;
  let from = begin;
  setInterval(() => {{
    const until = context.currentTime + AHEAD;
    for (let tick = Math.ceil((from - begin) * TICKS); begin + tick / TICKS < until; tick += 1) {{
      if (begin + tick / TICKS < from || tick % 96) continue;
      const click = clickOf(context);
      click.connect(context.destination);
      click.start(begin + tick / TICKS);
    }}
    from = until;
  }}, 50);
</script>"""


def test_no_beat_is_lost_between_two_looks_ahead(project: Project, planned: Plan):
    planned(PLANNED, frames=120)
    assert clicks_in(mixed(project)) == pytest.approx([0.1 + 0.3 * beat for beat in range(13)], abs=1e-4)


STARTED = """<script>
  const context = new AudioContext();
  // Tone.js 15.5 goes from a time to ticks and back, and skips a note that has come to lie before its beginning.
  setInterval(() => {
    const begin = context.currentTime + 0.1;
    for (const ticks of [192, 240, 288, 320, 384, 480]) {
      if ((begin * ticks) / ticks < begin) throw new Error(`the note at ${begin} s is lost at ${ticks} ticks a second`);
    }
  }, 7);
</script>"""


def test_the_first_note_of_a_tune_is_not_lost(project: Project):
    assert not project.plan(STARTED, frames=60)["warnings"]


BETWEEN = f"""{CLICK}<script>
  const context = new AudioContext();
  for (const time of [100, 300]) setTimeout(() => {{
    for (const later of [0, 1]) {{
      const click = clickOf(context);
      click.connect(context.destination);
      click.start(context.currentTime + later);
    }}
  }}, time);
</script>"""


def test_a_sound_that_begins_at_the_time_of_its_context_is_not_between_two_samples(project: Project, planned: Plan):
    planned(BETWEEN)
    assert clicks_in(mixed(project), above=0.6) == pytest.approx([0.1, 0.3, 1.1, 1.3], abs=1e-5)


NOTES = f"""{CLICK}<script>
  const music = new AudioContext();
  const tone = new OscillatorNode(music);
  const gain = new GainNode(music, {{ gain: 0.05 }});
  tone.connect(gain).connect(music.destination);
  tone.start();
  for (let note = 0; note < 19; note += 1) setTimeout(() => {{
    const context = new AudioContext();
    const click = clickOf(context);
    click.connect(context.destination);
    click.start();
    setTimeout(() => context.close(), note % 2 ? 5 : 100);
  }}, 50 + note * 100);
</script>"""


def test_a_context_for_each_note(project: Project, planned: Plan):
    plan = planned(NOTES)
    assert clicks_in(mixed(project)) == pytest.approx([0.05 + 0.1 * note for note in range(19)], abs=1e-4)
    lengths = sorted(round(float(piece.duration), 3) for piece in pieces_of(plan, "an AudioContext"))
    assert lengths == [*[0.005] * 9, *[0.1] * 10, 2]
    assert plan is not None
    stored = sound_files(project.store, plan, Blobs(project.folder))
    assert sum(file.stat().st_size for file in stored) == pytest.approx(8 * RATE * (2 + 0.1), rel=0.1)


ENDLESS = """<script>
  const others = Array.from({ length: COUNT }, () => new AudioContext({ sampleRate: 192000 }));
  if (CLOSED) others.forEach((other) => other.close());
  const context = new AudioContext();
  const tone = new OscillatorNode(context);
  tone.connect(context.destination);
  tone.start();
</script>"""


def test_a_context_that_plays_on_after_many_short_ones(planned: Plan):
    body = ENDLESS.replace("COUNT", "20").replace("CLOSED", "true")
    plan = planned(body, frames=40, video={"fps": "1", "unitFrames": 6})
    assert [float(piece.end) for piece in pieces_of(plan, "an AudioContext")] == [40]


def test_a_context_that_has_more_to_play_than_it_can(project: Project):
    body = ENDLESS.replace("COUNT", "60").replace("CLOSED", "false")
    reply = project.try_plan(body, frames=120, video={"fps": "1", "unitFrames": 6})
    assert reply.exitCode == ExitCode.USER_ERROR
    assert "plays for longer than the 30 s that it can be heard" in reply.stderr


LOOKED_AT = """<p></p><script>
  let contexts = [];
  requestAnimationFrame(function look() {
    const values = contexts.map((context) => {
      const samples = new Float32Array(32);
      context.analyser.getFloatTimeDomainData(samples);
      context.close();
      return Math.max(...samples) > 0;
    });
    document.querySelector("p").textContent = values.join();
    contexts = Array.from({ length: 8 }, () => {
      const context = new AudioContext();
      context.analyser = new AnalyserNode(context, { fftSize: 32 });
      const tone = new OscillatorNode(context);
      tone.connect(context.analyser).connect(context.destination);
      tone.start();
      return context;
    });
    requestAnimationFrame(look);
  });
</script>"""


def test_a_chunk_that_looks_at_a_hundred_contexts(project: Project):
    project.plan(LOOKED_AT, frames=13, chunk=13, audio={"codec": "none"})
    reply = project.chunk()
    assert reply.exitCode == ExitCode.DONE, reply.stderr


ROUTED = """<audio src=tone.wav autoplay></audio><script>
  const context = new AudioContext();
  const element = document.querySelector("audio");
  context.createMediaElementSource(element).connect(context.destination);
  requestAnimationFrame(function fade(now) {
    element.volume = 1; // as animation libraries do that go back to a beginning: it has no time to be heard
    element.volume = Math.min(1, Math.max(0, 1.5 - now / 1000));
    requestAnimationFrame(fade);
  });
</script>"""


def test_a_volume_that_a_script_fades_has_no_steps_in_a_context(project: Project, planned: Plan):
    project.ask("")
    write_wav(project.folder / "page/tone.wav", np.full(2 * RATE, 0.5 * 32767))
    planned(ROUTED)
    samples = mixed(project)
    for time in np.arange(0.1, 1.6, 1 / 100):
        assert samples[round(time * RATE)] == pytest.approx(0.5 * min(1, max(0, 1.5 - time)), abs=0.02)
    fade = samples[round(0.6 * RATE) :]  # its first change is a step, since nobody knows yet that more follow
    assert np.abs(np.diff(fade)).max() < 0.001


RATES = """<audio src=a.wav loop autoplay></audio><script>
  const sound = document.querySelector("audio");
  let [told, frames] = [0, 0];
  sound.onratechange = () => (told += 1);
  requestAnimationFrame(function change() {
    if (told !== frames) throw new Error(`the page heard of ${told} rates, not ${frames}`);
    frames += 1;
    sound.playbackRate = 1 + frames / 100;
    sound.playbackRate = sound.playbackRate;
    requestAnimationFrame(change);
  });
</script>"""


def test_a_rate_that_a_script_sets_in_each_frame(planned: Plan):
    rates = [round(float(piece.rate), 2) for piece in pieces_of(planned(RATES), "a.wav")]
    assert rates == pytest.approx([1 + frame / 100 for frame in range(1, 61)])


FRAMED = """<iframe srcdoc="<audio src=a.wav autoplay></audio>"></iframe><script>
  setTimeout(() => document.querySelector("iframe").remove(), 1010);
</script>"""


def test_a_frame_is_heard_until_it_is_removed(planned: Plan):
    [piece] = pieces_of(planned(FRAMED), "a.wav")
    assert float(piece.end) == 1.01


REVOKED = """<script>
  const made = async (name) => URL.createObjectURL(await (await fetch(name)).blob());
  (async () => {
    for (let count = 0; count < 3; count += 1) URL.revokeObjectURL(await made("b.wav"));
    const [sound, address] = [new Audio(), await made("a.wav")];
    sound.src = address;
    sound.oncanplay = () => URL.revokeObjectURL(address);
    setTimeout(() => sound.play(), 500);
  })();
</script>"""


def test_a_file_that_a_script_has_made_and_given_up_is_heard(planned: Plan):
    [piece] = pieces_of(planned(REVOKED), "that a script has made")
    assert float(piece.start) == 0.5


class Station(WebHost):
    """A server of sounds, at /open/ for all origins."""

    def __init__(self, sound: bytes) -> None:
        self._sound = sound
        super().__init__()

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.send_header("Content-Type", "audio/wav")
        request.send_header("Content-Length", str(len(self._sound)))
        if request.path.startswith("/open/"):
            request.send_header("Access-Control-Allow-Origin", "*")
        request.end_headers()
        request.wfile.write(self._sound)


@pytest.fixture
def station(project: Project) -> Iterator[Station]:
    project.ask("")
    samples = np.zeros(RATE // 10)
    samples[0] = 25_000
    write_wav(project.folder / "click.wav", samples)
    server = Station((project.folder / "click.wav").read_bytes())
    yield server
    server.stop()


ELSEWHERE = """<script>
  const context = new AudioContext();
  const play = (path, at, change) => {
    const sound = Object.assign(new Audio(), change, { src: `STATION${path}` });
    context.createMediaElementSource(sound).connect(context.destination);
    setTimeout(() => sound.play(), at);
  };
  play("/open/asked.wav", 500, { crossOrigin: "anonymous" });
  play("/open/unasked.wav", 1000, {});
  play("/closed.wav", 1500, {});
</script>"""


def test_a_file_of_another_origin_is_silent_in_a_context_unless_its_server_allows_it(
    project: Project, station: Station
):
    body = ELSEWHERE.replace("STATION", station.url)
    result = project.plan(body, frames=60)
    assert clicks_in(mixed(project)) == pytest.approx([0.5], abs=1e-4)
    assert [
        word for word in ("/open/unasked.wav", "/closed.wav") if any(word in each for each in result["warnings"])
    ] == [
        "/open/unasked.wav",
        "/closed.wav",
    ]
    assert not any("/open/asked.wav" in each for each in result["warnings"])
