"""Options about a page on the web: headers and cookies of a command, which nothing keeps and no process shows."""

from __future__ import annotations

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler

import pytest

from tests.integration.cli.conftest import BODY, Cli, html
from tests.integration.planted import BAKED, SECRET, assert_nowhere, exposed_by_processes, kept_in
from tests.integration.worker.web_host import WebHost

PAGE = html(
    f"""{BODY}<script>
requestAnimationFrame(function step(time) {{
  if (time < 500) requestAnimationFrame(step);
  else fetch("/late.js");
}});
</script>""",
    frames=20,
)


class Watched(WebHost):
    """Looks at all processes and at the workers' folder while a plan and a chunk wait for its answers."""

    def __init__(self, cli: Cli) -> None:
        self.cli = cli
        self.seen: dict[str, tuple[int, int, list[str]]] = {}
        self.given: dict[str, tuple[bool, bool]] = {}
        super().__init__()

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        headers = request.headers
        self.given[request.path] = SECRET in headers.get("Authorization", ""), BAKED in headers.get("Cookie", "")
        if request.path not in self.seen:
            exposed = [*exposed_by_processes(), *kept_in(self.cli.folder)]
            self.seen[request.path] = len(self.cli.workers()), len(self.cli.browsers()), exposed
        body = PAGE.encode() if request.path == "/film/" else b""
        request.send_response(200)
        request.send_header("Content-Type", "text/html")
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body)


@pytest.fixture
def web(cli: Cli) -> Iterator[Watched]:
    server = Watched(cli)
    yield server
    server.stop()


def test_nothing_keeps_the_secrets(cli: Cli, web: Watched):
    """Not while a render is under way, in arguments, variables and temporary files; nor afterwards, in anything."""
    secrets = cli.folder.with_name(f"{cli.folder.name}-secrets")
    secrets.write_text(f"Authorization: Bearer {SECRET}\nCookie: session={BAKED}\n")
    state = cli.folder / "state"
    command = ("render", f"{web.url}/film/", "-o", "out.mp4", "--headers-from", str(secrets), "--lanes", "1")
    cut = ("--unit-frames", "10", "--frames-per-chunk", "10", "--seeking", "Seekable", "--debug")
    done = cli.run(*command, *cut, XDG_STATE_HOME=str(state))
    assert done.code == 0, done.err
    asked = {"/film/", "/late.js"}
    assert {path: given for path, given in web.given.items() if path in asked} == dict.fromkeys(asked, (True, True))
    for path in asked:
        workers, browsers, exposed = web.seen[path]
        assert (workers > 0, browsers > 0, exposed) == (True, True, []), path
    assert (state / "helios" / "headers.key").is_file()
    assert_nowhere(cli.folder, done.out, done.err)
