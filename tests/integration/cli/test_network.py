"""A machine whose network changes while pages are loaded: Chrome gives up what it is loading, from here too."""

import os
import shutil

import pytest

from tests.integration.cli.conftest import TIMEOUT, Cli, html

# In a network of its own, for every browser of the machine would be told of the changes.
UNREST = """
ip link set lo up
ip link add name left type veth peer name right && ip link set left up && ip link set right up || exit 9
while [ ! -e calm ]; do ip address add 10.1.1.1/24 dev left; ip address del 10.1.1.1/24 dev left; done >/dev/null 2>&1 &
exec "$0" "$@"
"""
FILES = 40
LINKS = "".join(f"<link rel=stylesheet href={number}.css>" for number in range(FILES))
AWAITED = f"""<script>
window.__HELIOS_READY__ = Promise.all([...Array({FILES}).keys()].map((number) => new Promise((resolve) => {{
  const link = document.createElement("link");
  document.head.append(Object.assign(link, {{ rel: "stylesheet", href: `${{number}}.css`, onload: resolve }}));
}})));
</script>"""


@pytest.mark.skipif(os.geteuid() != 0 or shutil.which("ip") is None, reason="it takes root and ip to make a network")
@pytest.mark.parametrize("body", [LINKS, AWAITED], ids=["files", "files that the page waits for"])
def test_files_that_are_lost_with_the_network_are_loaded_again(cli: Cli, body: str):
    name = cli.page(html(body, frames=6))
    for number in range(FILES):
        (cli.folder / name / f"{number}.css").write_text("body { margin: 0 }")
    unrest = ("unshare", "--net", "sh", "-c", UNREST)
    process = cli.start("render", name, "-o", "out.mp4", "--retries", "9", "--frame-timeout", "5", within=unrest)
    assert process.stderr is not None
    said = []
    try:
        for line in process.stderr:
            said.append(line)
            if ".css could not be loaded: this machine's network changed meanwhile; trying again" in line:
                (cli.folder / "calm").touch()
        assert process.wait(timeout=TIMEOUT) == 0, said
        assert (cli.folder / "calm").exists(), said
    finally:
        (cli.folder / "calm").touch()
        process.kill()
        process.communicate()
