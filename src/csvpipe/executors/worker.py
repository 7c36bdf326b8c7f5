"""Who handles chunks: what all workers have in common, and the worker that is a thread."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from functools import partial
from typing import Protocol, TypeVar

import anyio

from csvpipe._partition.chunk import Chunk
from csvpipe._process.resources import Resources
from csvpipe._process.result import ChunkResult
from csvpipe._process.run import ChunkRun, run_of
from csvpipe._process.stopping import StopSignal
from csvpipe._process.turn import Turn
from csvpipe._process.watch import look_seconds
from csvpipe._process.work import Allowance, JobWork
from csvpipe.executors.threads import DaemonThread, Errand, ThreadGroup
from csvpipe.logs import about_pipeline

T = TypeVar("T")

logger = logging.getLogger("csvpipe")


class Leaving(Protocol):
    """Something that has been told to end."""

    def join(self, seconds: float) -> None:
        """Wait for its end, so long at most, in a thread that may block."""
        ...


class Worker(Protocol):
    """Handles one chunk at a time. Belongs to the event loop, wherever it works."""

    @property
    def thread(self) -> ThreadWorker:
        """In which chunks are parsed whose handlers run in the event loop."""
        ...

    async def run(
        self, job: JobWork, chunk: Chunk, allowance: Allowance, *, stop: StopSignal, turn: Turn
    ) -> ChunkResult | None:
        """Handle a chunk, or the first part of it; None if the worker was told to `give_up` meanwhile.

        Cancellation does not reach the worker: to end a run early, set `stop`.

        Args:
            job: Shared by all chunks of the job.
            chunk: What to do.
            allowance: What the result may carry.
            stop: Set when the worker is to return what it has.
            turn: Its hold on this process's interpreter, where it uses that.

        Raises:
            Exception: Whatever is no row's fault and no file's.
        """
        ...

    def give_up(self) -> None:
        """Stop waiting for the chunk in hand, whatever becomes of it."""
        ...

    def renew(self, outages: int) -> None:
        """Between chunks: let resources be renewed that were entered before the last outage.

        Args:
            outages: How many there have been.
        """
        ...

    def close(self) -> Sequence[Leaving]:
        """Leave the resources and end. What is returned may be waited for; what was given up is not among it."""
        ...


class Crew(Protocol):
    """All workers of a pool.

    Attributes:
        size: How many there are.
        in_threads: Whether they are threads of this process, which share its interpreter.
    """

    size: int
    in_threads: bool

    def hire(self, threads: ThreadGroup) -> Sequence[Worker]:
        """Make the workers, when the pool is entered.

        Args:
            threads: For short calls of our own.
        """
        ...

    def expect(self, chunks: int) -> None:
        """So many chunks are about to come: begin with what takes a while. From any thread; does not wait."""
        ...

    def close(self) -> Sequence[Leaving]:
        """End what the workers had in common, after they were closed; as for them."""
        ...

    def abandon(self) -> None:
        """Let nothing outlive the pool, whatever state it is in; does not wait."""
        ...


class ThreadCrew:
    """Workers that are threads of this process."""

    in_threads = True

    def __init__(self, size: int) -> None:
        self.size = size

    def __repr__(self) -> str:
        return f"<ThreadCrew of {self.size}>"

    def hire(self, threads: ThreadGroup) -> Sequence[Worker]:
        """See `Crew`."""
        return [ThreadWorker(threads) for _ in range(self.size)]

    def expect(self, chunks: int) -> None:
        """Threads start in no time."""

    def close(self) -> Sequence[Leaving]:
        """They have nothing in common."""
        return ()

    def abandon(self) -> None:
        """Threads cannot be ended; they are daemons."""


class ThreadWorker:
    """Handles one chunk at a time, in a daemon thread of its own. Belongs to the event loop.

    A thread whose handler does not come back is given up and replaced: it costs its rows, not the worker.

    Args:
        threads: For calls that settle what a thread left behind when it was given up.
    """

    def __init__(self, threads: ThreadGroup) -> None:
        self._threads = threads
        self._thread: DaemonThread | None = None
        self._resources = Resources()
        self._errand: Errand[object] | None = None
        self._outages = 0
        self._leaving: list[DaemonThread] = []

    def __repr__(self) -> str:
        return f"<ThreadWorker {self._thread or 'without a thread'}{' busy' if self._errand else ''}>"

    @property
    def thread(self) -> ThreadWorker:
        """Itself."""
        return self

    async def run(
        self, job: JobWork, chunk: Chunk, allowance: Allowance, *, stop: StopSignal, turn: Turn
    ) -> ChunkResult | None:
        """See `Worker`."""
        chunk_run = run_of(job, chunk, allowance, stop=stop, turn=turn)
        errand = self._begin(turn.around(partial(chunk_run, self._resources)))
        with anyio.CancelScope(shield=True):
            if chunk_run.timeout is None:
                await errand.wait()
            elif (result := await self._watched(errand, chunk_run, chunk_run.timeout)) is not None:
                return result
        return self._end(errand, turn)

    async def call(self, function: Callable[[], T], turn: Turn) -> T | None:
        """Call a function in the worker's thread; None if the worker was told to `give_up` meanwhile.

        Raises:
            Exception: What the function raises.
        """
        errand = self._begin(function)
        with anyio.CancelScope(shield=True):
            await errand.wait()
        return self._end(errand, turn)

    def begin(self, function: Callable[[Resources], T]) -> Errand[T]:
        """Have the worker's thread call a function with its resources; to be waited for, shielded, until `end`."""
        return self._begin(partial(function, self._resources))

    def end(self, errand: Errand[T]) -> None:
        """The errand is not waited for any more; one that was forsaken keeps its thread."""
        self._errand = None
        if errand.is_forsaken:
            self._replace()

    def give_up(self) -> None:
        """Stop waiting for the thread, which goes on with whatever keeps it, and ends after that."""
        if self._errand is not None:
            self._errand.forsake()

    def renew(self, outages: int) -> None:
        """See `Worker`."""
        if outages == self._outages:
            return
        self._outages = outages
        if self._thread is not None:
            self._leaving.append(self._thread)
        self._replace()

    def close(self) -> Sequence[Leaving]:
        """Leave the resources and end the thread, both in the thread itself."""
        leaving, self._leaving = self._leaving, []
        if self._thread is not None:
            self._thread.close()
            leaving.append(self._thread)
            self._thread = None
        return leaving

    def _begin(self, function: Callable[[], T]) -> Errand[T]:
        if self._thread is None:
            self._thread = DaemonThread("worker", at_end=partial(leave, self._resources))
        errand = self._thread.begin(Errand(function))
        self._errand = errand  # type: ignore[assignment]  # only to be forsaken
        return errand

    def _end(self, errand: Errand[T], turn: Turn) -> T | None:
        if is_forsaken := errand.is_forsaken:
            turn.give()
        self.end(errand)
        return None if is_forsaken else errand.result()

    async def _watched(self, errand: Errand[ChunkResult], chunk_run: ChunkRun, limit: float) -> ChunkResult | None:
        """Wait for a run whose calls have a time limit; its result if a call had to be given up."""
        pause = look_seconds(limit)
        while True:
            with anyio.move_on_after(pause):
                await errand.wait()
            if errand.is_done or errand.is_forsaken:
                return None
            result = await self._threads.call(chunk_run.abandon)
            if result is not None:
                self._errand = None
                self._replace()
                return result

    def _replace(self) -> None:
        """Let the thread end whenever it comes back; the next chunk gets a new one, with resources of its own."""
        if self._thread is not None:
            self._thread.close()
        self._thread, self._resources = None, Resources()


def leave(resources: Resources) -> None:
    """In a worker: leave what was entered there; what goes wrong is logged."""
    for name, error in resources.close():
        logger.error("pipeline %r: its setup failed at the end", name, exc_info=error, extra=about_pipeline(name))
