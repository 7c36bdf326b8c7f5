"""How a handler is called until the fate of every row in hand is known: retries, rejections, bisection.

The decisions are a generator that never calls or waits itself: it asks for a `Call` or a `Wait` and is told what came of
it. The thread's driver and the event loop's are both a few lines around it.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import TypeAlias

import attrs

from csvpipe._process.build import Flaw
from csvpipe._process.parse import Slice, shorten
from csvpipe._process.tally import Fate, Outcome
from csvpipe.context import Context
from csvpipe.errors import Abort, FileCode, FileFailure, Phase, Reject, RejectRows, RowCode, Skip, Unavailable
from csvpipe.policies import Retry


class CallTimeoutError(Exception):
    """Stands for a call that took longer than the pipeline's `timeout`."""

    def __init__(self, seconds: float) -> None:
        super().__init__(seconds)
        self.seconds = seconds


class EndedError(Exception):
    """The job must end here: an abort, an outage that outlasts its retries."""

    def __init__(self, failure: FileFailure) -> None:
        super().__init__(failure)
        self.failure = failure


class StoppedError(Exception):
    """A wait was cut short because the worker is to stop; the rows in hand stay undone."""


class Unit:
    """The rows of one call: one, or a batch. Rows that cannot be handled stand among them with their flaws.

    Attributes:
        slices: Each row's slice.
        indices: Each row's index in its slice.
        items: What the handler gets for each row; None for a bad one.
        outcomes: Each row's fate; None while it is unknown.
    """

    __slots__ = ("indices", "items", "outcomes", "slices")

    def __init__(self) -> None:
        self.slices: list[Slice] = []
        self.indices: list[int] = []
        self.items: list[object] = []
        self.outcomes: list[Outcome | None] = []

    def add(self, part: Slice, index: int, item: object, outcome: Outcome | None = None) -> None:
        """Append a row."""
        self.slices.append(part)
        self.indices.append(index)
        self.items.append(item)
        self.outcomes.append(outcome)

    def __len__(self) -> int:
        return len(self.items)

    def numbers(self, group: Sequence[int]) -> list[int]:
        """1-based row numbers."""
        return [self.slices[k].first_row + self.indices[k] for k in group]

    def lines(self, group: Sequence[int]) -> list[int]:
        """1-based physical lines."""
        return [self.slices[k].line(self.indices[k]) for k in group]

    def cell(self, k: int, column: str | None, columns: Sequence[str]) -> str | None:
        """Text of the cell that a handler found fault with, where there is one."""
        cells = self.slices[k].rows[self.indices[k]]
        if cells is None or column is None or column not in columns:
            return None
        position = columns.index(column)
        return shorten(cells[position]) if position < len(cells) else None


@attrs.frozen
class Call:
    """Ask for one call of the handler with these rows of the unit; answered with what it raised, or None."""

    group: Sequence[int]
    context: Context | None


@attrs.frozen
class Wait:
    """Ask for a pause; answered with None."""

    seconds: float


Step: TypeAlias = Call | Wait
Conduct: TypeAlias = Generator[Step, BaseException | None, None]


def conduct(unit: Unit, *, columns: Sequence[str], retry: Retry, context: Context | None) -> Conduct:
    """Find out the fate of every row of `unit` that has none yet.

    A call that raises costs nothing but a second look: the group is halved until the row at fault stands alone. Groups
    are settled from left to right, so whenever this stops early the rows that are done come first.

    Raises:
        EndedError: From `Abort`, or an outage that outlasted its retries.
        StoppedError: Passed on from the driver.
    """
    pending: list[Sequence[int]] = [[k for k, outcome in enumerate(unit.outcomes) if outcome is None]]
    while pending:
        group = pending.pop()
        if not group:
            continue
        marks = None if context is None else context.at(unit.numbers(group), unit.lines(group))
        error = yield from _call(Call(group, marks), retry)
        if error is None:
            _succeed(unit, group, marks, columns)
        elif isinstance(error, Skip):
            for k in group:
                unit.outcomes[k] = Fate.SKIPPED
        elif isinstance(error, Abort):
            raise EndedError(FileFailure(code=FileCode.ABORTED, message=_where(unit, group, str(error))))
        elif isinstance(error, CallTimeoutError):
            time_out(unit, group, error.seconds)
        elif isinstance(error, RejectRows) and all(0 <= index < len(group) for index in error.rejects):
            for index, reject in error.rejects.items():
                unit.outcomes[group[index]] = (rejection(unit, group[index], reject, columns),)
            pending.append([k for index, k in enumerate(group) if index not in error.rejects])
        elif len(group) > 1:
            middle = len(group) // 2
            pending += [group[middle:], group[:middle]]
        else:
            unit.outcomes[group[0]] = (_fault(unit, group[0], error, columns),)


def _call(call: Call, retry: Retry) -> Generator[Step, BaseException | None, BaseException | None]:
    """One call, repeated while the world is down."""
    for attempt in range(1, retry.attempts + 1):
        error = yield call
        if not isinstance(error, (Unavailable, *retry.on)):
            return error
        if attempt < retry.attempts:
            yield Wait(retry.delay_seconds(attempt))
    raise EndedError(exhausted(error, retry.attempts))


def exhausted(error: BaseException, attempts: int) -> FileFailure:
    """The failure of a job whose handler, or its resource, stayed unavailable."""
    return FileFailure(
        code=FileCode.RETRY_EXHAUSTED,
        message=f"still unavailable after {attempts} attempts: {describe(error)}; what is done is kept: "
        "retry the job when the cause is gone",
    )


def _succeed(unit: Unit, group: Sequence[int], context: Context | None, columns: Sequence[str]) -> None:
    for k in group:
        unit.outcomes[k] = Fate.PROCESSED
    if context is None:
        return
    rejects, skips = context.marks
    for index in skips:
        unit.outcomes[group[index]] = Fate.SKIPPED
    for index, reject in rejects.items():
        unit.outcomes[group[index]] = (rejection(unit, group[index], reject, columns),)


def rejection(unit: Unit, k: int, reject: Reject, columns: Sequence[str]) -> Flaw:
    """A handler's `Reject` as a flaw of row `k` of the unit."""
    return Flaw(
        column=reject.column,
        code=reject.code,
        phase=Phase.HANDLE,
        message=reject.message,
        value=unit.cell(k, reject.column, columns),
    )


def _fault(unit: Unit, k: int, error: BaseException, columns: Sequence[str]) -> Flaw:
    if isinstance(error, Reject):
        return rejection(unit, k, error, columns)
    if isinstance(error, RejectRows):
        named = ", ".join(map(str, sorted(error.rejects)))
        message = f"the handler rejected rows by index ({named}) that are not in its batch"
    else:
        message = describe(error)
    return Flaw(column=None, code=RowCode.HANDLER, phase=Phase.HANDLE, message=message, value=None)


def time_out(unit: Unit, group: Sequence[int], seconds: float) -> None:
    """Give these rows of the unit up because their call took longer than `seconds`."""
    message = f"the handler took longer than {seconds:g} seconds"
    flaw = Flaw(column=None, code=RowCode.TIMEOUT, phase=Phase.HANDLE, message=message, value=None)
    for k in group:
        unit.outcomes[k] = (flaw,)


def describe(error: BaseException) -> str:
    """Type and text of an exception, shortened; a text that raises in turn is left out."""
    try:
        text = shorten(str(error), 500)
    except Exception:  # noqa: BLE001  # __str__ is the application's code
        text = ""
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _where(unit: Unit, group: Sequence[int], message: str) -> str:
    first = unit.slices[group[0]].line(unit.indices[group[0]])
    return f"line {first}: the handler gave the file up: {message}"
