"""Asking a worker that may not answer: in time, however deaf it is."""

import threading

import pytest

from helios_crds.wire import ExitCode, Payload, Reply, Stage
from helios_worker.entrypoints import supervised_worker as module
from helios_worker.entrypoints.supervised_worker import SupervisedWorker
from tests.unit.worker.scripted import ScriptedWorker, hanging

CHUNK = Payload(jobPath="x", chunkIndex=7)


def test_a_worker_is_warm_before_it_is_asked_and_stays():
    worker = ScriptedWorker()
    supervised = SupervisedWorker(lambda: worker)
    assert worker.seen == ["initialize"]
    assert [supervised.ask(CHUNK).exitCode, supervised.ask(CHUNK, seconds=60).exitCode] == [0, 0]
    assert supervised.close(5)
    assert worker.seen == ["initialize", "process", "process", "close"]


def test_a_worker_lives_in_one_thread():
    threads: list[threading.Thread] = []

    def noted(payload: Payload) -> Reply:
        threads.append(threading.current_thread())
        return Reply(exitCode=0)

    def make() -> ScriptedWorker:
        threads.append(threading.current_thread())
        return ScriptedWorker(noted)

    supervised = SupervisedWorker(make)
    supervised.ask(CHUNK)
    supervised.ask(CHUNK)
    assert len(threads) == 3
    assert set(threads) == {threads[0]}
    assert threads[0] is not threading.current_thread()


def test_what_goes_wrong_at_the_start_is_raised():
    with pytest.raises(OSError, match="no room"):
        SupervisedWorker(lambda: (_ for _ in ()).throw(OSError("no room")))


def test_a_worker_that_does_not_become_warm_is_closed():
    class Cold(ScriptedWorker):
        def initialize(self) -> None:
            raise OSError("no browser")

    worker = Cold()
    with pytest.raises(OSError, match="no browser"):
        SupervisedWorker(lambda: worker)
    assert worker.seen == ["close"]


def test_a_long_reply_is_cut():
    supervised = SupervisedWorker(lambda: ScriptedWorker(lambda payload: Reply(exitCode=1, stderr="s" * 9000)))
    assert len(supervised.ask(CHUNK).stderr) < 4097


@pytest.mark.parametrize(
    ("payload", "what"),
    [(CHUNK, "chunk 7 was not done in"), (Payload(jobPath="x", stage=Stage.STITCH), "the stitch was")],
)
def test_a_stage_that_takes_too_long_is_ended(monkeypatch, payload, what):
    monkeypatch.setattr(module, "RESERVE_SECONDS", 20.0)
    monkeypatch.setattr(module, "RESERVE_SHARE", 0.95)
    worker = hanging()
    reply = SupervisedWorker(lambda: worker).ask(payload, seconds=10)  # 0.5 s of work, 5.7 s to end
    assert reply.exitCode == ExitCode.EXHAUSTED
    assert what in reply.stderr
    assert worker.seen == ["initialize", "process", "stop"]


def test_one_that_does_not_hear_it_is_left_behind_and_closed_when_it_lets_go():
    first, second = hanging(deaf=True, immortal=True), ScriptedWorker()
    workers = iter([first, second])
    supervised = SupervisedWorker(lambda: next(workers))
    assert supervised.ask(CHUNK, seconds=1).exitCode == ExitCode.EXHAUSTED
    assert first.seen[-2:] == ["stop", "kill"]
    assert supervised.ask(CHUNK).exitCode == ExitCode.DONE
    assert second.seen == ["initialize", "process"]
    assert "close" not in first.seen
    first.release.set()
    assert first.closed.wait(5)


def ask_in_thread(supervised: SupervisedWorker, replies: list[Reply]) -> threading.Thread:
    asker = threading.Thread(target=lambda: replies.append(supervised.ask(CHUNK)))
    asker.start()
    return asker


@pytest.mark.parametrize("deaf", [False, True])
def test_told_to_stop_a_stage_is_handed_back(deaf):
    worker, replies = hanging(deaf=deaf, immortal=deaf), list[Reply]()
    supervised = SupervisedWorker(lambda: worker)
    asker = ask_in_thread(supervised, replies)
    assert worker.begun.wait(5)
    supervised.stop()
    if deaf:
        supervised.give_up()
    asker.join(5)
    assert [reply.exitCode for reply in replies] == [ExitCode.TERMINATED]
    assert supervised.close(5) is not deaf
    worker.release.set()


def test_nothing_under_way_to_stop():
    worker = ScriptedWorker()
    supervised = SupervisedWorker(lambda: worker)
    assert supervised.close(5)
    supervised.stop()
    supervised.give_up()
    assert worker.seen == ["initialize", "close"]


def test_one_that_does_not_close_is_killed():
    class Stuck(ScriptedWorker):
        def close(self) -> None:
            self.release.wait(20)

    worker = Stuck()
    assert not SupervisedWorker(lambda: worker).close(0.05)
    assert worker.seen == ["initialize", "kill"]
