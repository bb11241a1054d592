"""`heliosctl render --audio`: what is heard of the film, and what is said of files that cannot be heard."""

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import av
import numpy as np
import pytest

from helios_worker.encode.proof.verify import verify_video
from tests.integration.cli.conftest import Cli
from tests.unit.encode.sounds import clicks, tone, write

RATE = 48_000
CUT = ("--unit-frames", "15", "--frames-per-chunk", "15")
"""As the shared film was rendered, so that its chunks are found."""


def heard(film: Path) -> list[int]:
    """The samples of clicks, from the film's time 0."""
    found: list[int] = []
    with av.open(str(film)) as container:
        for frame in container.decode(container.streams.audio[0]):
            assert frame.pts is not None
            found += (frame.pts + np.flatnonzero(np.abs(frame.to_ndarray()[0]) > 0.3)).tolist()
    return found


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server of one sound; all else is 404."""
    sound = write(tmp_path_factory.mktemp("web") / "a.wav", clicks(RATE, 1, [0.25]), RATE).read_bytes()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path == "/a.wav" else 404)
            self.end_headers()
            self.wfile.write(sound if self.path == "/a.wav" else b"<!doctype html>")

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


def test_sounds_are_heard_where_they_were_asked_for(shared: Cli, web: str):
    write(shared.folder / "click.wav", clicks(44_100, 3, [0.5, 2.75]), 44_100)
    asked = ("--audio", "click.wav,start=0.5s,trim=250ms", "--audio", f"{web}/a.wav,start=1.5s")
    films = [shared.render("page", *CUT, *asked, output=name) for name in ("one.mp4", "two.mp4")]
    assert films[0]["sha256"] == films[1]["sha256"]
    assert films[0]["cachedChunks"] == films[0]["chunks"] == 4  # no picture depends on the sound
    assert heard(shared.folder / "one.mp4") == [36_000, 84_000]
    assert (films[0]["sound"]["sources"], films[0]["sound"]["seconds"]) == (2, 2.0)
    report = verify_video(shared.folder / "one.mp4", frames=60)
    assert report.ok, report.problems
    assert report.audio is not None
    assert (report.audio.start, report.audio.end) == (0, 2)
    assert shared.run("verify", "one.mp4", "--plan", films[0]["jobId"]).code == 0
    silent = shared.render("page", *CUT, "--no-audio", output="silent.mp4")
    assert (silent["sound"], verify_video(shared.folder / "silent.mp4").audio) == (None, None)
    assert (shared.folder / "silent.mp4").read_bytes() == (shared.folder / "out.mp4").read_bytes()
    gone = shared.run("jobs", "rm", films[0]["jobId"], films[1]["jobId"], silent["jobId"])
    assert gone.code == 0, gone.err
    assert list((shared.artifacts / "sound-plans").glob("*")) == []


def test_files_that_cannot_be_heard_are_named(shared: Cli, web: str):
    (shared.folder / "empty.mp3").write_bytes(b"")
    (shared.folder / "page.mp3").write_text("<!doctype html><title>Not found</title>")
    write(shared.folder / "short.wav", tone(RATE, 1), RATE)
    for asked, says in (
        ("empty.mp3", "empty.mp3 is no sound that can be read: it is empty"),
        ("page.mp3", "page.mp3 is no sound that can be read: it is an HTML page"),
        ("short.wav,start=2s", "short.wav starts at 2 s, and the film ends at 2 s"),
        ("short.wav,trim=3s", "short.wav is 1 s long, and 3 s of its beginning are left out"),
        (f"{web}/none.mp3", f"There is no sound file {web}/none.mp3 (404)"),
        ("ftp://films.example/a.mp3", "a sound file is a local file, in a bucket, or at an http"),
    ):
        done = shared.run("render", "page", *CUT, "--audio", asked, "-o", "none.mp4")
        assert (done.code, says in done.err) == (64, True), done.err
        assert not (shared.folder / "none.mp4").exists()
