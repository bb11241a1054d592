"""Libraries of Web Audio lose no note, and AudioContexts cost what they play, however many a page makes."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from helios_crds.wire import ExitCode
from helios_worker.artifacts.blobs import Blobs
from helios_worker.encode.audio.sound_plan import SoundPlan
from helios_worker.jobs.sounds import sound_files
from tests.integration.worker.project import Project
from tests.integration.worker.sounds import RATE, clicks_in, mixed, pieces_of

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


FADED = """<script>
  const context = new AudioContext();
  const gain = new GainNode(context);
  const tone = new OscillatorNode(context);
  tone.connect(gain).connect(context.destination);
  gain.gain.setValueAtTime(0, 0);
  gain.gain.linearRampToValueAtTime(1, 1);
  tone.start();
  requestAnimationFrame(function look(now) {
    const frame = Math.round(now * 0.03);
    if (frame >= 9 && Math.abs(gain.gain.value - frame / 30) > 0.01) {
      throw new Error(`${gain.gain.value} at frame ${frame}`);
    }
    requestAnimationFrame(look);
  });
</script>"""


def test_a_value_that_the_sound_moves_is_the_same_in_every_chunk(project: Project):
    project.plan(FADED, frames=18)
    assert project.job.ours.film.looksAtSound
    project.chunks()
