"""How a handler is called until the fate of every row in hand is known: retries, rejections, bisection.

The decisions are a generator that never calls or waits itself: it asks for a `Call` or a `Wait` and is told what came
of it. The thread's driver and the event loop's are both a few lines around it.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from itertools import groupby, repeat
from typing import Final, NamedTuple, TypeAlias, cast

import attrs

from csvpipe._process.build import BadRow, Flaw
from csvpipe._process.convert import shortened
from csvpipe._process.part import Part
from csvpipe._process.said import code_of, column_of, message_of, text_of
from csvpipe._process.secrets import Secrets
from csvpipe._process.tally import Fate, Outcome
from csvpipe.context import Context, OutsideBatchError
from csvpipe.errors import (
    Abort,
    FileCode,
    FileFailure,
    Phase,
    PipelineError,
    Reject,
    RejectRows,
    RowCode,
    Skip,
    TakenOverError,
    Unavailable,
)
from csvpipe.policies import Retry
from csvpipe.transactions import DoneRowsError

#: Makes what the handler gets for one row: from its slice, its index there, and its cells.
Build: TypeAlias = Callable[[Part, int, list[str]], object]


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


#: What a handler says in so many words. It means that, whatever `Retry.on` may have been widened to.
_SAYINGS: Final = (
    *(Reject, RejectRows, Skip, Abort, CallTimeoutError, OutsideBatchError),
    *(PipelineError, DoneRowsError, TakenOverError),
)


class Unit:
    """The rows of one call: one, or a batch. Rows that cannot be handled stand among them with their flaws.

    Attributes:
        slices: Each row's slice.
        indices: Each row's index in its slice.
        items: What the handler gets for each row; None for a bad one.
        outcomes: Each row's fate; None while it is unknown.
        outputs: What the handler made of a row, by its index here, where that is wanted.
    """

    __slots__ = ("indices", "items", "outcomes", "outputs", "slices")

    def __init__(self) -> None:
        self.slices: list[Part] = []
        self.indices: list[int] = []
        self.items: list[object] = []
        self.outcomes: list[Outcome | None] = []
        self.outputs: dict[int, object] = {}

    def __repr__(self) -> str:
        return f"<Unit of {len(self)} rows, {self.outcomes.count(None)} undecided>"

    def add(self, part: Part, index: int, item: object, outcome: Outcome | None = None) -> None:
        """Append a row."""
        self.slices.append(part)
        self.indices.append(index)
        self.items.append(item)
        self.outcomes.append(outcome)

    def extend(self, part: Part, begin: int, items: Iterable[object]) -> None:
        """Append the rows of `part` from index `begin` on, one for each item, as far as these come."""
        first = len(self.items)
        try:
            self.items.extend(items)
        finally:
            rows = len(self.items) - first
            self.slices.extend(repeat(part, rows))
            self.indices.extend(range(begin, begin + rows))
            self.outcomes.extend(repeat(None, rows))

    def __len__(self) -> int:
        return len(self.items)

    @property
    def is_decided(self) -> bool:
        """Whether every row's fate is known."""
        return None not in self.outcomes

    def undecided(self, group: Sequence[int]) -> Sequence[int]:
        """Those rows of `group` whose fate is unknown."""
        if len(group) == len(self) == self.outcomes.count(None):
            return group
        return [k for k in group if self.outcomes[k] is None]

    def before_bad(self, group: Sequence[int]) -> Sequence[int]:
        """Those rows of `group` that stand before the first bad one."""
        first_bad = next((k for k, outcome in enumerate(self.outcomes) if isinstance(outcome, tuple)), len(self))
        return [k for k in group if k < first_bad]

    def settle(self, group: Iterable[int], outcome: Outcome) -> None:
        """Note the fate of these rows."""
        for k in group:
            self.outcomes[k] = outcome

    def fates(self) -> Iterator[tuple[Part, int, int, Outcome | None]]:
        """Part, index in it and number of rows of one fate that stand together, and their fate; in order."""
        begin = 0
        for (_, outcome), same in groupby(zip(map(id, self.slices), self.outcomes, strict=True)):
            rows = len(list(same))
            yield self.slices[begin], self.indices[begin], rows, outcome
            begin += rows

    def argument(self, group: Sequence[int], *, is_batch: bool) -> object:
        """What the handler gets for these rows."""
        return [self.items[k] for k in group] if is_batch else self.items[group[0]]

    def row(self, k: int) -> int:
        """1-based number of a row, as its file has it."""
        return self.slices[k].first_row + self.indices[k]

    def numbers(self, group: Sequence[int]) -> Sequence[int]:
        """1-based row numbers, as handlers know them."""
        return [self.slices[k].number(self.indices[k]) for k in group]

    def lines(self, group: Sequence[int]) -> Sequence[int]:
        """1-based physical lines."""
        return [self.slices[k].line(self.indices[k]) for k in group]

    def cells(self, k: int) -> list[str]:
        """The cells of a row that could be parsed, as they stand in the file."""
        return self.slices[k].cells(self.indices[k])

    def renew(self, group: Sequence[int], build: Build) -> None:
        """Make the items of these rows anew: a call that failed may have changed them."""
        for k in group:
            try:
                self.items[k] = build(self.slices[k], self.indices[k], self.cells(k))
            except BadRow as bad:  # a row type whose verdict depends on more than the row
                self.items[k], self.outcomes[k] = None, bad.flaws


class Call(NamedTuple):
    """Ask for one call of the handler with these rows of the unit; answered with what it raised, or None.

    Attributes:
        group: Indices in the unit, ascending.
        context: The handler's second argument; None if it takes none.
    """

    group: Sequence[int]
    context: Context | None


class Wait(NamedTuple):
    """Ask for a pause; answered with None."""

    seconds: float


Step: TypeAlias = Call | Wait
Conduct: TypeAlias = Generator[Step, BaseException | None, None]


@attrs.frozen(kw_only=True)
class Rules:
    """What a job's pipeline says about its calls.

    Attributes:
        columns: Of the file.
        headers: What a handler may call a column besides its name in the file, such as its field, to that name.
        retry: When a call is repeated.
        build: Makes a row's item anew.
        context: The job's, for handlers that take one.
        secrets: What no message may show.
        ends_at_first: Whether the first bad row ends the job, so that no row after it need be handled.
        is_called: Whether the handler is called at all; else every row that could be built counts as processed.
    """

    columns: Sequence[str]
    headers: Mapping[str, str] = attrs.field(factory=dict)
    retry: Retry
    build: Build
    context: Context | None = None
    secrets: Secrets
    ends_at_first: bool = False
    is_called: bool = True


def conduct(unit: Unit, rules: Rules) -> Conduct:
    """Find out the fate of every row of `unit` that has none yet.

    A call that raises costs nothing but a second look: the group is halved until the row at fault stands alone. Groups
    are settled from left to right, so whenever this stops early the rows that are done come first.

    Raises:
        EndedError: From `Abort`, or an outage that outlasted its retries.
        StoppedError: Passed on from the driver.
    """
    pending: list[Sequence[int]] = [range(len(unit))]
    is_first = True
    while pending:
        group = _wanted(unit, pending.pop(), rules)
        if not len(group):  # of numpy, where the rows are columns
            continue
        if not rules.is_called:
            _succeed(unit, Call(group, None), rules)
            continue
        call, error = yield from _call(unit, group, rules, is_first=is_first)
        is_first = False
        pending += reversed(_settle(unit, call, error, rules))


def _wanted(unit: Unit, group: Sequence[int], rules: Rules) -> Sequence[int]:
    """The rows of `group` that are still to be handled."""
    return unit.undecided(unit.before_bad(group) if rules.ends_at_first else group)


def _call(
    unit: Unit, group: Sequence[int], rules: Rules, *, is_first: bool
) -> Generator[Step, BaseException | None, tuple[Call, BaseException | None]]:
    """One call, repeated while the world is down, each time with fresh items and a fresh context."""
    retry, attempt = rules.retry, 1
    while True:
        if not is_first or attempt > 1:
            unit.renew(group, rules.build)
            group = unit.undecided(group)
        context = None if rules.context is None else rules.context.at(unit.numbers(group), unit.lines(group))
        call = Call(group, context)
        error = (yield call) if len(group) else None
        kind = type(error)
        if error is None or issubclass(kind, _SAYINGS) or not issubclass(kind, (Unavailable, *retry.on)):
            return call, error
        if attempt == retry.attempts:
            raise EndedError(exhausted(error, attempt, _masked(describe(error), unit, group, rules)))
        yield Wait(retry.delay_seconds(attempt))
        attempt += 1


def _settle(unit: Unit, call: Call, error: BaseException | None, rules: Rules) -> list[Sequence[int]]:
    """Draw the conclusions from one call; the groups that are to be called next, from left to right."""
    group, kind = call.group, type(error)
    if error is None:
        _succeed(unit, call, rules)
    elif issubclass(kind, Abort):
        place = f"line {unit.lines(group[:1])[0]}: the handler gave the file up"
        message = f"{place}: {_masked(text_of(error), unit, group, rules)}"
        raise EndedError(FileFailure(code=FileCode.ABORTED, message=message))
    elif issubclass(kind, OutsideBatchError):
        message = f"the handler marked rows that it was not given: {text_of(error)}; mend the handler and retry the job"
        raise EndedError(FileFailure(code=FileCode.ABORTED, message=message))
    elif issubclass(kind, DoneRowsError):
        done = {group[index] for index in cast("DoneRowsError", error).rows}
        unit.settle(done, Fate.PROCESSED)
        return [[k for k in group if k not in done]]
    elif issubclass(kind, (PipelineError, TakenOverError)):
        raise EndedError(FileFailure(code=FileCode.ABORTED, message=text_of(error)))
    elif issubclass(kind, CallTimeoutError):
        time_out(unit, group, cast("CallTimeoutError", error).seconds)
    elif issubclass(kind, RejectRows) and (named := _named(cast("RejectRows", error), len(group))) is not None:
        _reject(unit, group, named, rules)
        return [group]
    elif len(group) > 1:
        middle = len(group) // 2
        return [group[:middle], group[middle:]]
    elif issubclass(kind, Skip):
        unit.settle(group, Fate.SKIPPED)
    else:
        _blame(unit, group[0], error, rules)
    return []


def _succeed(unit: Unit, call: Call, rules: Rules) -> None:
    group = call.group
    unit.settle(group, Fate.PROCESSED)
    if call.context is None:
        return
    rejects, skips = call.context.marks
    unit.settle((group[index] for index in skips), Fate.SKIPPED)
    _reject(unit, group, rejects, rules)


def _named(error: RejectRows, size: int) -> dict[int, Reject] | None:
    """What a `RejectRows` says, by index in a group of `size` rows; None if it makes no sense there."""
    try:
        named = {operator.index(index): reject for index, reject in error.rejects.items()}
    except BaseException:  # noqa: BLE001  # what was set there later may be anything
        return None
    is_sound = all(0 <= index < size and issubclass(type(reject), Reject) for index, reject in named.items())
    return named if named and is_sound else None


def _reject(unit: Unit, group: Sequence[int], rejects: Mapping[int, Reject], rules: Rules) -> None:
    """Give these rows, by index in `group`, what a handler's `Reject` says of them.

    It may quote any row of its call, so it is masked here, where they are known, and not by each row's own cells only.
    """
    secrets = rules.secrets
    mask = secrets.masker(map(unit.cells, group)) if secrets and rejects else None
    for index, reject in rejects.items():
        k = group[index]
        column, code, message = column_of(reject, rules.columns), code_of(reject), message_of(reject)
        value = None
        if column is not None and column not in rules.columns:
            column = rules.headers.get(column, column)
        if column in rules.columns:
            cells, position = unit.cells(k), rules.columns.index(column)
            value = shortened(cells[position]) if position < len(cells) else None
        if mask is not None:
            column = None if column is None else secrets.masked_name(column, mask)
            code, message = secrets.masked_name(code, mask), mask(message)
        unit.settle((k,), (Flaw(column=column, code=code, phase=Phase.HANDLE, message=message, value=value),))


def _blame(unit: Unit, k: int, error: BaseException, rules: Rules) -> None:
    """Give row `k` of the unit, which was called alone, what was raised for it."""
    if issubclass(type(error), Reject):
        _reject(unit, [k], {0: cast("Reject", error)}, rules)
        return
    flaw = Flaw(
        column=None,
        code=RowCode.HANDLER,
        phase=Phase.HANDLE,
        before="the program that imports the file failed at this row: ",
        message=describe(error),
        after="; mend the handler, or let it raise Reject",
        value=None,
    )
    if issubclass(type(error), RejectRows):
        message = "the handler raised RejectRows with what is no index in its batch, or no Reject; mend the handler"
        flaw = attrs.evolve(flaw, before="", message=message, after="")
    unit.settle((k,), (flaw,))


def time_out(unit: Unit, group: Sequence[int], seconds: float) -> None:
    """Give these rows of the unit up because their call took longer than `seconds`."""
    unit.settle(group, (overdue(seconds),))


def overdue(seconds: float) -> Flaw:
    """What is wrong with a row whose call took longer than `seconds`."""
    message = f"the handler took longer than {seconds:g} seconds; submit the row again, or raise timeout="
    return Flaw(column=None, code=RowCode.TIMEOUT, phase=Phase.HANDLE, message=message, value=None)


def exhausted(error: BaseException, attempts: int, shown: str | None = None) -> FileFailure:
    """The failure of a job whose handler, or its resource, stayed unavailable; `shown` stands for the error's text."""
    tried = "1 attempt" if attempts == 1 else f"{attempts} attempts"
    return FileFailure(
        code=FileCode.RETRY_EXHAUSTED,
        message=f"still unavailable after {tried}: {shown or describe(error)}; what is done is kept: "
        "retry the job when the cause is gone",
    )


def describe(error: BaseException) -> str:
    """Type and text of an exception, shortened; its text alone where the type says what is said anyway."""
    text = text_of(error)
    if text and type(error) is Unavailable:
        return text
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _masked(message: str, unit: Unit, group: Sequence[int], rules: Rules) -> str:
    return rules.secrets.masked(message, map(unit.cells, group)) if rules.secrets else message
