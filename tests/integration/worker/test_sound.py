"""What a page plays is in the film's sound plan, at its very times, and is heard there in the film."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

import av
import numpy as np
import pytest

from helios_crds.wire import ExitCode
from helios_worker.encode.audio.sound_plan import SoundPlan
from helios_worker.jobs.sounds import load_sound_plan
from tests.integration.worker.project import Project
from tests.integration.worker.sounds import CLICKS, RATE, clicks_in, heard, pieces_of, spans

FRAMES = 60

PLAYED = """
<audio src=a.wav autoplay></audio>
<video src=b.wav autoplay muted></video>
<script>
  const sound = (name, change = {}) => Object.assign(new Audio(`${name}.wav`), change);
  const made = sound("c", { volume: 0.5 });
  setTimeout(() => { made.currentTime = 0.75; made.play(); }, 310);
  setTimeout(() => made.pause(), 1017);
  sound("d", { playbackRate: 2, preservesPitch: false }).play();
  sound("e", { loop: true, playbackRate: 4 }).play();
  const faded = sound("f");
  faded.play();
  requestAnimationFrame(function fade(now) {
    faded.volume = 1; // as animation libraries do that go back to a beginning: it has no time to be heard
    if (now > 1000) faded.volume = Math.max(0, 1 - (now - 1000) / 500);
    requestAnimationFrame(fade);
  });
  fetch("g.wav").then((response) => response.blob()).then((file) => {
    const played = new Audio(URL.createObjectURL(file));
    setTimeout(() => played.play(), 100);
  });
  const changed = sound("h");
  changed.play();
  setTimeout(() => { changed.src = "i.wav#t=0.25,0.5"; changed.play(); }, 600);
</script>
"""


def test_what_elements_play(planned: Callable[..., SoundPlan | None]):
    plan = planned(PLAYED)
    assert spans(pieces_of(plan, "a.wav")) == [(0, 2, 0, 1)]
    assert pieces_of(plan, "b.wav") == []
    [made] = pieces_of(plan, "c.wav")
    assert spans([made]) == [(0.31, 1.017, 0.75, 1)]
    assert made.gain == 0.5
    [fast] = pieces_of(plan, "d.wav")
    assert spans([fast]) == [(0, 2 if fast.end == 2 else float(fast.end), 0, 2)]
    assert not fast.preservesPitch
    [looped] = pieces_of(plan, "e.wav")
    assert spans([looped]) == [(0, 2, 0, 4)]
    assert looped.loop is not None
    [faded] = pieces_of(plan, "f.wav")
    assert plan is not None
    assert faded.envelope is not None
    envelope = plan.envelopes[faded.envelope]
    for half in range(60, 91):
        assert envelope.at(Fraction(half, 60)) == pytest.approx(1 - (half - 60) / 30, abs=0.01)
    assert envelope.at(Fraction(1, 2)) == 1
    assert spans(pieces_of(plan, "that a script has made")) == [(0.1, 2, 0, 1)]
    assert spans(pieces_of(plan, "h.wav")) == [(0, 0.6, 0, 1)]
    [part] = pieces_of(plan, "i.wav")
    assert (part.start, part.position) == (Fraction(3, 5), Fraction(1, 4))
    assert float(part.end) == pytest.approx(0.85, abs=1 / 30)


GLIDING = """
<script>
  const sound = Object.assign(new Audio("a.wav"), { preservesPitch: false });
  sound.play();
  requestAnimationFrame(function glide(now) {
    sound.playbackRate = 0.5 + now / 2000;
    sound.volume = 1 - now / 4000;
    requestAnimationFrame(glide);
  });
</script>
"""


def test_a_rate_that_changes_at_each_frame_is_one_piece(planned: Callable[..., SoundPlan | None], project: Project):
    plan = planned(GLIDING)
    [piece] = pieces_of(plan, "a.wav")
    assert plan is not None
    assert piece.rates is not None
    assert piece.envelope is not None
    assert len(piece.rates.points) > 50
    assert plan.envelopes[piece.envelope].at(Fraction(1)) == pytest.approx(0.75, abs=0.01)
    project.chunks()
    project.stitch()
    found = clicks_in(heard(project.output))
    rates = [0.5 + frame / 60 for frame in range(FRAMES)]  # that of frame 0, too, which the page sets at once
    assert float(piece.rate) == 0.5
    positions = np.concatenate([[0], np.cumsum(rates) / 30])
    wanted = np.interp(CLICKS, positions, np.arange(FRAMES + 1) / 30)
    assert found == pytest.approx(wanted.tolist(), abs=1e-3)


CONTEXT = """<script>
  const context = new AudioContext();
  const click = context.createBuffer(1, 100, 48000);
  click.getChannelData(0)[0] = 0.8;
  const at = (time) => {
    const source = new AudioBufferSourceNode(context, { buffer: click });
    source.connect(context.destination);
    source.start(time);
  };
  at(0.25);
  at(1.2345);
  setTimeout(at, 777);
  let frames = 0;
  requestAnimationFrame(function count() {
    frames += 1;
    if (frames === 46) at();
    requestAnimationFrame(count);
  });
</script>
<audio src=a.wav></audio>
<script>
  const element = document.querySelector("audio");
  context.createMediaElementSource(element).connect(context.destination);
  setTimeout(() => element.play(), 100);
</script>
"""


def test_a_film_is_heard_as_its_page_plays_however_it_is_cut(
    project: Project, planned: Callable[..., SoundPlan | None]
):
    films = []
    for chunk in (60, 18):
        assert planned(CONTEXT, seeking="Stateful", chunking={"frames": chunk}) is not None
        project.chunks()
        result = project.stitch().result
        assert result is not None
        assert result["sound"]["sources"] == 1
        films.append(project.output.read_bytes())
    assert films[0] == films[1]
    expected = sorted([0.25, 1.2345, 0.777, 1.5, *(0.1 + time for time in CLICKS)])
    found = clicks_in(heard(project.output))
    assert found == pytest.approx(expected, abs=0.001)


CONTEXTS = """<p></p><audio></audio><script>
  const [element, shown] = [document.querySelector("audio"), document.querySelector("p")];
  const analysers = Array.from({ length: 30 }, (_, index) => {
    const context = new AudioContext({ sampleRate: index ? 48000 : 192000 });
    return context.createAnalyser();
  });
  requestAnimationFrame(function look() {
    shown.textContent = analysers.map((analyser) => analyser.context.currentTime > 0).join();
    requestAnimationFrame(look);
  });
  const [scripted, source] = [new Audio(), new MediaSource()];
  scripted.src = URL.createObjectURL(source);
  source.onsourceopen = async () => {
    const buffer = source.addSourceBuffer('audio/mp4; codecs="mp4a.40.2"');
    buffer.appendBuffer(await (await fetch("tone.mp4")).arrayBuffer());
    scripted.play();
  };
  element.srcObject = new MediaStreamAudioDestinationNode(analysers[0].context).stream;
  element.play();
  setTimeout(() => {
    const late = new AudioContext();
    const tone = new OscillatorNode(late);
    tone.connect(late.destination);
    tone.start(0.5);
  }, 1000);
</script>"""


def test_a_context_begins_when_it_is_made_and_there_may_be_many(project: Project):
    project.ask("")
    with av.open(
        project.folder / "page/tone.mp4", "w", options={"movflags": "frag_keyframe+empty_moov+default_base_moof"}
    ) as tone:
        stream = tone.add_stream("aac", rate=RATE, layout="mono")
        silence = av.AudioFrame.from_ndarray(np.zeros((1, RATE), "float32"), format="fltp", layout="mono")
        silence.rate = RATE
        tone.mux([*stream.encode(silence), *stream.encode()])
    result = project.plan(CONTEXTS, frames=FRAMES)
    scripted, live = sorted(result["warnings"])
    assert scripted.endswith("a script brings its data (MediaSource), so it is not heard")
    assert live.startswith("the page plays a live stream")
    assert project.job.ours.sound is not None
    plan = load_sound_plan(project.store, project.job.ours.sound)
    assert spans(pieces_of(plan, "an AudioContext")) == [(1, 2, 0, 1)]


def test_a_page_that_cannot_play_anything_has_no_sound(project: Project, planned: Callable[..., SoundPlan | None]):
    assert planned("<p>Nothing</p>") is None
    assert planned(PLAYED, audio={"codec": "none"}) is None


def test_what_was_meant_to_be_heard_and_is_not(project: Project):
    project.ask("")
    (project.folder / "page/odd.bin").write_bytes(b"no sound at all")
    body = """<video muted></video><script>
      const media = new MediaSource();
      const element = document.querySelector("video");
    </script><audio src=missing.wav autoplay></audio>"""
    reply = project.try_plan(body)
    assert reply.exitCode == ExitCode.USER_ERROR
    assert "missing.wav not found (404)" in reply.stderr


PLACED = """
<div data-composition-id=main data-width=160 data-height=90 data-duration=2>
  <audio id=first src=a.wav data-start=0.51 data-duration=1 data-media-start=0.25 data-volume=0.5></audio>
  <audio src=b.wav data-start="first - 0.01" data-playback-rate=2></audio>
  <video src=c.wav data-start=0 muted></video>
</div>
<audio src=d.wav data-helios-offset=1 data-helios-seek=0.5 data-helios-fade-in=0.5></audio>
<audio src=e.wav autoplay data-helios-no-audio></audio>
"""


def test_what_attributes_place(planned: Callable[..., SoundPlan | None]):
    plan = planned(PLACED)
    [first] = pieces_of(plan, "a.wav")
    assert spans([first]) == [(0.51, 1.51, 0.25, 1)]
    assert first.gain == 0.5
    [second] = pieces_of(plan, "b.wav")
    assert spans([second]) == [(1.5, 2, 0, 2)]
    assert second.preservesPitch
    assert pieces_of(plan, "c.wav") == pieces_of(plan, "e.wav") == []
    [placed] = pieces_of(plan, "d.wav")
    assert spans([placed]) == [(1, 2, 0.5, 1)]
    assert plan is not None
    assert placed.envelope is not None
    assert plan.envelopes[placed.envelope].at(Fraction(5, 4)) == pytest.approx(0.5, abs=0.05)


CHORD = """<script>
  const context = new AudioContext();
  const sum = new GainNode(context, { gain: 0.1 });
  sum.connect(context.destination);
  const voices = Array.from({ length: 9 }, (_, index) => {
    const voice = new OscillatorNode(context, { type: "sawtooth", frequency: 100 + 37.3 * index });
    voice.connect(sum);
    voice.start();
    return voice;
  });
  const modulators = voices.slice(0, 3).map((voice) => voice.connect(new GainNode(context, { gain: 0.01 })));
  modulators.forEach((modulator) => modulator.connect(sum.gain));
  const mono = new GainNode(context, { gain: 0.1, channelCount: 1, channelCountMode: "explicit" });
  mono.connect(context.destination);
  const sides = [-0.3, 0.7].map((pan) => new StereoPannerNode(context, { pan }));
  sides.forEach((side, index) => voices[5 + index].connect(side).connect(mono));
  setTimeout(() => voices[2].disconnect(sum), 500);
  setTimeout(() => voices[2].connect(sum), 1000);
  setTimeout(() => voices.slice(4).forEach((voice) => voice.disconnect()), 1500);
</script>
"""


def test_sums_are_the_same_in_every_run(planned: Callable[..., SoundPlan | None]):
    plans = [planned(CHORD, video={"crf": crf, "unitFrames": 6}) for crf in (18, 19, 20)]
    assert len({plan.sources for plan in plans if plan is not None}) == 1
    assert None not in plans
