"""What handlers say of rows, and what constructors raise for them, on the way to the rows' errors."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, NamedTuple, Self

import attrs
import pytest

from csvpipe._process.conduct import describe
from csvpipe.context import Context
from csvpipe.errors import Reject, RejectRows, Unavailable
from csvpipe.pipeline import pipeline
from csvpipe.policies import Retry

Imports = Callable[..., Any]

TEXT = "id,mail\n1,ana@x\n2,bob@x\n3,eva@x\n"


class OwnError(BaseException):
    """No `Exception`."""


def failed(what: str) -> str:
    """What is said of a row at which the handler raised this."""
    return f"the program that imports the file failed at this row: {what}; mend the handler, or let it raise Reject"


class HostileError(Exception):
    """Raises when it is looked at."""

    @property
    def __class__(self) -> Any:
        """Not to be asked."""
        raise KeyboardInterrupt

    @__class__.setter
    def __class__(self, _value: object) -> None:
        """Never set."""

    def __str__(self) -> str:
        """Not to be asked, either."""
        raise KeyboardInterrupt


STOPS = [OwnError(), GeneratorExit(), BaseExceptionGroup("g", [OwnError()]), SystemExit(1), asyncio.CancelledError()]


def shown(result: Any) -> list[tuple[int, str | None, str, str]]:
    """The errors of a result in short."""
    return [(error.row, error.column, error.code, error.message) for error in result.errors]


class TestMasking:
    """A message may quote any row of its call."""

    def test_marks(self, imports: Imports) -> None:
        """What `Context.reject` says is masked with the cells of the whole batch, in message, code and column."""

        def handle(rows: list[list[str]], ctx: Context) -> None:
            first = rows[0][1]
            ctx.reject([0, 1], f"as {first}", column=f"c {first}", code=f"k_{first}")

        result = imports(pipeline(sensitive=["mail"])(handle), TEXT)
        assert [(1, "c ***", "k_***", "as ***"), (2, "c ***", "k_***", "as ***")] == shown(result.run())

    def test_reject_rows(self, imports: Imports) -> None:
        """What `RejectRows` says is masked so, too; names of columns and our own codes stay."""

        def handle(rows: list[list[str]]) -> None:
            if len(rows) == 3:
                raise RejectRows({1: Reject(f"as {rows[2][1]}", column="id")})

        result = imports(pipeline(sensitive=["mail"])(handle), TEXT).run()
        assert [(2, "id", "rejected", "as ***")] == shown(result)
        assert 2 == result.processed

    def test_single_rows(self, imports: Imports) -> None:
        """A row's own rejection is masked with its own cells only."""

        def handle(row: list[str]) -> None:
            raise Reject(f"{row[1]} is not bob@x", code=f"k_{row[1]}")

        result = imports(pipeline(sensitive=["mail"])(handle), "id,mail\n1,ana@x\n").run()
        assert [(1, None, "k_***", "*** is not bob@x")] == shown(result)


class TestMarksOutsideTheBatch:
    """A handler that marks rows which it was not given is wrong, and no row of its batch is."""

    @pytest.mark.parametrize(
        ("rows", "said"),
        [
            ([True, False], "a mask of 2 for a batch of 3 rows"),
            (3, "row index 3 is outside the batch of 3 rows"),
            ([0, -1], "row index -1 is outside the batch of 3 rows"),
        ],
    )
    @pytest.mark.parametrize("verb", ["reject", "skip"])
    def test_the_job_ends(self, imports: Imports, rows: object, said: str, verb: str) -> None:
        """At once, with what was wrong and nothing blamed on a row; also where an `IndexError` means an outage."""

        def handle(_rows: list[list[str]], ctx: Context) -> None:
            getattr(ctx, verb)(rows, *(["no"] if verb == "reject" else []))

        result = imports(pipeline(retry=Retry(attempts=3, on=[IndexError]))(handle), TEXT).run()
        assert (0, []) == (result.rows, shown(result))
        expected = f"the handler marked rows that it was not given: {said}; mend the handler and retry the job"
        assert ("aborted", expected) == (result.failure.code, result.failure.message)

    def test_a_handlers_own_index_error_is_a_rows_fault(self, imports: Imports) -> None:
        """It says nothing of marks."""

        def handle(rows: list[list[str]]) -> None:
            [row[9] for row in rows if row[0] == "2"]

        result = imports(pipeline(handle), TEXT).run()
        message = failed("IndexError: list index out of range")
        assert (2, [(2, None, "handler", message)]) == (result.processed, shown(result))


class TestOddRejects:
    """A `Reject` of what is no text costs its row, never the job."""

    @pytest.mark.parametrize("is_batch", [False, True])
    def test_coerced(self, imports: Imports, *, is_batch: bool) -> None:
        """Unhashable and other values are told as text."""
        reject = Reject("no")
        reject.column, reject.code = {}, ["l"]  # type: ignore[assignment]

        def one(row: list[str]) -> None:
            if row[0] == "2":
                raise reject

        def many(rows: list[list[str]]) -> None:
            if len(rows) == 3:
                raise RejectRows({1: reject})

        result = imports(pipeline(many if is_batch else one), TEXT).run()
        assert [(2, "{}", "['l']", "no")] == shown(result)
        assert 2 == result.processed

    @pytest.mark.parametrize("is_batch", [False, True])
    def test_hostile_exceptions(self, imports: Imports, *, is_batch: bool) -> None:
        """An exception that raises when it is asked for its class or text costs one row."""

        def one(row: list[str]) -> None:
            if row[0] == "2":
                raise HostileError

        def many(rows: list[list[str]]) -> None:
            if any(row[0] == "2" for row in rows):
                raise HostileError

        result = imports(pipeline(many if is_batch else one), TEXT).run()
        assert [(2, None, "handler", failed(describe(HostileError())))] == shown(result)

    def test_rejects_that_are_no_mapping(self, imports: Imports) -> None:
        """A `RejectRows` that was spoilt is the handler's fault."""

        def handle(rows: list[list[str]]) -> None:
            error = RejectRows({0: Reject("no")})
            error.rejects = None  # type: ignore[assignment]
            raise error

        assert 3 == imports(pipeline(handle), TEXT).run().failed


def kinds(error: BaseException) -> list[type]:
    """Row types of each kind whose constructor raises for row 2."""

    def check(number: int) -> None:
        if number == 2:
            raise error

    @attrs.frozen
    class Post:
        id: int

        def __attrs_post_init__(self) -> None:
            check(self.id)

    @attrs.frozen
    class Checked:
        id: int = attrs.field(validator=lambda _self, _attribute, value: check(value))

    class Plain(NamedTuple):
        id: int

    class Made(Plain):
        def __new__(cls, id: int) -> Self:  # noqa: A002
            check(id)
            return super().__new__(cls, id)

    return [Post, Checked, Made]


class TestConstructors:
    """Whatever a row type raises is its row's fault."""

    @pytest.mark.parametrize("kind", range(3))
    @pytest.mark.parametrize("policies", [{}, {"timeout": 9.0}, {"batch_size": 2}], ids=str)
    @pytest.mark.parametrize("error", STOPS, ids=lambda error: type(error).__name__)
    def test_stops(self, imports: Imports, error: BaseException, policies: dict[str, Any], kind: int) -> None:
        """A `BaseException` rejects the row alike, one by one, under a time limit and in batches."""

        def one(row: Any) -> None:
            """Do nothing."""

        def many(rows: list[Any]) -> None:
            """Do nothing."""

        handle: Callable[..., None] = many if "batch_size" in policies else one
        declared = pipeline(row_type=kinds(error)[kind], **policies)(handle)
        result = imports(declared, TEXT).run()
        assert [(2, "validation")] == [(row, code) for row, _, code, _ in shown(result)]
        assert 2 == result.processed

    @pytest.mark.parametrize("error", STOPS, ids=lambda error: type(error).__name__)
    def test_made_anew(self, imports: Imports, error: BaseException) -> None:
        """A row type that raises only when a row is made again rejects that row."""
        made: list[int] = []

        @attrs.frozen
        class Once:
            id: int

            def __attrs_post_init__(self) -> None:
                made.append(self.id)
                if self.id == 2 and made.count(2) > 1:
                    raise error

        def handle(rows: list[Any]) -> None:
            if len(rows) == 3:
                raise Unavailable

        declared = pipeline(row_type=Once, batch_size=3, retry=Retry(attempts=2, backoff_seconds=0))(handle)
        result = imports(declared, TEXT).run()
        assert [2] == [row for row, *_ in shown(result)]
