"""Workers that are processes, as the event loop sees them."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from itertools import count
from pathlib import Path
from typing import Final
from weakref import WeakKeyDictionary

import anyio
import attrs

from csvpipe._partition.chunk import Chunk
from csvpipe._process.result import ChunkResult, nothing_done
from csvpipe._process.stopping import StopSignal
from csvpipe._process.turn import Turn
from csvpipe._process.work import Allowance, JobWork
from csvpipe.errors import FileCode, FileFailure
from csvpipe.executors.process.address import Address
from csvpipe.executors.process.host import LostError, WorkerProcess, log_troubles
from csvpipe.executors.process.messages import Answer, Done, Order, Unreachable, terms_of
from csvpipe.executors.process.suspects import Case, Step, rejected
from csvpipe.executors.threads import DaemonThread, Errand, ThreadGroup
from csvpipe.executors.worker import Leaving, ThreadWorker, Worker
from csvpipe.logs import about_job

logger = logging.getLogger("csvpipe")

#: How long a worker is given to leave its resources when a fresh one is to take its place.
_REPLACED_SECONDS: Final = 5.0


@attrs.frozen
class _Known:
    """What the crew knows of a job."""

    number: int
    case: Case


class ProcessCrew:
    """Up to `size` processes, started when a chunk is expected, or finds none idle. Who was idle last is asked first.

    Args:
        size: How many processes there may be.
        addresses: Of the pipelines, by name.
    """

    in_threads = False

    def __init__(self, size: int, addresses: Mapping[str, Address]) -> None:
        self.size = size
        self._addresses = addresses
        self._lock = threading.Lock()
        self._numbers = count(1)
        self._known: WeakKeyDictionary[JobWork, _Known] = WeakKeyDictionary()
        self._idle: list[WorkerProcess] = []
        self._busy: set[WorkerProcess] = set()
        self._starting: list[Future[WorkerProcess]] = []
        self._is_closed = False
        self._is_abandoned = False

    def __repr__(self) -> str:
        return f"<ProcessCrew of {self.size}: {len(self._busy)} busy, {len(self._idle)} idle>"

    @property
    def pids(self) -> list[int]:
        """Of all processes there are."""
        with self._lock:
            return [process.pid for process in (*self._busy, *self._idle)]

    def hire(self, threads: ThreadGroup) -> Sequence[Worker]:
        """See `Crew`."""
        return [ProcessWorker(self, threads) for _ in range(self.size)]

    def expect(self, chunks: int) -> None:
        """See `Crew`: start processes while the first chunks are still to be cut."""
        with self._lock:
            there = len(self._busy) + len(self._idle) + sum(not each.done() for each in self._starting)
            wanted = 0 if self._is_closed else min(chunks, self.size) - there
            begun: list[Future[WorkerProcess]] = [Future() for _ in range(wanted)]
            self._starting += begun
        for future in begun:
            threading.Thread(target=self._start, args=(future,), name="csvpipe-starter", daemon=True).start()

    def close(self) -> Sequence[Leaving]:
        """See `Crew`: tell all processes to end."""
        with self._lock:
            self._is_closed = True
            leaving, self._idle = self._idle, []
            unused = [_Unused(future) for future in self._starting]
            self._starting = []
        for process in leaving:
            process.close()
        return [*leaving, *unused]

    def abandon(self) -> None:
        """See `Crew`: kill what is left."""
        with self._lock:
            self._is_abandoned = True
            for process in (*self._busy, *self._idle):
                process.kill()

    def known(self, job: JobWork) -> _Known:
        """What there is to know of a job; from any thread."""
        with self._lock:
            if job not in self._known:
                self._known[job] = _Known(next(self._numbers), Case(job))
            return self._known[job]

    def take(self, *, is_fresh: bool = False) -> WorkerProcess:
        """A living process, in a thread that may block while it is started.

        Args:
            is_fresh: It must not have done anything yet.

        Raises:
            OSError: None can be started.
        """
        while True:
            starting = None
            with self._lock:
                process = self._idle.pop() if self._idle else None
                if process is not None:
                    self._busy.add(process)
                elif self._starting:
                    starting = self._starting.pop(0)
            if starting is not None:
                process = starting.result()
            elif process is None:
                return self._started()
            if process.is_alive and not (is_fresh and process.orders):
                return process
            if process.is_alive:
                process.close()
                process.join(_REPLACED_SECONDS)
                self.forget(process)
            else:
                self.drop(process)

    def _start(self, future: Future[WorkerProcess]) -> None:
        try:
            future.set_result(self._started())
        except BaseException as error:  # noqa: BLE001  # who takes it is told
            future.set_exception(error)

    def _started(self) -> WorkerProcess:
        """A process that somebody is about to use."""
        process = WorkerProcess(self._addresses)
        with self._lock:
            self._busy.add(process)
            if self._is_abandoned:
                process.kill()
        return process

    def put_back(self, process: WorkerProcess) -> None:
        """It may be asked for the next chunk."""
        with self._lock:
            self._busy.discard(process)
            self._idle.append(process)

    def drop(self, process: WorkerProcess) -> None:
        """It is dead, or is to be."""
        process.discard()
        self.forget(process)

    def forget(self, process: WorkerProcess) -> None:
        """Nothing is left of it."""
        with self._lock:
            self._busy.discard(process)


class _Unused:
    """A process that was started for nothing; see `Leaving`."""

    def __init__(self, future: Future[WorkerProcess]) -> None:
        self._future = future

    def join(self, seconds: float) -> None:
        """Let it start, then end."""
        with suppress(OSError, TimeoutError):  # it could not be started, or somebody else has to kill it
            process = self._future.result(seconds)
            process.close()
            process.join(seconds)


class ProcessWorker:
    """Has one chunk at a time done by a process of the crew, and sees to it when that dies.

    Args:
        crew: Whose processes it uses.
        threads: For calls of our own.
    """

    def __init__(self, crew: ProcessCrew, threads: ThreadGroup) -> None:
        self._crew = crew
        self._waiting: DaemonThread | None = None
        self._errand: Errand[ChunkResult | None] | None = None
        self._process: WorkerProcess | None = None
        self._given_up = threading.Event()
        self._outages = 0
        self.thread = ThreadWorker(threads)

    def __repr__(self) -> str:
        return f"<ProcessWorker {self._process or 'without a process'}>"

    async def run(
        self, job: JobWork, chunk: Chunk, allowance: Allowance, *, stop: StopSignal, turn: Turn
    ) -> ChunkResult | None:
        """See `Worker`."""
        if self._waiting is None:
            self._waiting = DaemonThread("waiter")
        self._given_up.clear()
        errand = self._waiting.begin(Errand(partial(self._handle, job, chunk, allowance, stop, turn)))
        with anyio.CancelScope(shield=True):
            await errand.wait()
        return errand.result()

    def give_up(self) -> None:
        """See `Worker`: the process is killed."""
        self._given_up.set()
        process = self._process
        if process is not None:
            process.kill()
        self.thread.give_up()

    def renew(self, outages: int) -> None:
        """See `Worker`."""
        self._outages = outages
        self.thread.renew(outages)

    def close(self) -> Sequence[Leaving]:
        """See `Worker`. Processes are the crew's."""
        if self._waiting is not None:
            self._waiting.close()
            self._waiting = None
        return self.thread.close()

    # In the waiting thread --------------------------------------------------------------------------------------------

    def _handle(
        self, job: JobWork, chunk: Chunk, allowance: Allowance, stop: StopSignal, turn: Turn
    ) -> ChunkResult | None:
        """Have the chunk, or its first part, done, by as many processes as it takes.

        The turn is of this process's interpreter, which is not used; it says whether to note how long that takes.
        """
        known = self._crew.known(job)
        while not self._given_up.is_set():
            step = known.case.next_step(job, chunk)
            if step.suspect is not None and step.suspect.verdict is not None:
                result = rejected(job, step.chunk, allowance, step.suspect.verdict)
                known.case.close(step)
                return result
            try:
                answer = self._ask(job, known.number, step, allowance, stop, is_timed=turn.is_timed)
            except LostError as lost:
                if self._given_up.is_set():
                    break
                _remove_spill(allowance)
                logger.warning(
                    "pipeline %r: a worker process was lost: %s", job.pipeline.name, lost.how, extra=_about(job)
                )
                failure = known.case.died(step, lost.how, lost.note, is_frozen=lost.is_frozen)
                if failure is not None:
                    return nothing_done(chunk, failure)
                continue
            if isinstance(answer, Done):
                turn.adopt(answer.handling)
            return self._taken(job, chunk, known.case, step, answer)
        return None

    def _ask(
        self, job: JobWork, number: int, step: Step, allowance: Allowance, stop: StopSignal, *, is_timed: bool
    ) -> Answer:
        process = self._crew.take(is_fresh=step.suspect is not None)
        self._process = process
        if self._given_up.is_set():
            process.kill()
        order = Order(
            job=number,
            pipeline=job.pipeline.name,
            terms=None if process.knows(number) else terms_of(job),
            chunk=step.chunk,
            allowance=allowance,
            outages=self._outages,
            limit=job.pipeline.timeout,
            is_timed=is_timed,
        )
        is_of_use = False
        try:
            answer = process.ask(order, stop)
            is_of_use = not (isinstance(answer, Done) and answer.is_last)
        finally:
            self._process = None
            if is_of_use:
                self._crew.put_back(process)
            else:
                self._crew.drop(process)
        return answer

    def _taken(self, job: JobWork, chunk: Chunk, suspects: Case, step: Step, answer: Answer) -> ChunkResult:
        if isinstance(answer, Done):
            log_troubles(answer.troubles)
            suspects.survived(step, answer.result)
            return answer.result
        if isinstance(answer, Unreachable):
            logger.error(
                "pipeline %r: %s\n%s", job.pipeline.name, answer.message, answer.traceback.rstrip(), extra=_about(job)
            )
            return nothing_done(chunk, _unreachable(answer.message))
        raise answer.error


def _remove_spill(allowance: Allowance) -> None:
    """Remove what a dead process may have begun to write; the next one begins anew, if it has to at all."""
    if allowance.spill is not None:
        with suppress(OSError):
            Path(allowance.spill).unlink(missing_ok=True)


def _unreachable(message: str) -> FileFailure:
    return FileFailure(
        code=FileCode.ABORTED,
        message=f"{message}; make sure that it can be imported without the program around it, or use "
        "executor='thread', then retry the job",
    )


def _about(job: JobWork) -> dict[str, object]:
    context = job.context
    return about_job(context.job_id, pipeline=job.pipeline.name, file=context.filename, attempt=context.attempt)
