"""Browsers and pages that die or freeze: the attempt fails, or not even that, and the worker lives on."""

import asyncio
import os
import re
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from helios_crds.wire import ExitCode, Reply
from helios_worker.capture.browser_pool import BrowserPool
from helios_worker.network.addresses import AddressRule
from tests.integration.worker.conftest import Hooks
from tests.integration.worker.project import MOVING, RESTLESS, Project
from tests.processes import browsers, command_line, descendants, send_signal, until


def killed_in_mid_chunk(project: Project, hooks: Hooks, victims: Callable[[int], list[int]]) -> Reply:
    """Kills processes after the first pictures of a chunk. victims: of a browser, which."""
    project.plan(RESTLESS, frames=240, chunk=240)
    (browser,) = browsers(os.getpid())

    def kill() -> None:
        hooks.clear()
        for pid in victims(browser):
            send_signal(pid, signal.SIGKILL)

    hooks.append(kill)
    return project.chunk()


def names_in(folder: Path) -> list[str]:
    return [each.name for each in folder.iterdir()]


def pages_of(browser: int) -> list[int]:
    return [pid for pid in descendants(browser) if "--type=renderer" in command_line(pid)]


@pytest.mark.parametrize(
    ("victims", "said"),
    [
        pytest.param(lambda browser: [browser], "the browser ended", id="browser"),
        # The browser itself stays, as when a page runs out of memory.
        pytest.param(pages_of, "the page's process crashed (out of memory?)", id="page"),
    ],
)
def test_what_is_killed_in_mid_chunk_is_replaced(project: Project, hooks: Hooks, victims, said: str):
    reply = killed_in_mid_chunk(project, hooks, victims)
    assert reply.exitCode == ExitCode.RETRYABLE
    assert said in reply.stderr
    assert project.store.keys("chunks/") == []
    again = project.chunk()
    assert again.exitCode == ExitCode.DONE, again.stderr
    assert len(browsers(os.getpid())) == 1


def test_nothing_dies_beside_the_browser_in_silence(project: Project, hooks: Hooks, monkeypatch: pytest.MonkeyPatch):
    """What composes its frames and what loads its files is the browser itself.

    As a process of its own the one could die and take a frame along, the other a file, and the page would be said to
    have neither. What there is besides pages only makes new ones.
    """
    monkeypatch.setattr("helios_worker.capture.browser_pool.START_SECONDS", 5.0)
    kinds = set[str]()

    def others(browser: int) -> list[int]:
        found = {pid: re.findall("--type=([a-z-]+)", command_line(pid)) for pid in descendants(browser)}
        kinds.update(kind for each in found.values() for kind in each)
        return [pid for pid, kind in found.items() if kind == ["zygote"]]

    reply = killed_in_mid_chunk(project, hooks, others)
    assert kinds == {"renderer", "zygote"}
    assert reply.exitCode == ExitCode.DONE, reply.stderr
    segment = project.manifest(0)["segment"]
    shutil.rmtree(project.folder / "store/chunks")
    reply = project.chunk()
    assert reply.exitCode in (ExitCode.DONE, ExitCode.RETRYABLE), reply.stderr
    project.chunks()
    assert project.manifest(0)["segment"] == segment


def test_a_browser_that_died_between_two_chunks_costs_no_attempt(project: Project):
    project.plan(MOVING)
    (browser,) = browsers(os.getpid())
    os.kill(browser, signal.SIGKILL)
    reply = project.chunk()
    assert reply.exitCode == ExitCode.DONE, reply.stderr


def test_a_browser_that_froze_between_two_chunks_is_replaced(project: Project, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("helios_worker.capture.browser_pool.START_SECONDS", 5.0)
    project.plan(MOVING)
    (browser,) = browsers(os.getpid())
    os.kill(browser, signal.SIGSTOP)
    reply = project.chunk()
    assert reply.exitCode == ExitCode.DONE, reply.stderr
    assert browser not in browsers(os.getpid())


def test_a_browser_that_freezes_in_mid_chunk_is_nobodys_mistake(project: Project, hooks: Hooks):
    def freeze() -> None:
        hooks.clear()
        (browser,) = browsers(os.getpid())
        os.kill(browser, signal.SIGSTOP)

    project.plan(RESTLESS, frames=240, chunk=240, frameTimeout=3)
    hooks.append(freeze)
    reply = project.chunk()
    assert reply.exitCode == ExitCode.RETRYABLE
    assert "the browser does not answer" in reply.stderr
    assert project.chunk().exitCode == ExitCode.DONE


async def test_a_stage_cancelled_while_its_browser_starts_leaves_none(tmp_path: Path):
    before = browsers(os.getpid())
    pool = BrowserPool(tmp_path, lanes=1, rule=AddressRule(loopback=False))
    start = asyncio.create_task(pool.start())
    await until(lambda: browsers(os.getpid()) != before, "a browser's process")
    start.cancel()
    with pytest.raises(asyncio.CancelledError):
        await start
    assert browsers(os.getpid()) == before
    await pool.start()
    await pool.stop()
    assert browsers(os.getpid()) == before
    assert names_in(tmp_path) == []
