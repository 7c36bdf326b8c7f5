"""Workers that hand chunks to an executor of the application: threads, processes, a cluster."""

from __future__ import annotations

import threading
from concurrent.futures import BrokenExecutor, CancelledError, Executor, Future
from contextlib import suppress
from typing import Any

import anyio
import anyio.from_thread
import anyio.lowlevel

from csvpipe._partition.chunk import Chunk
from csvpipe._process.conduct import describe
from csvpipe._process.delivery import run_of
from csvpipe._process.resources import Resources
from csvpipe._process.result import ChunkResult, nothing_done
from csvpipe._process.stopping import StopSignal
from csvpipe._process.turn import FreeGate, Habit, Turn
from csvpipe._process.work import Allowance, JobWork, source_failure
from csvpipe.errors import FileCode, FileError, FileFailure, PipelineError
from csvpipe.executors.process.address import Address, UnreachableError, address_of, load
from csvpipe.executors.process.messages import job_of, terms_of
from csvpipe.executors.threads import ThreadGroup
from csvpipe.executors.worker import Leaving, ThreadWorker, Worker, leave


class ChunkTask:
    """Handles a chunk wherever it is called. Where it is pickled on the way there, the pipeline travels by its name.

    What `setup` enters is left again at the end: nobody tells an executor's worker when it was the last chunk.

    Args:
        job: Shared by all chunks of the job.
        chunk: What to do.
        allowance: What the result may carry.
        stop: Set when the task is to return what it has. It does not reach another process.
        turn: The hold on this process's interpreter.
    """

    def __init__(self, job: JobWork, chunk: Chunk, allowance: Allowance, *, stop: StopSignal, turn: Turn) -> None:
        self._job = job
        self._chunk = chunk
        self._allowance = allowance
        self._stop = stop
        self._turn = turn

    def __repr__(self) -> str:
        return f"<ChunkTask [{self._chunk.start}, {self._chunk.end}) of {self._job!r}>"

    def __reduce__(self) -> tuple[Any, ...]:
        address = address_of(self._job.pipeline)
        return _DistantTask, (address, terms_of(self._job), self._chunk, self._allowance)

    def __call__(self) -> ChunkResult:
        """Run until the chunk is done, or its time is up.

        Raises:
            Exception: Whatever is no row's fault and no file's.
        """
        resources = Resources()
        try:
            return run_of(self._job, self._chunk, self._allowance, stop=self._stop, turn=self._turn)(resources)
        finally:
            leave(resources)


class _DistantTask:
    """A `ChunkTask` that has arrived in another process; makes its job there."""

    def __init__(self, address: Address, terms: dict[str, Any], chunk: Chunk, allowance: Allowance) -> None:
        self._address = address
        self._terms = terms
        self._chunk = chunk
        self._allowance = allowance

    def __call__(self) -> ChunkResult:
        try:
            job = job_of(load(self._address), self._terms)
        except FileError as error:
            return nothing_done(self._chunk, source_failure(error))
        except UnreachableError as error:
            message = f"{error.message}; make sure that it can be imported there, then retry the job"
            return nothing_done(self._chunk, FileFailure(code=FileCode.ABORTED, message=message))
        turn = Turn(FreeGate(), Habit())
        return ChunkTask(job, self._chunk, self._allowance, stop=StopSignal(), turn=turn)()


class ForeignCrew:
    """Workers that each have one chunk in the executor.

    Args:
        executor: The application's, which shuts it down.
        size: How many chunks are handed over at a time.
    """

    in_threads = False

    def __init__(self, executor: Executor, size: int) -> None:
        self.size = size
        self._executor = executor

    def __repr__(self) -> str:
        return f"<ForeignCrew of {self.size} in {self._executor!r}>"

    def hire(self, threads: ThreadGroup) -> list[Worker]:
        """See `Crew`."""
        return [ForeignWorker(self._executor, threads) for _ in range(self.size)]

    def close(self) -> tuple[Leaving, ...]:
        """See `Crew`: the executor is not ours."""
        return ()

    def abandon(self) -> None:
        """See `Crew`: the executor is not ours."""


class ForeignWorker:
    """Has one chunk at a time done by an executor.

    Args:
        executor: The application's.
        threads: For calls of our own.
    """

    def __init__(self, executor: Executor, threads: ThreadGroup) -> None:
        self._executor = executor
        self._threads = threads
        self._wait: _Wait | None = None
        self.thread = ThreadWorker(threads)

    def __repr__(self) -> str:
        return f"<ForeignWorker of {self._executor!r}{' busy' if self._wait else ''}>"

    async def run(
        self, job: JobWork, chunk: Chunk, allowance: Allowance, *, stop: StopSignal, turn: Turn
    ) -> ChunkResult | None:
        """See `Worker`."""
        task = ChunkTask(job, chunk, allowance, stop=stop, turn=turn)
        try:
            with anyio.CancelScope(shield=True):
                # In a thread: whoever stands behind it may take the task over a network.
                future: Future[ChunkResult] = await self._threads.call_through(lambda: self._executor.submit(task))
                self._wait = _Wait(future)
                if await self._wait.over():
                    return self._wait.result()
            return None  # noqa: TRY300
        except PipelineError as error:
            return nothing_done(chunk, FileFailure(code=FileCode.ABORTED, message=str(error)))
        except (BrokenExecutor, CancelledError) as error:
            return nothing_done(chunk, _broken(error))
        except RuntimeError as error:
            if self._wait is None:  # it would not take the task
                return nothing_done(chunk, _broken(error))
            raise
        finally:
            self._wait = None

    def give_up(self) -> None:
        """See `Worker`: the task goes on, unless it has not begun."""
        if self._wait is not None:
            self._wait.forsake()
        self.thread.give_up()

    def renew(self, outages: int) -> None:
        """See `Worker`: there is nothing that outlives a chunk."""
        self.thread.renew(outages)

    def close(self) -> tuple[Leaving, ...]:
        """See `Worker`."""
        return tuple(self.thread.close())


class _Wait:
    """The event loop's wait for a future that is settled in whichever thread."""

    def __init__(self, future: Future[ChunkResult]) -> None:
        self._future = future
        self._token = anyio.lowlevel.current_token()
        self._thread = threading.get_ident()
        self._news = anyio.Event()
        self._is_forsaken = False
        future.add_done_callback(self._settled)

    def _settled(self, _future: Future[ChunkResult]) -> None:
        if self._is_forsaken:  # its loop may be waiting for the executor by now
            return
        if threading.get_ident() == self._thread:
            self._news.set()
            return
        with suppress(RuntimeError, anyio.RunFinishedError):  # the loop may be gone by then
            anyio.from_thread.run_sync(self._news.set, token=self._token)

    async def over(self) -> bool:
        """Whether there is a result; False if it is not waited for any more."""
        await self._news.wait()
        return not self._is_forsaken

    def result(self) -> ChunkResult:
        """What came of it.

        Raises:
            BaseException: Whatever the executor says.
        """
        return self._future.result()

    def forsake(self) -> None:
        """Do not wait any more."""
        self._is_forsaken = not self._future.done()
        self._news.set()
        self._future.cancel()


def _broken(error: BaseException) -> FileFailure:
    return FileFailure(
        code=FileCode.CRASH_LOOP,
        message=f"the executor takes or finishes no more work: {describe(error)}; what is done is kept: find out what "
        "became of its workers (executor='process' tells the row), then retry the job in a pool with a new executor",
    )
