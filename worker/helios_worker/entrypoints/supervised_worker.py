"""A worker in a thread of its own, so that its caller can stop waiting: at a deadline, or when told to stop.

worker = SupervisedWorker(lambda: WorkerRuntime("/tmp"))    # its browser runs when this returns
reply = worker.ask(payload, seconds=55)                     # within 55 s, whatever happens
"""

import logging
import time
from collections.abc import Callable
from concurrent.futures import Future, InvalidStateError, ThreadPoolExecutor
from contextlib import suppress

from helios_crds.wire import ExitCode, Payload, Reply
from helios_worker.entrypoints.bounds import bounded_reply
from helios_worker.runtime import Worker

log = logging.getLogger(__name__)

RESERVE_SECONDS, RESERVE_SHARE = 6.0, 0.3
"""The part of the time until the deadline that is reserved for ending the stage: the lesser of the two."""
HEARD_SHARE = 0.6
"""The part of that reserve in which a stage may end by itself, before its browsers are killed."""
STOPPED = "the worker was told to stop; send the request again"


class SupervisedWorker:
    """Runs one stage at a time. A worker whose stage does not end is abandoned, and the next stage gets a new one.

    make_worker: called in the worker's own thread, since a worker belongs to the thread that made it.
    """

    def __init__(self, make_worker: Callable[[], Worker]) -> None:
        """Makes the worker and starts its browsers.

        Raises:
            Exception: whatever that raises.
        """
        self._make_worker = make_worker
        self._worker: tuple[ThreadPoolExecutor, Worker] | None = None
        self._answer = Future[Reply]()
        self._stopped: Future[Reply] | None = None
        self._running()

    def ask(self, payload: Payload, *, seconds: float | None = None) -> Reply:
        """The reply to a payload, cut to the size that callers accept.

        seconds: until the deadline. A stage that would miss it is ended before, with the exit code for a lack of
        resources, since a larger machine or smaller chunks may help.
        """
        due = None if seconds is None else time.monotonic() + seconds
        thread, worker = self._running()
        self._answer = answer = Future[Reply]()
        stage = thread.submit(worker.process, payload)
        stage.add_done_callback(lambda done: _settle(answer, done))
        if due is None:
            return bounded_reply(answer.result())
        return bounded_reply(self._in_time(payload, answer, worker, max(0.0, due - time.monotonic())))

    def stop(self) -> None:
        """Asks the running stage to end. Any thread may call it; returns at once. A second call does nothing."""
        answer = self._answer
        if self._worker is None or self._stopped is answer:
            return
        if self._worker[1].stop(ExitCode.TERMINATED, STOPPED):
            self._stopped = answer

    def give_up(self, code: ExitCode = ExitCode.TERMINATED, why: str = STOPPED) -> None:
        """Replies in place of a running stage that ignores `stop`, and abandons its worker."""
        if self._worker is None:
            return
        thread, worker = self._worker
        self._worker = None
        worker.kill()
        thread.submit(worker.close)  # when its stage ends
        thread.shutdown(wait=False)
        _settle(self._answer, Reply(exitCode=code, stderr=why))

    def close(self, seconds: float) -> bool:
        """Ends the worker and its browsers. False: it did not end within so many seconds."""
        if self._worker is None:
            return False
        thread, worker = self._worker
        self._worker = None
        closing = thread.submit(worker.close)
        thread.shutdown(wait=False)
        try:
            closing.result(seconds)
        except TimeoutError:
            worker.kill()
            return False
        return True

    def _running(self) -> tuple[ThreadPoolExecutor, Worker]:
        if self._worker is None:
            thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="worker")
            self._worker = thread, thread.submit(self._warm).result()
        return self._worker

    def _warm(self) -> Worker:
        worker = self._make_worker()
        try:
            worker.initialize()
        except BaseException:
            worker.close()
            raise
        return worker

    def _in_time(self, payload: Payload, answer: Future[Reply], worker: Worker, seconds: float) -> Reply:
        reserve = min(RESERVE_SECONDS, seconds * RESERVE_SHARE)
        work = max(0.0, seconds - reserve)
        what = f"chunk {payload.chunkIndex}" if payload.stage == "chunk" else f"the {payload.stage}"
        why = (
            f"{what} was not done in the {work:.0f} s it had; give the function more time or memory, "
            "or cut smaller chunks"
        )
        try:
            return answer.result(work)
        except TimeoutError:
            worker.stop(ExitCode.EXHAUSTED, why)
        try:
            return answer.result(reserve * HEARD_SHARE)
        except TimeoutError:
            log.warning("%s does not end; its browsers are killed, and the next stage gets another worker", what)
        self.give_up(ExitCode.EXHAUSTED, why)
        return answer.result()


def _settle(answer: Future[Reply], reply: Reply | Future[Reply]) -> None:
    """Sets the answer, unless it is already set."""
    with suppress(InvalidStateError):
        if isinstance(reply, Reply):
            answer.set_result(reply)
        elif (error := reply.exception()) is not None:
            answer.set_exception(error)
        else:
            answer.set_result(reply.result())
