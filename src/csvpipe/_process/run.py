"""Runs a chunk in a thread: parse, convert, handle, count."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, MutableSequence, Sequence
from itertools import repeat
from typing import TYPE_CHECKING, Any, Final

from csvpipe._partition.chunk import Chunk
from csvpipe._process.build import BadRow
from csvpipe._process.columns.make import UnmadeRowError
from csvpipe._process.conduct import Call, EndedError, Step, StoppedError, Unit, exhausted, time_out
from csvpipe._process.hand import Hand
from csvpipe._process.parse import Slice
from csvpipe._process.part import Part
from csvpipe._process.resources import Resources
from csvpipe._process.result import ChunkResult
from csvpipe._process.said import is_from_user
from csvpipe._process.stopping import StopSignal
from csvpipe._process.turn import Turn
from csvpipe._process.watch import AbandonedError, Watch
from csvpipe._process.work import Allowance, ChunkWork, JobWork, source_failure
from csvpipe.context import RowContext
from csvpipe.errors import FileError, FileFailure

if TYPE_CHECKING:
    from csvpipe._process.columns.rows import RowPart

__all__ = ["AbandonedError", "ChunkRun", "Resources"]

#: How long rows are handled without a look at the clock's business: whether time is up, and whose turn it is. The stop
#: flag is looked at after each row.
_LOOK_SECONDS: Final = 0.005

#: So many rows share one look at the clock itself, as long as those before them took less than so long.
_QUICK_ROWS: Final = 16
_QUICK_SECONDS: Final = 0.001


class ChunkRun:
    """A chunk on its way through one worker thread.

    Args:
        job: Shared by all chunks of the job.
        chunk: What to do.
        allowance: What the result may carry.
        stop: Set when the worker is to return what it has.
        turn: The thread's hold on the interpreter.
        hand: Where it notes which rows it is about to handle; None where nobody would read it.
        clock: Seconds of a monotonic clock.
    """

    def __init__(
        self,
        job: JobWork,
        chunk: Chunk,
        allowance: Allowance,
        *,
        stop: StopSignal,
        turn: Turn,
        hand: Hand | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._job = job
        self._hand = hand
        self._work = self._begin(chunk, allowance)
        self._stop = stop
        self._turn = turn
        self._clock = clock
        self._watch = Watch(clock) if job.pipeline.timeout is not None else None
        self._resource: tuple[Any, ...] = ()
        self._out: tuple[Unit, Call] | None = None
        self._look_at = 0.0
        self._deadline = 0.0

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._work!r}>"

    def _begin(self, chunk: Chunk, allowance: Allowance) -> ChunkWork:
        return ChunkWork(self._job, chunk, allowance)

    @property
    def timeout(self) -> float | None:
        """Seconds that one call may take."""
        return self._job.pipeline.timeout

    def __call__(self, resources: Resources) -> ChunkResult:
        """Run until the chunk is done, the worker is to stop, or the job must end.

        Raises:
            AbandonedError: The run was given up while a call was out; nothing may come of it any more.
            KeyboardInterrupt: The user's, where this runs in the main thread of a process; nothing is reported.
        """
        self._look_at = self._clock() + _LOOK_SECONDS
        self._deadline = self._look_at - _LOOK_SECONDS + self._job.chunk_seconds
        try:
            result = self._run(resources)
        except AbandonedError:  # who gave the run up has given its turn back, too: it is not ours any more
            raise
        except BaseException:
            self._turn.give()
            raise
        self._turn.give()
        return result

    def _run(self, resources: Resources) -> ChunkResult:
        failure, is_complete = self._handled(resources)
        return self._work.result(failure=failure, is_complete=is_complete)

    def _handled(self, resources: Resources) -> tuple[FileFailure | None, bool]:
        """Handle rows until there is reason to stop: why the job must end, and whether the chunk is done."""
        try:
            if self._job.needs_setup:
                self._enter(resources)
            if self._watch is None and not self._job.pipeline.signature.is_batch:
                self._run_rows()
            else:
                self._run_units()
        except StoppedError:
            return None, False
        except EndedError as ended:
            return ended.failure, False
        except FileError as error:
            return source_failure(error), False
        return None, True

    def abandon(self) -> ChunkResult | None:
        """From the watcher's thread: give the call in hand up if it is overdue, and report everything before it.

        The rows of the call are rejected with `timeout`; the rest of the chunk remains to be done. After that the run
        is the watcher's alone: its thread, should it come back, ends without a trace.
        """
        seconds = self.timeout
        if self._watch is None or seconds is None or not self._watch.abandon_after(seconds):
            return None
        self._turn.give()
        assert self._out is not None, "the call that is watched"  # noqa: S101
        unit, call = self._out
        time_out(unit, call.group, seconds)
        try:
            self._work.take(unit)
        except EndedError as ended:
            return self._work.result(failure=ended.failure)
        return self._work.result()

    def _enter(self, resources: Resources) -> None:
        """Enter the pipeline's resource; whatever that raises means that the world is down."""
        pipeline, attempt = self._job.pipeline, 1
        while True:
            try:
                resource = resources.get(pipeline)
            except EndedError:
                raise
            except BaseException as error:  # the application's code
                if is_from_user(error):
                    raise
                if attempt == pipeline.retry.attempts:
                    raise EndedError(exhausted(error, attempt)) from error
            else:
                self._resource = (resource,) if pipeline.signature.takes_resource else ()
                return
            self._pause(pipeline.retry.delay_seconds(attempt))
            attempt += 1

    # Single rows: the common case, kept free of everything that a good row does not need ----------------------------

    def _run_rows(self) -> None:
        self._turn.take()
        handle = self._handle()
        for part in self._work.slices():
            self._turn.handle()
            begin = 0
            for bad in sorted(part.flaws):
                self._run_good(part, begin, bad, handle)
                self._work.reject(part, bad, part.flaws[bad])
                begin = bad + 1
            self._run_good(part, begin, len(part), handle)
            if part.first_row + len(part) < self._work.chunk.first_row + self._work.chunk.rows:
                self._turn.take()

    def _handle(self) -> Callable[[Any], object]:
        """What is called with each of `_items`."""
        function: Callable[..., object] = self._job.pipeline.function
        resource = self._resource
        if not self._job.calls_handler:
            return _leave_alone
        if self._job.rules.context is not None:

            def call(context_and_item: Any) -> object:
                context, item = context_and_item
                output = function(item, context, *resource)
                if context.is_marked:
                    context.raise_marks()
                return output

            return call
        if resource:
            return lambda item: function(item, *resource)
        return function

    def _items(self, part: Slice | RowPart, begin: int, end: int) -> Iterator[object]:
        """What to call for the good rows `[begin, end)` of a slice; goes on after it has raised `BadRow`."""
        items, context = self._job.items(part, begin, end), self._job.rules.context
        if context is None:
            return items
        numbers, lines = part.numbers_of(begin, end), part.lines_of(begin, end)
        # The contexts first: an item that cannot be made takes its context along.
        return zip(map(RowContext, repeat(context), numbers, lines), items, strict=False)

    def _run_good(self, part: Slice | RowPart, begin: int, end: int, handle: Callable[[Any], object]) -> None:
        """Handle the rows `[begin, end)` of a slice, which could be parsed: here a row may cost next to nothing."""
        items, clock = self._items(part, begin, end), self._clock
        stop, hand = self._stop, self._hand
        cells: MutableSequence[int] = [0] if hand is None else hand.cells
        while begin < end:
            look_at, error = self._look_at, None
            row, seen = part.first_row + begin, clock()  # the number of the row in hand
            look_row = row + 1
            if hand is not None:
                hand.take(row, 1)
            try:
                for item in items:
                    handle(item)
                    row += 1
                    cells[0] = row  # the next one, which is built before it is handled
                    if stop.is_wanted:
                        break
                    if row >= look_row:
                        if (now := clock()) >= look_at:
                            break
                        look_row = row + (_QUICK_ROWS if now - seen < _QUICK_SECONDS else 1)
                        seen = now
            except BaseException as raised:  # noqa: BLE001  # a handler's SystemExit is a bad row, too
                error = raised
            done = row - part.first_row
            self._work.processed(part, done, done - begin)
            if error is not None:
                self._settle(part, done, error)
                done += 1
            begin = done
            self._look()

    def _settle(self, part: Part, index: int, error: BaseException) -> None:
        """A row raised: find out what that means for it."""
        if issubclass(type(error), BadRow):
            self._work.reject(part, index, error.flaws)  # type: ignore[attr-defined]  # as its class says
            return
        if is_from_user(error):
            raise error
        unit = Unit()
        if type(error) is UnmadeRowError:  # the row path knows what is wrong, or makes the row after all
            unit.add(part, index, *self._job.item(part, index, part.cells(index)))
            self._drive(unit)
            return
        unit.add(part, index, None)
        self._drive(unit, first=error)

    # Batches, and calls under a time limit ----------------------------------------------------------------------------

    def _run_units(self) -> None:
        self._turn.take()
        for wave in self._work.waves(self._hand):
            self._turn.handle()
            for unit in wave:
                self._drive(unit)
                self._look()
            self._turn.take()

    def _drive(self, unit: Unit, first: BaseException | None = None) -> None:
        """Settle `unit`, then count it; `first` answers the first call, which has been made already."""
        steps = self._work.conduct(unit)
        answer = None
        try:
            while True:
                step = steps.send(answer)
                answer, first = (self._perform(unit, step) if first is None else first), None
        except StopIteration:  # of `steps`: what a handler raises is an answer, never an exception here
            pass
        except (EndedError, StoppedError):
            self._work.take(unit)
            raise
        self._work.take(unit)

    def _perform(self, unit: Unit, step: Step) -> BaseException | None:
        if not isinstance(step, Call):
            self._pause(step.seconds)
            return None
        row = unit.argument(step.group, is_batch=self._job.pipeline.signature.is_batch)
        context = () if step.context is None else (step.context,)
        self._out = (unit, step)
        if self._hand is not None:
            first, last = unit.row(step.group[0]), unit.row(step.group[-1])
            self._hand.take(first, last - first + 1)
        try:
            if self._watch is not None:
                self._watch.begin()
            output = self._job.pipeline.function(row, *context, *self._resource)
        except BaseException as error:
            if is_from_user(error):
                raise
            return error
        finally:
            if self._watch is not None:
                self._watch.end()
        self._keep(unit, step.group, output)
        return None

    def _keep(self, unit: Unit, group: Sequence[int], output: object) -> None:
        """Take what the handler made of these rows; nobody wants it here."""

    def _pause(self, seconds: float) -> None:
        self._turn.give()
        if self._stop.wait(seconds):
            raise StoppedError

    def _look(self) -> None:
        """Between rows: see whether to stop, and whose turn it is.

        Raises:
            StoppedError: It is time to.
        """
        now = self._clock()
        if now < self._look_at and not self._stop.is_set():
            return
        if self._stop.is_set() or now >= self._deadline:
            raise StoppedError
        self._turn.review(now)
        self._look_at = self._clock() + _LOOK_SECONDS


def _leave_alone(item: object) -> None:
    """Handle a row in a dry run of a handler that could not know of it."""


def run_of(
    job: JobWork,
    chunk: Chunk,
    allowance: Allowance,
    *,
    stop: StopSignal,
    turn: Turn,
    hand: Hand | None = None,
) -> ChunkRun:
    """The run of a chunk, whether its rows go to a sink or not; as for `ChunkRun`. A dry run delivers nothing."""
    if job.pipeline.sink is None or job.context.dry_run:
        return ChunkRun(job, chunk, allowance, stop=stop, turn=turn, hand=hand)
    from csvpipe._process.delivery import DeliveryRun  # noqa: PLC0415  # which is more than what others load

    return DeliveryRun(job, chunk, allowance, stop=stop, turn=turn, hand=hand)
