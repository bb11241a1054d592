"""A worker in a thread of its own, so that whoever asks it can give up waiting: at a deadline, or when told to stop.

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
"""Of the time until an answer is due, what is kept for winding up: the lesser of the two."""
HEARD_SHARE = 0.6
"""Of that reserve, how long a stage may take to hear that it is to end, before its browsers are killed."""
STOPPED = "the worker was told to stop; send the request again"


class SupervisedWorker:
    """One stage at a time. A worker that does not come to its end is left behind, and the next stage gets another.

    make_worker: called in the worker's own thread, since a worker belongs to the thread that made it.
    """

    def __init__(self, make_worker: Callable[[], Worker]) -> None:
        """Makes the worker and starts what it keeps warm. Raises what that raises."""
        self._make_worker = make_worker
        self._taken: tuple[ThreadPoolExecutor, Worker] | None = None
        self._answer = Future[Reply]()
        self._stopped: Future[Reply] | None = None
        self._running()

    def ask(self, payload: Payload, *, seconds: float | None = None) -> Reply:
        """The reply to a payload, cut to what callers take.

        seconds: until an answer is due; a stage that would take longer is ended before that, as one that ran out of
        a resource: it may fit on a larger machine, or in smaller chunks.
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
        """Has the stage under way end as told to stop, from any thread. Returns at once; a second time does nothing."""
        answer = self._answer
        if self._taken is None or self._stopped is answer:
            return
        if self._taken[1].stop(ExitCode.TERMINATED, STOPPED):
            self._stopped = answer

    def give_up(self, code: ExitCode = ExitCode.TERMINATED, why: str = STOPPED) -> None:
        """Answers for the stage under way, which did not hear that it is to end, and leaves its worker behind."""
        if self._taken is None:
            return
        thread, worker = self._taken
        self._taken = None
        worker.kill()
        thread.submit(worker.close)  # when the stage lets go
        thread.shutdown(wait=False)
        _settle(self._answer, Reply(exitCode=code, stderr=why))

    def close(self, seconds: float) -> bool:
        """Ends the worker and its browsers. False: it does not end within so many seconds."""
        if self._taken is None:
            return False
        thread, worker = self._taken
        self._taken = None
        closing = thread.submit(worker.close)
        thread.shutdown(wait=False)
        try:
            closing.result(seconds)
        except TimeoutError:
            worker.kill()
            return False
        return True

    def _running(self) -> tuple[ThreadPoolExecutor, Worker]:
        if self._taken is None:
            thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="worker")
            self._taken = thread, thread.submit(self._warm).result()
        return self._taken

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
    """Gives an answer, unless there is one."""
    with suppress(InvalidStateError):
        if isinstance(reply, Reply):
            answer.set_result(reply)
        elif (error := reply.exception()) is not None:
            answer.set_exception(error)
        else:
            answer.set_result(reply.result())
