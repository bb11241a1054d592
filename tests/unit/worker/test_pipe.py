"""A pipe to the browser takes the size it gets, and a session that has ended leaves no command waiting."""

import errno
import fcntl
import os

import pytest

from helios_worker.capture.devtools.cdp import PIPE_BYTES, CommandRefused, Connection, widen_pipe


@pytest.fixture
def pipe():
    ends = os.pipe()
    yield ends[0]
    for end in ends:
        os.close(end)


def test_a_pipe_is_widened(pipe: int):
    assert widen_pipe(pipe) == PIPE_BYTES


def test_a_pipe_beyond_the_kernels_quota_keeps_its_size(pipe: int, monkeypatch: pytest.MonkeyPatch):
    """The refusal is the kernel's own where an unprivileged user has too many pipes; root has no such limit."""
    before = fcntl.fcntl(pipe, fcntl.F_GETPIPE_SZ)
    ask = fcntl.fcntl

    def refuse(fd: int, command: int, *given: int) -> int:
        if command == fcntl.F_SETPIPE_SZ:
            raise PermissionError(errno.EPERM, "Operation not permitted")
        return ask(fd, command, *given)

    monkeypatch.setattr(fcntl, "fcntl", refuse)
    assert widen_pipe(pipe) == before


async def test_a_session_that_has_ended_answers_nothing():
    """As that of a worker which a script ends while the clock in it takes a step."""
    (read, events), (commands, write) = os.pipe(), os.pipe()
    connection = Connection(read, write)
    ended = [connection.post("Runtime.callFunctionOn", session="worker") for _ in range(2)]
    other = connection.post("Runtime.callFunctionOn", session="page")
    connection.forget("worker")
    for answer in ended:
        with pytest.raises(CommandRefused, match=r"Runtime\.callFunctionOn: its session ended"):
            await answer
    assert not other.done()
    connection.close("the test is over")
    for end in (events, commands):
        os.close(end)
