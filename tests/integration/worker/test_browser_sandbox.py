"""The browser's own sandbox, which a RenderTarget turns on: it is there, and pages render in it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

NOBODY = 65534
SHOW = """
import asyncio, os, sys
from fractions import Fraction
from pathlib import Path
from helios_worker.capture.devtools.process import Browser
from helios_worker.capture.page.page import Page
from helios_worker.capture.page.settings import PageSettings
from helios_worker.capture.clock import clock_script
from helios_worker.capture.devtools.process import launch
from helios_worker.network.addresses import AddressRule
from helios_worker.network.proxy import Proxy

async def main():
    launched = launch(site_port=1, proxy=Proxy(AddressRule(loopback=True)), scratch=Path(sys.argv[1]))
    browser = await Browser.connect(launched)
    try:
        page = await Page.open(browser, PageSettings(width=64, height=64, fps=Fraction(30), picture="png"))
        await page.load("data:text/html,<body style=background:red>")
        await page.show(0)
        print(browser.pid, len(await page.capture()), flush=True)
        sys.stdin.read()
    finally:
        browser.stop()

clock_script(secret="")  # reads the clock's scripts
sys.stdin.readline()  # from here on it is nobody: the interpreter's folder may be for root alone
os.setgroups([])
os.setresgid(*[65534] * 3)
os.setresuid(*[65534] * 3)
asyncio.run(main())
"""


def renderers(browser: int) -> list[Path]:
    """The processes of a browser's pages, in /proc."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            stat, command = (process / "stat").read_text(), (process / "cmdline").read_bytes()
        except OSError:  # it has ended
            continue
        if int(stat.rsplit(")", 1)[1].split()[2]) == browser and b"--type=renderer" in command:
            found.append(process)
    return found


def seccomp(process: Path) -> str:
    """Whether a process may make every system call ("0"), or those that a filter lets through ("2")."""
    status = (process / "status").read_text()
    return next(line.split()[1] for line in status.splitlines() if line.startswith("Seccomp:"))


def can_have_user_namespaces() -> bool:
    asked = ["unshare", "--user", "true"]
    return os.geteuid() == 0 and not subprocess.run(asked, user=NOBODY, group=NOBODY, check=False).returncode


@pytest.mark.skipif(not can_have_user_namespaces(), reason="needs root, and user namespaces for others")
@pytest.mark.parametrize("asked", ["1", "0"])
def test_a_page_is_in_the_browsers_own_sandbox_where_that_is_asked_for(asked: str):
    environment = {**os.environ, "HELIOS_BROWSER_SANDBOX": asked}
    with (
        TemporaryDirectory() as scratch,
        subprocess.Popen(
            [sys.executable, "-c", SHOW, scratch],
            env={**environment, "TMPDIR": scratch},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as worker,
    ):
        os.chown(scratch, NOBODY, NOBODY)
        assert worker.stdin is not None
        assert worker.stdout is not None
        worker.stdin.write("\n")
        worker.stdin.flush()
        line = worker.stdout.readline().split()
        assert line, "the page was not drawn"
        pages = renderers(int(line[0]))
        namespaces = {(page / "ns" / "user").readlink() for page in pages}
        filters = {seccomp(page) for page in pages}
        worker.stdin.close()
    assert pages
    is_apart = Path("/proc/self/ns/user").readlink() not in namespaces
    assert (is_apart, filters) == ((True, {"2"}) if asked == "1" else (False, {"0"}))
