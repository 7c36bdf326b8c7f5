"""Workers that hand chunks to an executor of the application: threads, processes, a cluster."""

from __future__ import annotations

import os
from concurrent.futures import Executor, Future
from pathlib import Path
from weakref import WeakSet

import anyio

from csvpipe._intake.arrival.spool import disk_errors
from csvpipe._intake.carried import CarriedFile
from csvpipe._partition.chunk import Chunk
from csvpipe._process.conduct import describe
from csvpipe._process.result import ChunkResult, nothing_done
from csvpipe._process.stopping import StopSignal
from csvpipe._process.turn import Turn
from csvpipe._process.work import Allowance, JobWork, source_failure
from csvpipe.errors import FileCode, FileError, FileFailure, PipelineError
from csvpipe.executors.distant import Answer, ChunkTask, carry
from csvpipe.executors.threads import ThreadGroup, soon_in_loop
from csvpipe.executors.worker import Leaving, ThreadWorker, Worker


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
        self._carried: WeakSet[JobWork] = WeakSet()

    def __repr__(self) -> str:
        return f"<ForeignCrew of {self.size} in {self._executor!r}>"

    def hire(self, threads: ThreadGroup) -> list[Worker]:
        """See `Crew`."""
        return [ForeignWorker(self._executor, threads, self._carried) for _ in range(self.size)]

    def expect(self, chunks: int) -> None:
        """See `Crew`: the executor is not ours."""

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
        carried: Jobs whose file some worker does not reach, so that their bytes travel; shared by all of a crew.
    """

    def __init__(self, executor: Executor, threads: ThreadGroup, carried: WeakSet[JobWork]) -> None:
        self._executor = executor
        self._threads = threads
        self._carried = carried
        self._wait: _Wait | None = None
        self.thread = ThreadWorker(threads)

    def __repr__(self) -> str:
        return f"<ForeignWorker of {self._executor!r}{' busy' if self._wait else ''}>"

    async def run(
        self, job: JobWork, chunk: Chunk, allowance: Allowance, *, stop: StopSignal, turn: Turn
    ) -> ChunkResult | None:
        """See `Worker`."""

        async def ask(carried: CarriedFile | None) -> Answer | None:
            return await self._answer(ChunkTask(job, chunk, allowance, stop=stop, turn=turn, carried=carried))

        answer: Answer | None = Answer(is_out_of_reach=True)
        try:
            with anyio.CancelScope(shield=True):
                if job not in self._carried:
                    answer = await ask(None)
                if answer is not None and answer.is_out_of_reach:
                    carried = await self._threads.call_through(carry, job.plan, chunk)
                    self._carried.add(job)  # this worker or another would miss it again
                    answer = await ask(carried)
                if answer is not None and answer.spill is not None:
                    await self._threads.call_through(_spill, answer, allowance)
        except FileError as error:
            return nothing_done(chunk, source_failure(error))
        except _ExecutorError as error:
            return nothing_done(chunk, error.failure(chunk))
        if answer is None:
            return None
        if answer.error is not None:
            raise answer.error
        turn.adopt(answer.handling)
        return answer.result

    async def _answer(self, task: ChunkTask) -> Answer | None:
        """What the executor makes of a task; None if the worker was told to `give_up` meanwhile.

        Raises:
            _ExecutorError: It does not do it.
        """
        try:
            # In a thread: whoever stands behind it may take the task over a network.
            future: Future[Answer] = await self._threads.call_through(lambda: self._executor.submit(task))
            self._wait = _Wait(future)
            return self._wait.result() if await self._wait.over() else None
        except Exception as error:
            raise _ExecutorError(error) from error
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

    def __init__(self, future: Future[Answer]) -> None:
        self._future = future
        self._call_soon = soon_in_loop()
        self._news = anyio.Event()
        self._is_forsaken = False
        future.add_done_callback(self._settled)

    def _settled(self, _future: Future[Answer]) -> None:
        self._call_soon(self._news.set)

    async def over(self) -> bool:
        """Whether there is a result; False if it is not waited for any more."""
        await self._news.wait()
        return not self._is_forsaken

    def result(self) -> Answer:
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


class _ExecutorError(Exception):
    """An executor did not do a task: a task does not raise by itself.

    Args:
        error: What it raised.
    """

    def __init__(self, error: Exception) -> None:
        super().__init__(error)
        self._error = error

    def failure(self, chunk: Chunk) -> FileFailure:
        """Why the job fails."""
        unnamed = _pipeline_error(self._error)
        if unnamed is not None:
            return FileFailure(code=FileCode.ABORTED, message=str(unnamed))
        rows = f"rows {chunk.first_row:,} to {chunk.first_row + chunk.rows - 1:,}"
        return FileFailure(
            code=FileCode.CRASH_LOOP,
            message=f"the executor takes or finishes no more work: {describe(self._error)}; what is done is kept: find "
            f"out what became of its workers, which had {rows} (executor='process' tells the row), then retry the job "
            "in a pool with a new executor",
        )


def _pipeline_error(error: BaseException | None) -> PipelineError | None:
    """What was raised when the task was pickled, whatever an executor has put around it."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        if isinstance(error, PipelineError):
            return error
        seen.add(id(error))
        error = error.__cause__ or error.__context__
    return None


def _spill(answer: Answer, allowance: Allowance) -> None:
    """In a thread: put row errors that came over the network where those of other workers are."""
    content = answer.spilled()
    if content is None or allowance.spill is None:
        return
    path = Path(allowance.spill)
    with disk_errors(path.name, path.parent), path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
