"""Asking a worker that may not answer: in time, however deaf it is."""

import threading

import pytest

from helios_crds.wire import ExitCode, Payload, Reply, Stage
from helios_worker.entrypoints import supervised_worker as module
from helios_worker.entrypoints.supervised_worker import Seat
from tests.unit.worker.scripted import ScriptedWorker, hanging

CHUNK = Payload(jobPath="x", chunkIndex=7)


def test_a_worker_is_warm_before_it_is_asked_and_stays():
    worker = ScriptedWorker()
    seat = Seat(lambda: worker)
    assert worker.seen == ["initialize"]
    assert [seat.ask(CHUNK).exitCode, seat.ask(CHUNK, seconds=60).exitCode] == [0, 0]
    assert seat.close(5)
    assert worker.seen == ["initialize", "process", "process", "close"]


def test_a_worker_lives_in_one_thread():
    threads: list[threading.Thread] = []

    def noted(payload: Payload) -> Reply:
        threads.append(threading.current_thread())
        return Reply(exitCode=0)

    def make() -> ScriptedWorker:
        threads.append(threading.current_thread())
        return ScriptedWorker(noted)

    seat = Seat(make)
    seat.ask(CHUNK)
    seat.ask(CHUNK)
    assert len(threads) == 3
    assert set(threads) == {threads[0]}
    assert threads[0] is not threading.current_thread()


def test_what_goes_wrong_at_the_start_is_raised():
    with pytest.raises(OSError, match="no room"):
        Seat(lambda: (_ for _ in ()).throw(OSError("no room")))


def test_a_worker_that_does_not_become_warm_is_closed():
    class Cold(ScriptedWorker):
        def initialize(self) -> None:
            raise OSError("no browser")

    worker = Cold()
    with pytest.raises(OSError, match="no browser"):
        Seat(lambda: worker)
    assert worker.seen == ["close"]


def test_a_long_reply_is_cut():
    seat = Seat(lambda: ScriptedWorker(lambda payload: Reply(exitCode=1, stderr="s" * 9000)))
    assert len(seat.ask(CHUNK).stderr) < 4097


@pytest.mark.parametrize(
    ("payload", "what"),
    [(CHUNK, "chunk 7 was not done in"), (Payload(jobPath="x", stage=Stage.STITCH), "the stitch was")],
)
def test_a_stage_that_takes_too_long_is_ended(monkeypatch, payload, what):
    monkeypatch.setattr(module, "RESERVE_SECONDS", 20.0)
    monkeypatch.setattr(module, "RESERVE_SHARE", 0.95)
    worker = hanging()
    reply = Seat(lambda: worker).ask(payload, seconds=10)  # 0.5 s of work, and 5.7 s to hear that it is over
    assert reply.exitCode == ExitCode.EXHAUSTED
    assert what in reply.stderr
    assert worker.seen == ["initialize", "process", "stop"]


def test_one_that_does_not_hear_it_is_left_behind_and_closed_when_it_lets_go():
    first, second = hanging(deaf=True, immortal=True), ScriptedWorker()
    workers = iter([first, second])
    seat = Seat(lambda: next(workers))
    assert seat.ask(CHUNK, seconds=1).exitCode == ExitCode.EXHAUSTED
    assert first.seen[-2:] == ["stop", "kill"]
    assert seat.ask(CHUNK).exitCode == ExitCode.DONE
    assert second.seen == ["initialize", "process"]
    assert "close" not in first.seen
    first.release.set()
    assert first.closed.wait(5)


def ask_in_thread(seat: Seat, replies: list[Reply]) -> threading.Thread:
    asker = threading.Thread(target=lambda: replies.append(seat.ask(CHUNK)))
    asker.start()
    return asker


@pytest.mark.parametrize("deaf", [False, True])
def test_told_to_stop_a_stage_is_handed_back(deaf):
    worker, replies = hanging(deaf=deaf, immortal=deaf), list[Reply]()
    seat = Seat(lambda: worker)
    asker = ask_in_thread(seat, replies)
    assert worker.begun.wait(5)
    seat.stop()
    if deaf:
        seat.give_up()
    asker.join(5)
    assert [reply.exitCode for reply in replies] == [ExitCode.TERMINATED]
    assert seat.close(5) is not deaf
    worker.release.set()


def test_nothing_under_way_to_stop():
    worker = ScriptedWorker()
    seat = Seat(lambda: worker)
    assert seat.close(5)
    seat.stop()
    seat.give_up()
    assert worker.seen == ["initialize", "close"]


def test_one_that_does_not_close_is_killed():
    class Stuck(ScriptedWorker):
        def close(self) -> None:
            self.release.wait(20)

    worker = Stuck()
    assert not Seat(lambda: worker).close(0.05)
    assert worker.seen == ["initialize", "kill"]
