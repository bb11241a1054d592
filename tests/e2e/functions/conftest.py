"""The image in containers of Docker, without a cluster: a store, a page, and the two platforms' conditions."""

import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from itertools import count

import pytest

from helios_worker.artifacts.store import ArtifactStore
from tests.clouds.s3_server import BUCKET, s3_environment, s3_server
from tests.cluster import images
from tests.cluster.engine import Engine
from tests.e2e.barcode_pages import PAINT, one_file

numbers = count()


@pytest.fixture(scope="session")
def image(engine: Engine) -> str:
    """The Dockerfile's worker, built from this checkout. Returns its name."""
    images.build("worker")
    return images.tag("worker")


@pytest.fixture(scope="session")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An HTTP server of this machine with a page whose frames say their numbers, the same one slow, and a glutton."""
    folder = tmp_path_factory.mktemp("pages")
    page = one_file("canvas-raf.html")
    (folder / "index.html").write_text(page)
    (folder / "slow.html").write_text(page.replace(PAINT, f"for (let i = 0; i < 1e8; i++); {PAINT}"))
    (folder / "glutton.html").write_text(
        "<!doctype html><html data-width=320 data-height=180 data-fps=30 data-frames=24><script>"
        "const eaten = []; for (;;) eaten.push(new Uint8Array(1 << 24).fill(7));</script>"
    )
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
        """Says nothing."""


@pytest.fixture(scope="session")
def s3(tmp_path_factory: pytest.TempPathFactory, pages: str) -> Iterator[dict[str, str]]:
    """A bucket's server on this machine; the environment that leads to it, and allows it and the pages."""
    allowed = {"HELIOS_ALLOWED_STORES": f"s3://{BUCKET}/", "HELIOS_ALLOWED_ADDRESSES": pages.removeprefix("http://")}
    with s3_server(tmp_path_factory.mktemp("s3") / "buckets") as address:
        yield {**s3_environment(address), **allowed}


@pytest.fixture
def store(s3: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> ArtifactStore:
    """A part of the bucket that no other test uses."""
    for name, value in s3.items():
        monkeypatch.setenv(name, value)
    return ArtifactStore(f"s3://{BUCKET}/{next(numbers)}")
