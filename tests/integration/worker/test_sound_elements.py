"""What elements play through a context, in frames and from files that scripts have made; and at a rate that changes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler

import numpy as np
import pytest

from helios_worker.encode.audio.sound_plan import SoundPlan
from tests.integration.worker.project import Project
from tests.integration.worker.sounds import RATE, clicks_in, mixed, pieces_of, write_wav
from tests.integration.worker.web_host import WebHost

Plan = Callable[..., SoundPlan | None]

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
    [piece] = pieces_of(planned(RATES), "a.wav")
    assert piece.rates is not None
    rates = [float(piece.rate), *(millionths / 1e6 for _, millionths in piece.rates.points)]
    assert rates == pytest.approx([1 + frame / 100 for frame in range(1, 61)], abs=0.001)


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
