"""Runs a chunk in a thread: parse, convert, handle, count."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, Final

from csvpipe._partition.chunk import Chunk
from csvpipe._process.build import BadRow
from csvpipe._process.conduct import (
    Call,
    EndedError,
    Step,
    StoppedError,
    Unit,
    exhausted,
    time_out,
)
from csvpipe._process.parse import Slice
from csvpipe._process.result import ChunkResult
from csvpipe._process.turn import Turn
from csvpipe._process.work import Allowance, ChunkWork, JobWork, source_failure
from csvpipe.errors import FileCode, FileError, FileFailure
from csvpipe.pipeline import Pipeline

_STRIDE_MOST: Final = 512
_STRIDE_SECONDS: Final = 0.005


class Resources:
    """What pipelines' `setup` entered in one worker thread; left when the worker ends."""

    def __init__(self) -> None:
        self._entered: dict[str, tuple[AbstractContextManager[Any], Any]] = {}

    def get(self, pipeline: Pipeline[..., Any]) -> Any:
        """The resource of `pipeline`, entered on first use.

        Raises:
            EndedError: `setup` returned no context manager.
            Exception: Whatever `setup` raises.
        """
        if pipeline.name not in self._entered:
            assert pipeline.setup is not None, "only asked for with a setup"  # noqa: S101
            manager = pipeline.setup()
            if not isinstance(manager, AbstractContextManager):
                message = f"setup of pipeline {pipeline.name!r} must return a context manager, not {manager!r}"
                raise EndedError(FileFailure(code=FileCode.ABORTED, message=message))
            self._entered[pipeline.name] = (manager, manager.__enter__())
        return self._entered[pipeline.name][1]

    def close(self) -> list[tuple[str, BaseException]]:
        """Leave everything, last entered first; what went wrong is returned by pipeline, not raised."""
        troubles: list[tuple[str, BaseException]] = []
        while self._entered:
            name, (manager, _) = self._entered.popitem()
            try:
                manager.__exit__(None, None, None)
            except BaseException as error:  # noqa: BLE001  # the application's code, in a thread of ours
                troubles.append((name, error))
        return troubles


class AbandonedError(BaseException):
    """Unwinds a thread whose call came back after it had been given up."""


class Watch:
    """Times the call in hand for a pipeline with a `timeout`, and settles the race between its end and the watcher."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._began: float | None = None
        self._is_abandoned = False

    def begin(self) -> None:
        """The call starts now."""
        with self._lock:
            self._began = time.monotonic()

    def end(self) -> None:
        """The call came back.

        Raises:
            AbandonedError: Too late.
        """
        with self._lock:
            self._began = None
            if self._is_abandoned:
                raise AbandonedError

    def abandon_after(self, seconds: float) -> bool:
        """Give the call up if it has run for so long; whether that is so."""
        with self._lock:
            if self._began is not None and time.monotonic() - self._began >= seconds:
                self._is_abandoned = True
            return self._is_abandoned


class ChunkRun:
    """A chunk on its way through one worker thread.

    Args:
        job: Shared by all chunks of the job.
        chunk: What to do.
        allowance: What the result may carry.
        stop: Set when the worker is to return what it has.
        turn: The thread's hold on the interpreter.
    """

    def __init__(self, job: JobWork, chunk: Chunk, allowance: Allowance, *, stop: threading.Event, turn: Turn) -> None:
        self._job = job
        self._work = ChunkWork(job, chunk, allowance)
        self._stop = stop
        self._turn = turn
        self._watch = Watch() if job.pipeline.timeout is not None else None
        self._resource: tuple[Any, ...] = ()
        self._unit: Unit | None = None
        self._call: Call | None = None
        self._looked = 0.0
        self._deadline = 0.0
        self._stride = 1

    @property
    def timeout(self) -> float | None:
        """Seconds that one call may take."""
        return self._job.pipeline.timeout

    def __call__(self, resources: Resources) -> ChunkResult:
        """Run until the chunk is done, the worker is to stop, or the job must end.

        Raises:
            AbandonedError: The run was given up while a call was out; nothing may come of it any more.
        """
        self._looked = time.monotonic()
        self._deadline = self._looked + self._job.chunk_seconds
        try:
            self._enter(resources)
            if self._watch is None and not self._job.pipeline.signature.is_batch:
                self._run_rows()
            else:
                self._run_units()
        except StoppedError:
            return self._work.result()
        except EndedError as ended:
            return self._work.result(failure=ended.failure)
        except FileError as error:
            return self._work.result(failure=source_failure(error))
        finally:
            self._turn.give()
        return self._work.result(is_complete=True)

    def abandon(self) -> ChunkResult | None:
        """From the watcher's thread: give the call in hand up if it is overdue, and report everything before it.

        The rows of the call are rejected with `timeout`; the rest of the chunk remains to be done.
        """
        seconds = self.timeout
        if self._watch is None or seconds is None or not self._watch.abandon_after(seconds):
            return None
        self._turn.give()
        unit, call = self._unit, self._call
        assert unit is not None, "a call is out"  # noqa: S101
        assert call is not None, "a call is out"  # noqa: S101
        time_out(unit, call.group, seconds)
        try:
            self._work.take(unit)
        except EndedError as ended:
            return self._work.result(failure=ended.failure)
        return self._work.result()

    def _enter(self, resources: Resources) -> None:
        pipeline = self._job.pipeline
        if not pipeline.signature.takes_resource:
            return
        for attempt in range(1, pipeline.retry.attempts + 1):
            try:
                self._resource = (resources.get(pipeline),)
            except EndedError:
                raise
            except Exception as error:  # the application's setup: any error means that the world is down
                if attempt == pipeline.retry.attempts:
                    raise EndedError(exhausted(error, attempt)) from error
                self._pause(pipeline.retry.delay_seconds(attempt))
            else:
                return

    # Single rows: the common case, kept free of everything that a good row does not need ----------------------------

    def _run_rows(self) -> None:
        work, build, handle = self._work, self._job.build, self._invoker()
        tally = work.tally
        self._turn.take()
        for part in work.slices():
            self._turn.handle()
            rows, index = part.rows, 0
            while index < len(rows):
                begun = index
                for index in range(begun, min(len(rows), begun + self._stride)):
                    cells = rows[index]
                    if cells is None:
                        work.reject(part, index, part.flaws[index])
                        continue
                    try:
                        handle(build(part, index, cells), part, index)
                    except BadRow as bad:
                        work.reject(part, index, bad.flaws)
                    except BaseException as error:  # noqa: BLE001  # a handler's SystemExit is a bad row, too
                        self._settle(part, index, error)
                    else:
                        tally.processed += 1
                index += 1
                work.reached(part, index)
                self._pace()
            self._turn.take()

    def _invoker(self) -> Callable[[object, Slice, int], object]:
        function: Callable[..., object] = self._job.pipeline.function
        resource = self._resource
        if not self._job.pipeline.signature.takes_context:
            if not resource:
                return lambda item, part, index: function(item)
            return lambda item, part, index: function(item, *resource)
        template = self._job.context

        def call(item: object, part: Slice, index: int) -> None:
            context = template.at((part.first_row + index,), (part.line(index),))
            function(item, context, *resource)
            context.raise_marks()

        return call

    def _settle(self, part: Slice, index: int, error: BaseException) -> None:
        """A call raised: find out what that means for its row."""
        self._work.reached(part, index)
        unit = Unit()
        cells = part.rows[index]
        assert cells is not None, "a bad row is not handed to the handler"  # noqa: S101
        unit.add(part, index, self._job.build(part, index, cells))
        self._drive(unit, first=error)

    # Batches, and calls under a time limit ----------------------------------------------------------------------------

    def _run_units(self) -> None:
        self._turn.take()
        for wave in self._work.waves():
            self._turn.handle()
            for unit in wave:
                self._drive(unit)
                self._pace()
            self._turn.take()

    def _drive(self, unit: Unit, first: BaseException | None = None) -> None:
        """Settle `unit`, then count it; `first` answers the first call, which has been made already."""
        steps = self._work.conduct(unit)
        self._unit = unit
        try:
            step = next(steps)
            answer = self._perform(unit, step) if first is None else first
            while True:
                answer = self._perform(unit, steps.send(answer))
        except StopIteration:
            pass
        except (EndedError, StoppedError):
            self._work.take(unit)
            raise
        self._work.take(unit)

    def _perform(self, unit: Unit, step: Step) -> BaseException | None:
        if not isinstance(step, Call):
            self._pause(step.seconds)
            return None
        items = [unit.items[k] for k in step.group]
        row = items if self._job.pipeline.signature.is_batch else items[0]
        context = () if step.context is None else (step.context,)
        self._call = step
        try:
            if self._watch is not None:
                self._watch.begin()
            self._job.pipeline.function(row, *context, *self._resource)
        except BaseException as error:  # noqa: BLE001  # a handler's SystemExit is a bad row, too
            return error
        finally:
            if self._watch is not None:
                self._watch.end()
        return None

    def _pause(self, seconds: float) -> None:
        self._turn.give()
        if self._stop.wait(seconds):
            raise StoppedError

    def _pace(self) -> None:
        """Between rows: see whether to stop, and how soon to look again."""
        now = time.monotonic()
        if self._stop.is_set() or now >= self._deadline:
            raise StoppedError
        self._turn.review(now)
        spell, self._looked = now - self._looked, now
        if spell < _STRIDE_SECONDS:
            self._stride = min(_STRIDE_MOST, self._stride * 2)
        elif self._stride > 1:
            self._stride //= 2
