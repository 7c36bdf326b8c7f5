"""Runs a chunk of an async handler: parsed in a worker's thread, handled in the event loop."""

from __future__ import annotations

import math
import sys
import time
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, Final

import anyio
from anyio.abc import TaskGroup

from csvpipe._partition.chunk import Chunk
from csvpipe._process.conduct import Call, CallTimeoutError, EndedError, Step, StoppedError, Unit
from csvpipe._process.result import ChunkResult
from csvpipe._process.stopping import StopSignal
from csvpipe._process.tally import Fate
from csvpipe._process.turn import Turn
from csvpipe._process.work import Allowance, ChunkWork, JobWork, source_failure
from csvpipe.errors import FileError, FileFailure
from csvpipe.executors.slots import Hold, Slots
from csvpipe.executors.worker import ThreadWorker

#: How soon a wait between two attempts notices that the worker is to stop.
_STOP_SECONDS: Final = 0.05


class LoopRun:
    """A chunk on its way through the event loop, many calls at a time.

    Calls end in any order; rows count in the order of the file, so that a run that ends early has done a prefix.

    Args:
        job: Shared by all chunks of the job.
        chunk: What to do.
        allowance: What the result may carry.
        stop: Set when the run is to return what it has.
        turn: Its hold on the interpreter, for parsing.
        slots: Bounds the calls in flight of all runs of this pipeline.
        concurrency: Calls in flight of this run.
        resource: What `setup` entered, as the handler's last argument; empty for none.
    """

    def __init__(
        self,
        job: JobWork,
        chunk: Chunk,
        allowance: Allowance,
        *,
        stop: StopSignal,
        turn: Turn,
        slots: Slots,
        concurrency: int,
        resource: tuple[Any, ...] = (),
    ) -> None:
        self._job = job
        self._work = ChunkWork(job, chunk, allowance)
        self._stop = stop
        self._turn = turn
        self._slots = slots
        self._concurrency = concurrency
        self._resource = resource
        self._waves = self._work.waves()
        self._deadline = 0.0
        self._ready: deque[Unit] = deque()
        self._begun: deque[_Begun] = deque()
        signature = job.pipeline.signature
        #: Whether a good row needs no more than one call of the handler with it.
        self._is_plain = not signature.is_batch and job.calls_handler and job.rules.context is None
        self._news = anyio.Event()
        self._is_read = False
        self._is_short = False
        self._has_gap = False
        self._failure: FileFailure | None = None
        self._error: Exception | None = None
        self._scope = anyio.CancelScope(shield=True)

    async def run(self, worker: ThreadWorker) -> ChunkResult | None:
        """Run until the chunk is done, the run is to stop, or the job must end; None if it was told to `give_up`.

        Raises:
            Exception: Whatever is no row's fault and no file's.
        """
        self._deadline = time.monotonic() + self._job.chunk_seconds
        with self._scope:
            async with anyio.create_task_group() as callers:
                await self._read(worker, callers)
        if self._scope.cancelled_caught:
            return None
        if self._error is not None:
            raise self._error
        is_complete = not (self._is_short or self._failure or self._begun or self._ready)
        return self._work.result(failure=self._failure, is_complete=is_complete)

    def give_up(self) -> None:
        """Cancel the calls in flight."""
        self._scope.cancel()

    @property
    def _is_ending(self) -> bool:
        if not self._is_short and (self._stop.is_set() or time.monotonic() >= self._deadline):
            self._is_short = True
        return self._is_short or self._failure is not None

    # Units in ---------------------------------------------------------------------------------------------------------

    async def _read(self, worker: ThreadWorker, callers: TaskGroup) -> None:
        """Keep enough units ready that no caller waits, and start callers as they find work."""
        started = 0
        try:
            while not self._is_ending:
                wave = await worker.call(self._next_wave, self._turn)
                if wave is None:
                    break
                self._ready.extend(wave)
                wanted = min(self._concurrency, started + len(self._ready))
                for _ in range(started, wanted):
                    callers.start_soon(self._call_units)
                started = max(started, wanted)
                self._announce()
                while len(self._ready) > self._concurrency and not self._is_ending:
                    await self._news.wait()
        except FileError as error:
            self._failure = self._failure or source_failure(error)
        except Exception as error:  # noqa: BLE001  # raised by `run`, without a group around it
            self._error = error
            callers.cancel_scope.cancel()
        finally:
            self._is_read = True
            self._announce()

    def _next_wave(self) -> list[Unit] | None:
        self._turn.take()
        try:
            return next(self._waves, None)
        finally:
            self._turn.give()

    # Calls out --------------------------------------------------------------------------------------------------------

    async def _call_units(self) -> None:
        """One of the callers: unit after unit, as long as there are any."""
        is_first = True
        ready, hold = self._ready, Hold(self._slots)
        try:
            while is_first or not self._is_ending:  # a run makes some progress, however late it is
                is_first = False
                while not ready:
                    if self._is_read:
                        return
                    hold.give()
                    await self._news.wait()
                begun = _Begun(ready.popleft())
                if len(ready) == self._concurrency:
                    self._announce()
                self._begun.append(begun)
                try:
                    await self._settle(begun.unit, hold)
                except StoppedError:
                    self._is_short = True
                except EndedError as ended:
                    self._failure = self._failure or ended.failure
                begun.is_over = True
                self._count()
        finally:
            hold.give()
        self._announce()

    def _count(self) -> None:
        """Count the units that are over, as far as they follow on each other."""
        begun = self._begun
        while begun and begun[0].is_over and not self._has_gap:
            unit = begun.popleft().unit
            try:
                self._work.take(unit)
            except EndedError as ended:
                self._failure = self._failure or ended.failure
            if not unit.is_decided:
                self._has_gap = self._is_short = True  # what comes after it does not count, and will be done again

    async def _settle(self, unit: Unit, hold: Hold) -> None:
        """Find out the fate of a unit's rows; of a good row by one call, mostly."""
        error = None
        if self._is_plain:
            if unit.outcomes[0] is not None:
                return
            await hold.take()
            error = await self._call(unit.items[0], *self._resource)
            if error is None:
                unit.outcomes[0] = Fate.PROCESSED
                return
        steps = self._work.conduct(unit)
        try:
            step = next(steps)
            if error is not None:  # the answer to the first call, which has been made
                step = steps.send(error)
            while True:
                step = steps.send(await self._perform(unit, step, hold))
        except StopIteration:
            pass

    async def _perform(self, unit: Unit, step: Step, hold: Hold) -> BaseException | None:
        if not isinstance(step, Call):
            hold.give()
            await self._pause(step.seconds)
            return None
        row = unit.argument(step.group, is_batch=self._job.pipeline.signature.is_batch)
        context = () if step.context is None else (step.context,)
        await hold.take()
        return await self._call(row, *context, *self._resource)

    async def _call(self, *arguments: object) -> BaseException | None:
        """One call of the handler: what it raised, or None."""
        handler: Callable[..., Awaitable[object]] = self._job.pipeline.function
        limit = self._job.pipeline.timeout
        try:
            if limit is None:
                await handler(*arguments)
                return None
            with anyio.move_on_after(limit) as scope:
                await handler(*arguments)
        except (KeyboardInterrupt, GeneratorExit):  # the user's, and that of a loop that is torn down
            raise
        except BaseException as error:  # the application's code: also a cancellation of what it waited for
            if is_cancelled_from_outside():
                raise
            return error
        return CallTimeoutError(limit) if scope.cancelled_caught else None

    async def _pause(self, seconds: float) -> None:
        """Wait between two attempts.

        Raises:
            StoppedError: The run is to stop.
        """
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            if self._stop.is_set():
                raise StoppedError
            await anyio.sleep(min(left, _STOP_SECONDS))

    def _announce(self) -> None:
        self._news.set()
        self._news = anyio.Event()


class _Begun:
    """A unit in the order of the file, and whether its calls are over."""

    __slots__ = ("is_over", "unit")

    def __init__(self, unit: Unit) -> None:
        self.unit = unit
        self.is_over = False


def is_cancelled_from_outside() -> bool:
    """Whether the task in which something was just caught is to end; what it was asked by its own code is taken back.

    On asyncio, code may cancel its own task, or await what was cancelled elsewhere. Neither is meant for us. When a
    loop is torn down it cancels all its tasks: then those that wait for this one end, and their scopes end this one.
    """
    if anyio.current_effective_deadline() == -math.inf:
        return True
    asyncio = sys.modules.get("asyncio")
    with suppress(RuntimeError):  # no loop of asyncio's
        task = None if asyncio is None else asyncio.current_task()
        while task is not None and task.cancelling():
            task.uncancel()
    return False
