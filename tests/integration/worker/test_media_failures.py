"""Videos and sounds that cannot be played: a clear error as for a missing file, unless the page deals with it."""

from __future__ import annotations

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import av
import numpy as np
import pytest

from helios_crds.wire import ExitCode, Reply
from tests.integration.worker.project import MOVING, Project, silent_server
from tests.integration.worker.web_host import WebHost

NOT_DECODED = "it has no HEVC, ProRes or MPEG-4 Part 2"
AS_A_FILE = "the page failed while loading: {} cannot be played: "
GOOD = "good.mp4"


def write_clip(path: Path, codec: str, *, sound: bool = False, pictures: int = 6, faststart: bool = False) -> None:
    """A video of 64 × 48 at 30 a second that changes all the time, with silence or without sound."""
    with av.open(str(path), "w", options={"movflags": "faststart"} if faststart else {}) as container:
        stream = container.add_stream(codec, rate=30)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height = 64, 48
        stream.pix_fmt = "yuv422p10le" if codec == "prores_ks" else "yuv420p"
        track = container.add_stream("aac", rate=48_000) if sound else None
        noise = np.random.default_rng(1)
        for _ in range(pictures):
            picture = noise.integers(0, 255, (48, 64), dtype=np.uint8)
            frame = av.VideoFrame.from_ndarray(picture, format="gray")
            container.mux(stream.encode(frame.reformat(format=stream.pix_fmt)))
        container.mux(stream.encode())
        if track is not None:
            assert isinstance(track, av.AudioStream)
            silence = av.AudioFrame.from_ndarray(np.zeros((1, 9600), np.float32), format="fltp", layout="mono")
            silence.sample_rate = 48_000
            container.mux(track.encode(silence))
            container.mux(track.encode())


def write_sound(path: Path, codec: str) -> None:
    """A fifth of a second of silence."""
    with av.open(str(path), "w") as container:
        track = container.add_stream(codec, rate=48_000)
        assert isinstance(track, av.AudioStream)
        silence = av.AudioFrame.from_ndarray(np.zeros((1, 9600), np.float32), format="fltp", layout="mono")
        silence.sample_rate = 48_000
        for frame in av.AudioResampler(track.format, track.layout, track.rate).resample(silence):
            container.mux(track.encode(frame))
        container.mux(track.encode())


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Files by name."""
    folder = tmp_path_factory.mktemp("clips")
    write_clip(folder / GOOD, "libx264")
    write_clip(folder / "hevc.mp4", "libx265")
    write_clip(folder / "phone.mov", "libx265", sound=True)
    write_clip(folder / "old.mp4", "mpeg4")
    write_clip(folder / "prores.mov", "prores_ks")
    write_clip(folder / "long.mp4", "libx264", pictures=120, faststart=True)
    write_sound(folder / "sound.mp4", "aac")
    write_sound(folder / "sound.webm", "libopus")
    made = {file.name: file.read_bytes() for file in folder.iterdir()}
    made["cut.mp4"] = made[GOOD][:-200]
    made["short.mp4"] = made["long.mp4"][: len(made["long.mp4"]) // 2]
    made["text.mp4"] = made["text.mp3"] = b"This is a text, whatever its name says. " * 50
    return made


def write(project: Project, clips: dict[str, bytes], *names: str) -> None:
    folder = project.folder / "page"
    folder.mkdir(exist_ok=True)
    for name in (*names, GOOD):
        (folder / name).write_bytes(clips[name])


@pytest.mark.parametrize(
    ("name", "why"),
    [
        pytest.param("hevc.mp4", f"the browser can decode nothing in it ({NOT_DECODED})", id="HEVC"),
        pytest.param("old.mp4", f"the browser can decode nothing in it ({NOT_DECODED})", id="MPEG-4 Part 2"),
        pytest.param("prores.mov", f"the browser can decode nothing in it ({NOT_DECODED})", id="ProRes"),
        pytest.param("phone.mov", "the browser cannot decode its pictures, only its sound", id="HEVC with sound"),
        pytest.param("cut.mp4", "it is no video or sound that browsers know, or it is incomplete", id="cut"),
        pytest.param("text.mp4", "it is no video or sound that browsers know", id="text"),
    ],
)
def test_a_video_that_cannot_be_played(project: Project, clips: dict[str, bytes], name: str, why: str):
    write(project, clips, name)
    reply = project.try_plan(f'<video muted autoplay src="{name}"></video>')
    assert reply.exitCode == ExitCode.USER_ERROR
    assert AS_A_FILE.format(name) + why in reply.stderr
    assert "to convert it: ffmpeg -i FILE -c:v libx264" in reply.stderr
    assert "or render with composition.pageErrors: warn" in reply.stderr


def test_a_script_that_plays_what_cannot_be_played(project: Project, clips: dict[str, bytes]):
    write(project, clips, "hevc.mp4")
    reply = project.try_plan(
        "<script>const v = document.createElement('video'); v.src = 'hevc.mp4'; v.play();</script>"
    )
    assert AS_A_FILE.format("hevc.mp4") in reply.stderr


def test_a_page_may_let_go_of_a_video(project: Project):
    project.plan("<video muted src=''></video><script>new Audio('').play().catch(() => {});</script>" + MOVING)


def test_a_sound_that_cannot_be_played(project: Project, clips: dict[str, bytes]):
    write(project, clips, "text.mp3")
    reply = project.try_plan("<script>new Audio('text.mp3').play().catch(() => {});</script>")
    assert reply.exitCode == ExitCode.USER_ERROR
    assert AS_A_FILE.format("text.mp3") in reply.stderr


def test_a_video_that_ends_in_the_middle(project: Project, clips: dict[str, bytes]):
    write(project, clips, "short.mp4")
    project.plan(f'<video muted autoplay src="short.mp4"></video>{MOVING}', frames=90, chunk=90)
    reply = project.chunk()
    assert reply.exitCode == ExitCode.USER_ERROR
    assert "short.mp4 cannot be played: it is damaged or incomplete" in reply.stderr


def test_no_source_can_be_played(project: Project, clips: dict[str, bytes]):
    write(project, clips, "hevc.mp4", "text.mp4")
    reply = project.try_plan('<video muted autoplay><source src="hevc.mp4"><source src="text.mp4"></video>')
    assert reply.exitCode == ExitCode.USER_ERROR
    assert AS_A_FILE.format("hevc.mp4, text.mp4") + "the browser can play none of these files" in reply.stderr


@pytest.mark.parametrize(
    "body",
    [
        pytest.param('<video muted autoplay><source src="hevc.mp4"><source src="good.mp4"></video>', id="source"),
        pytest.param('<video muted autoplay><source src="missing.webm"><source src="good.mp4"></video>', id="missing"),
        pytest.param(
            """<video muted></video><script>const v = document.querySelector("video"); v.src = "hevc.mp4";
            v.play().catch(() => { v.src = "good.mp4"; v.play(); });</script>""",
            id="promise",
        ),
        pytest.param('<video muted src="hevc.mp4" onerror="this.src = \'good.mp4\'"></video>', id="attribute"),
        pytest.param(
            """<video muted></video><script>const v = document.querySelector("video");
            v.addEventListener("error", () => { v.src = "good.mp4"; }, {once: true}); v.src = "hevc.mp4";</script>""",
            id="listener",
        ),
    ],
)
def test_a_page_that_deals_with_it(project: Project, clips: dict[str, bytes], body: str):
    write(project, clips, "hevc.mp4")
    warnings = project.plan(body + MOVING)["warnings"]
    assert not any("cannot be played" in warning for warning in warnings)
    project.chunks()


def test_a_page_that_only_listens(project: Project, clips: dict[str, bytes]):
    """Libraries listen to the errors of all elements, so that a listener alone shows nothing in place of the video."""
    write(project, clips, "hevc.mp4")
    warnings = project.plan(f'<video muted src="hevc.mp4" onerror="log = 1"></video>{MOVING}')["warnings"]
    assert any("hevc.mp4 cannot be played" in warning and "the page goes on" in warning for warning in warnings)


@pytest.mark.parametrize("name", ["sound.mp4", "sound.webm"])
def test_a_video_that_is_sound_alone(project: Project, clips: dict[str, bytes], name: str):
    write(project, clips, name)
    project.plan(f'<video muted autoplay src="{name}"></video>{MOVING}')


def test_a_live_stream(project: Project):
    """Its pictures come in real time. It kept the document from loading, too, whose drawing it waits for."""
    reply = project.try_plan(
        "<canvas></canvas><video muted autoplay></video><script>const canvas = document.querySelector('canvas');"
        "canvas.getContext('2d'); document.querySelector('video').srcObject = canvas.captureStream();</script>" + MOVING
    )
    assert reply.exitCode == ExitCode.USER_ERROR
    assert "the page shows a live stream in a video (captureStream(), a camera or a call)" in reply.stderr


def test_what_is_only_warned_of(project: Project, clips: dict[str, bytes]):
    write(project, clips, "hevc.mp4")
    body = f'<video muted autoplay src="hevc.mp4"></video>{MOVING}'
    warnings = project.plan(body, composition={"pageErrors": "warn"})["warnings"]
    assert any("hevc.mp4 cannot be played" in warning for warning in warnings)


class Host(WebHost):
    """Sends the first `sent` bytes of a file, and then ends the connection. None: all of it."""

    def __init__(self, data: bytes, sent: int | None) -> None:
        self.data, self.sent = data, sent
        super().__init__()

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        self.hits[request.path] += 1
        request.send_response(200)
        request.send_header("Content-Type", "video/mp4")
        request.send_header("Content-Length", str(len(self.data)))
        request.end_headers()
        request.wfile.write(self.data[: self.sent])
        request.close_connection = True


@pytest.fixture
def broken(clips: dict[str, bytes]) -> Iterator[Host]:
    host = Host(clips["long.mp4"], len(clips["long.mp4"]) // 3)
    yield host
    host.stop()


def tried(project: Project, source: str, **changes: object) -> Reply:
    return project.try_plan(f'<video muted autoplay src="{source}"></video>{MOVING}', frames=120, **changes)


def test_a_connection_that_breaks_may_do_better_another_time(project: Project, broken: Host):
    reply = tried(project, f"{broken.url}/a.mp4")
    assert reply.exitCode == ExitCode.RETRYABLE
    assert f"{broken.url}/a.mp4 could not be loaded: the connection was cut" in reply.stderr


def test_a_port_that_browsers_do_not_open(project: Project):
    reply = tried(project, "http://127.0.0.1:9/a.mp4")
    assert reply.exitCode == ExitCode.USER_ERROR
    assert "http://127.0.0.1:9/a.mp4 could not be loaded: browsers open nothing at this port" in reply.stderr


def test_a_video_that_never_comes_is_the_networks_fault(project: Project):
    with silent_server() as server:
        reply = tried(project, f"{server}/a.mp4", frameTimeout=3)
    assert reply.exitCode == ExitCode.RETRYABLE
    assert f"waiting for request {server}/a.mp4" in reply.stderr


def test_a_missing_video_is_said_once(project: Project):
    reply = tried(project, "missing.mp4")
    assert reply.exitCode == ExitCode.USER_ERROR
    assert "missing.mp4 not found (404)" in reply.stderr
    assert "cannot be played" not in reply.stderr
