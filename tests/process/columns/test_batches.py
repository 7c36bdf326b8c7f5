"""Handlers of Arrow batches: what they get, what they may say, and what that costs."""

from __future__ import annotations

import datetime as dt
import enum
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Annotated, Any, Literal, NamedTuple, NotRequired, TypedDict
from uuid import UUID

import anyio
import anyio.lowlevel
import attrs
import numpy as np
import pyarrow as pa
import pydantic
import pytest

import csvpipe
from csvpipe._process.columns.unit import BatchUnit, Numbers
from csvpipe._process.conduct import Unit
from csvpipe._process.stopping import StopSignal
from csvpipe._process.tally import Fate
from csvpipe.context import Context
from csvpipe.errors import Abort, FileCode, PipelineError, Reject, RejectRows, Unavailable
from csvpipe.pipeline import pipeline
from csvpipe.policies import Retry
from csvpipe.rowtypes import Column

Imports = Callable[..., Any]


class Colour(enum.Enum):
    """Values of two types."""

    RED = "red"
    TWO = 2


@attrs.frozen
class Everything:
    """A field of each type; no constructor of it runs."""

    a: int
    b: float | None
    c: Annotated[Decimal, Column(precision=6, scale=2)]
    d: bool
    e: dt.date
    f: dt.time
    g: dt.datetime
    h: dt.timedelta
    i: UUID
    j: Colour
    k: Literal[1, 2]
    m: Literal["x", 1, True]
    n: Literal[True]
    o: Annotated[str, Column("The O")] = "none"
    z: int = 5

    def __attrs_post_init__(self) -> None:
        raise AssertionError("columns have no constructor")


HEADER = "a,b,c,d,e,f,g,h,i,j,k,m,n,The O"
GOOD = "1,,1.5,yes,2024-02-29,09:30,2024-02-29 10:00Z,1:00:00,1234567812345678123456781234567A,RED,2,true,1,"
TEXT = f"{HEADER}\n{GOOD}\n".replace(",1,\n", ",True,\n")


@attrs.frozen
class Item:
    """Two columns."""

    id: int
    name: str


def items(rows: int, bad: Sequence[int] = ()) -> str:
    """A file of rows from 1 on, of which some have no number."""
    lines = [f"{'x' if number in bad else number},n{number}" for number in range(1, rows + 1)]
    return "\n".join(["id,name", *lines, ""])


@pytest.fixture(params=[0, float("inf")], ids=["by columns", "by rows"])
def from_bytes(request: pytest.FixtureRequest) -> float:
    """Both ways."""
    return request.param  # type: ignore[no-any-return]


@pytest.mark.parametrize("bad", [(), (1,), (600,), (2, 300), (1, 2, 3, 300)])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_bad_rows_among_many(imports: Imports, from_bytes: float, bad: Sequence[int], newline: str) -> None:
    """However few they are, a batch has all rows but these, and each error says where its row stands."""
    seen: list[int] = []

    @pipeline(row_type=Item)
    def handle(batch: pa.RecordBatch) -> None:
        seen.extend(batch["id"].to_pylist())

    text = items(600, bad).replace("\n", newline)
    result = imports(handle, text, columns_from_bytes=from_bytes).run()
    assert seen == [number for number in range(1, 601) if number not in bad]
    expected = [(number, number + 1, f"x,n{number}{newline}") for number in bad]
    assert [(e.row, e.line, text[e.start : e.end]) for e in result.errors] == expected


class TestTypes:
    """What the columns are."""

    def test_each(self, imports: Imports, from_bytes: float) -> None:
        """Every type of field has its Arrow type; moments with an offset are in UTC; names are those of the fields."""
        seen: list[pa.RecordBatch] = []

        @pipeline(row_type=Everything)
        def handle(batch: pa.RecordBatch) -> None:
            seen.append(batch)

        sample = tuple(TEXT.splitlines()[1].split(","))
        result = imports(handle, TEXT, columns_from_bytes=from_bytes, sample_rows=(sample,)).run()
        assert () == result.errors
        [batch] = seen
        assert (
            pa.schema(
                {
                    "a": pa.int64(),
                    "b": pa.float64(),
                    "c": pa.decimal128(6, 2),
                    "d": pa.bool_(),
                    "e": pa.date32(),
                    "f": pa.time64("us"),
                    "g": pa.timestamp("us", tz="UTC"),
                    "h": pa.duration("us"),
                    "i": pa.string(),
                    "j": pa.string(),
                    "k": pa.int64(),
                    "m": pa.string(),
                    "n": pa.bool_(),
                    "o": pa.string(),
                    "z": pa.int64(),
                }
            )
            == batch.schema
        )
        assert {
            "a": 1,
            "b": None,
            "c": Decimal("1.50"),
            "d": True,
            "e": dt.date(2024, 2, 29),
            "f": dt.time(9, 30),
            "g": dt.datetime(2024, 2, 29, 10, tzinfo=dt.UTC),
            "h": dt.timedelta(hours=1),
            "i": "12345678-1234-5678-1234-56781234567a",
            "j": "red",
            "k": 2,
            "m": "true",
            "n": True,
            "o": "none",
            "z": 5,
        } == batch.to_pylist()[0]

    def test_text(self, imports: Imports, from_bytes: float) -> None:
        """Without a row type all columns are text, under their names in the file, be these twice the same."""
        seen: list[Any] = []

        @pipeline
        def handle(batch: pa.RecordBatch) -> None:
            seen.append((batch.schema.names, [column.to_pylist() for column in batch.columns]))

        imports(handle, "a,a\n1,\nx,2\n", columns_from_bytes=from_bytes).run()
        assert [(["a", "a"], [["1", "x"], ["", "2"]])] == seen

    def test_limits_of_durations(self, imports: Imports, from_bytes: float) -> None:
        """A duration of more than 64 bits of microseconds is an error of its cell; the longest ones are values."""

        class Row(NamedTuple):
            a: dt.timedelta

        longest = dt.timedelta(microseconds=2**63 - 1)
        seen: list[Any] = []

        @pipeline(row_type=Row)
        def handle(batch: pa.RecordBatch) -> None:
            seen.extend(batch.column(0).to_pylist())

        least = dt.timedelta(days=-longest.days)
        texts = [str(longest), str(longest + dt.timedelta(microseconds=1)), str(least)]
        text = "a\n" + "".join(f'"{text}"\n' for text in texts)
        result = imports(handle, text, columns_from_bytes=from_bytes).run()
        assert [longest, least] == seen
        message = (
            "'106751991 days, 4:00:54.775808' is longer than the 292,471 years that a column of a RecordBatch can hold"
        )
        assert [("timedelta", message)] == [(error.code, error.message) for error in result.errors]

    def test_limits_of_types(self, imports: Imports, from_bytes: float) -> None:
        """Numbers of more than 64 bits, and moments unlike the sample's, are errors of their cells."""

        class Row(NamedTuple):
            a: int
            b: dt.datetime

        @pipeline(row_type=Row)
        def handle(batch: pa.RecordBatch) -> None:
            assert [{"a": -(2**63), "b": dt.datetime(2024, 1, 1)}] == batch.to_pylist()  # noqa: DTZ001

        text = "a,b\n9223372036854775808,2024-01-01 00:00Z\n-9223372036854775808,2024-01-01 00:00\n"
        result = imports(handle, text, columns_from_bytes=from_bytes).run()
        assert [
            ("int", "'9223372036854775808' has more than 64 bits, which is all that a column of a RecordBatch has"),
            (
                "datetime",
                "'2024-01-01 00:00Z' has an offset from UTC, but the moments of this column have none",
            ),
        ] == [(error.code, error.message) for error in result.errors]

    def test_aware(self, imports: Imports, from_bytes: float) -> None:
        """The first sample that is a moment decides; bad and absent ones do not."""

        class Row(NamedTuple):
            a: dt.datetime | None

        @pipeline(row_type=Row)
        def handle(batch: pa.RecordBatch) -> None:
            assert [{"a": dt.datetime(2024, 1, 1, tzinfo=dt.UTC)}] == batch.to_pylist()

        samples = ((), ("x",), ("",), ("2024-01-01 00:00Z",), ("2024-01-01 00:00",))
        text = "a\n2024-01-01 00:00\n2024-01-01 01:00+01:00\n"
        [error] = imports(handle, text, columns_from_bytes=from_bytes, sample_rows=samples).run().errors
        assert (1, "datetime") == (error.row, error.code)
        assert "have an offset, such as Z" in error.message

    def test_other_kinds(self, imports: Imports, from_bytes: float) -> None:
        """A TypedDict without a key has a null; a pydantic model its default."""

        class Dict(TypedDict):
            a: NotRequired[int]

        class Model(pydantic.BaseModel):
            a: int = 7

        for row_type, value in ((Dict, None), (Model, 7)):

            @pipeline(row_type=row_type)
            def handle(batch: pa.RecordBatch, value: Any = value) -> None:
                assert [value, 1] == batch.column(0).to_pylist()

            assert 2 == imports(handle, 'a\n""\n1\n', columns_from_bytes=from_bytes).run().processed


class TestDeclaration:
    """What cannot be a batch is refused when it is declared."""

    @pytest.mark.parametrize(
        ("annotation", "default", "told"),
        [
            (Annotated[str, Column(parse=str.upper)], attrs.NOTHING, "Column(parse=...) has no column type"),
            (Decimal, attrs.NOTHING, "a Decimal needs its size"),
            (Annotated[Decimal, Column(precision=39, scale=1)], attrs.NOTHING, "1 to 38 digits"),
            (Annotated[Decimal, Column(precision=3, scale=1, nonfinite=True)], attrs.NOTHING, "a Decimal is finite"),
            (int, "7", "its default must be a value"),
            (int, True, "its default must be a value"),
            (int, 2**63, "its default must be a value"),
            (dt.date, dt.datetime(2024, 1, 1), "its default must be a value"),  # noqa: DTZ001
            (str, attrs.Factory(str), "its default must be a value"),
            (Literal[1, 2], 3, "its default must be a value"),
        ],
    )
    def test_fields(self, annotation: Any, default: Any, told: str) -> None:
        """The message names the field and the way out."""
        row_type = attrs.make_class("Row", {"one": attrs.field(type=annotation, default=default)})
        with pytest.raises(PipelineError, match="in a RecordBatch") as caught:

            @pipeline(row_type=row_type)
            def handle(batch: pa.RecordBatch) -> None:
                """Never declared."""

        assert told in str(caught.value)
        assert "'one'" in str(caught.value)

    def test_foreign(self) -> None:
        """A type that only pydantic knows is no column."""

        class Model(pydantic.BaseModel):
            a: pydantic.SecretStr

        with pytest.raises(PipelineError, match="its type has no column type"):

            @pipeline(row_type=Model)
            def handle(batch: pa.RecordBatch) -> None:
                """Never declared."""

    def test_no_class(self) -> None:
        """The row type says what the columns are."""
        with pytest.raises(PipelineError, match="row_type=dict does not say"):

            @pipeline(row_type=dict)
            def handle(batch: pa.RecordBatch) -> None:
                """Never declared."""

    def test_numpy(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Without numpy there are no batches; the message has what to install."""
        monkeypatch.setattr("csvpipe.handlers.find_spec", {}.get)
        with pytest.raises(PipelineError, match=r"pip install 'csvpipe\[fast\]'"):

            @pipeline
            def handle(batch: pa.RecordBatch) -> None:
                """Never declared."""

    def test_sizes(self) -> None:
        """Batches of columns are large unless their size is stated."""

        def handle(batch: pa.RecordBatch) -> None:
            """Never called."""

        assert (65_536, 7) == (pipeline(handle).batch_size, pipeline(batch_size=7)(handle).batch_size)


class TestCalls:
    """A handler may say all that a handler of lists may."""

    def test_sizes(self, imports: Imports, from_bytes: float) -> None:
        """A call has up to `batch_size` rows of a chunk; bad rows are missing, and `rows` and `lines` say which."""
        seen: list[Any] = []

        @pipeline(row_type=Item, batch_size=4)
        def handle(batch: pa.RecordBatch, ctx: Context) -> None:
            seen.append((batch.column("id").to_pylist(), list(ctx.rows), list(ctx.lines)))

        text = items(10, bad=[2, 7]).replace("8,n8", '8,"n\n8"')
        result = imports(handle, text, columns_from_bytes=from_bytes).run()
        assert [
            ([1, 3, 4], [1, 3, 4], [2, 4, 5]),
            ([5, 6, 8], [5, 6, 8], [6, 7, 9]),
            ([9, 10], [9, 10], [11, 12]),
        ] == seen
        assert (8, 2, [2, 7]) == (result.processed, result.failed, [error.row for error in result.errors])

    def test_ranges(self, imports: Imports) -> None:
        """Where no row is missing, the numbers are ranges: they cost nothing."""

        @pipeline(row_type=Item)
        def handle(batch: pa.RecordBatch, ctx: Context) -> None:
            assert isinstance(ctx.rows, range)
            assert "range(2, 102)" == repr(ctx.lines)
            assert (1, 2, 100, range(3, 5)) == (ctx.row, ctx.line, len(ctx.lines), ctx.lines[1:3])
            assert list(range(2, 102)) == ctx.lines

        assert 100 == imports(handle, items(100), columns_from_bytes=0).run().processed

    def test_bisection(self, imports: Imports, from_bytes: float) -> None:
        """The row at fault is found by halving; the others come in batches without it."""
        sizes: list[int] = []

        @pipeline(row_type=Item)
        def handle(batch: pa.RecordBatch) -> None:
            sizes.append(batch.num_rows)
            if 6 in batch.column("id").to_pylist():
                raise Reject("not six", column="id", code="six")

        result = imports(handle, items(9, bad=[3]), columns_from_bytes=from_bytes).run()
        assert [(3, "int", "x"), (6, "six", "6")] == [(error.row, error.code, error.value) for error in result.errors]
        assert (7, 8, 4) == (result.processed, sizes[0], sizes[1])

    def test_reject_rows(self, imports: Imports, from_bytes: float) -> None:
        """Rows are named by their index in the batch, and the rest comes again without them."""
        seen: list[list[int]] = []

        @pipeline(row_type=Item)
        def handle(batch: pa.RecordBatch) -> None:
            ids = batch.column("id").to_pylist()
            seen.append(ids)
            if 5 in ids:
                raise RejectRows({ids.index(5): Reject("five"), ids.index(2): Reject("two")})

        result = imports(handle, items(6, bad=[1]), columns_from_bytes=from_bytes).run()
        assert [[2, 3, 4, 5, 6], [3, 4, 6]] == seen
        assert [(1, "int"), (2, "rejected"), (5, "rejected")] == [(error.row, error.code) for error in result.errors]

    @pytest.mark.parametrize("mask", [list, np.array, pa.array, lambda flags: pa.chunked_array([flags])])
    def test_marks(self, imports: Imports, from_bytes: float, mask: Callable[[list[bool]], Any]) -> None:
        """Masks of numpy and pyarrow mark rows of a batch that was done."""

        @pipeline(row_type=Item)
        def handle(batch: pa.RecordBatch, ctx: Context) -> None:
            ids = batch.column("id").to_pylist()
            ctx.reject(mask([number == 4 for number in ids]), "four", column="id")
            ctx.skip(mask([number % 2 == 0 for number in ids]))

        result = imports(handle, items(6, bad=[1]), columns_from_bytes=from_bytes).run()
        assert (2, 2, 2) == (result.processed, result.failed, result.skipped)
        assert [1, 4] == [error.row for error in result.errors]

    def test_outage(self, imports: Imports, from_bytes: float) -> None:
        """An outage is no row's fault: the same batch comes again."""
        seen: list[int] = []

        @pipeline(row_type=Item, retry=Retry(attempts=2, backoff_seconds=0.0))
        def handle(batch: pa.RecordBatch) -> None:
            seen.append(batch.num_rows)
            if len(seen) == 1:
                raise Unavailable("down")

        result = imports(handle, items(5, bad=[2]), columns_from_bytes=from_bytes).run()
        assert ([4, 4], 4, None) == (seen, result.processed, result.failure)

    def test_abort(self, imports: Imports, from_bytes: float) -> None:
        """The batches before the one that gave the file up are done; the line of its first row is told."""

        @pipeline(row_type=Item, batch_size=3)
        def handle(batch: pa.RecordBatch) -> None:
            if 4 in batch.column("id").to_pylist():
                raise Abort("enough")

        result = imports(handle, items(7), columns_from_bytes=from_bytes).run()
        assert FileCode.ABORTED == result.failure.code
        assert "line 5: the handler gave the file up: enough" == result.failure.message
        assert (3, 3) == (result.processed, result.rows)

    def test_first_error_ends(self, imports: Imports, from_bytes: float) -> None:
        """With `on_error="fail"` no row after the first bad one is handled."""
        seen: list[Any] = []

        @pipeline(row_type=Item, on_error="fail")
        def handle(batch: pa.RecordBatch) -> None:
            seen.append(batch.column("id").to_pylist())

        result = imports(handle, items(6, bad=[3, 5]), columns_from_bytes=from_bytes).run()
        assert ([[1, 2]], 2, 1) == (seen, result.processed, result.failed)

    def test_breaker(self, imports: Imports, from_bytes: float) -> None:
        """A handler that fails alike on every row is broken."""

        @pipeline(row_type=Item, breaker=5)
        def handle(batch: pa.RecordBatch) -> None:
            raise RuntimeError("broken")

        result = imports(handle, items(8), columns_from_bytes=from_bytes).run()
        assert (FileCode.REJECT_LIMIT, 5) == (result.failure.code, result.failed)

    def test_stop(self, imports: Imports, from_bytes: float) -> None:
        """A run that is stopped reports whole calls; what is left over goes on from there."""
        stop = StopSignal()
        seen: list[int] = []

        @pipeline(row_type=Item, batch_size=2)
        def handle(batch: pa.RecordBatch) -> None:
            seen.extend(batch.column("id").to_pylist())
            stop.set()

        imported = imports(handle, items(7, bad=[4]), columns_from_bytes=from_bytes)
        results = imported.run_all(imported.chunks(), stop=stop)
        assert [1, 2, 3, 5, 6, 7] == seen
        assert [2, 2, 2, 1] == [result.rows for result in results]


class TestImports:
    """Whole imports."""

    def test_all_at_once(self, anyio_backend_name: str) -> None:
        """Async handlers, a resource, a mended file and a dry run, on both event loops."""
        seen: list[Any] = []

        @csvpipe.pipeline(row_type=Item, timeout=30)
        async def handle(batch: pa.RecordBatch, ctx: Context) -> None:
            await anyio.lowlevel.checkpoint()
            seen.append((ctx.dry_run, batch.column("id").to_pylist(), list(ctx.rows)))

        async def main() -> None:
            async with csvpipe.WorkerPool(pipelines=[handle]) as pool:
                job = await pool.submit(handle, items(2_000, bad=[1_500]).encode())
                record = await job.wait()
                assert (1_999, 1) == (record.processed_rows, record.failed_rows)
                await (await pool.submit(handle, b"id,name\n1,a\n", dry_run=True)).wait()

        anyio.run(main, backend=anyio_backend_name)
        assert [*range(1, 1_500), *range(1_501, 2_001)] == sorted(
            number for is_dry, ids, _ in seen for number in ids if not is_dry
        )
        assert all(ids == rows for _, ids, rows in seen)
        assert (True, [1], [1]) in seen

    def test_inspect(self) -> None:
        """What the first rows would come to is told for columns, too."""

        @csvpipe.pipeline(row_type=Item)
        def handle(batch: pa.RecordBatch) -> None:
            """Never called."""

        found = csvpipe.inspect(items(5, bad=[2]).encode(), pipeline=handle)
        assert found.trial is not None
        assert (5, 1) == (found.trial.rows, found.trial.rejected)

    def test_text_rows_are_tried(self) -> None:
        """Columns of text take every row."""

        @csvpipe.pipeline
        def handle(batch: pa.RecordBatch) -> None:
            """Never called."""

        found = csvpipe.inspect(items(5).encode(), pipeline=handle)
        assert found.trial is not None
        assert 0 == found.trial.rejected


class TestUnit:
    """The bookkeeping of a batch beside that of a list."""

    def test_cost(self, imports: Imports) -> None:
        """A call that succeeds makes nothing for each row."""

        @pipeline(row_type=Item)
        def handle(batch: pa.RecordBatch) -> None:
            """Take it."""

        ((unit,),) = imports(handle, items(1_000), columns_from_bytes=0).work().waves()
        assert isinstance(unit, BatchUnit)
        assert "<BatchUnit of 1000 rows, 1000 undecided>" == repr(unit)
        group = unit.undecided(range(1_000))
        assert range(1_000) is not group or group
        unit.settle(group, Fate.PROCESSED)
        [(_, index, rows, fate)] = unit.fates()
        assert (0, 1_000, Fate.PROCESSED) == (index, rows, fate)
        assert ([], []) == (unit.items, unit.outcomes)
        assert unit.is_decided

    def test_numbers(self) -> None:
        """Numbers are found when they are asked for, and once."""
        found: list[int] = []

        def find() -> list[int]:
            found.append(1)
            return [4, 5]

        numbers = Numbers(2, find)
        assert 2 == len(numbers)
        assert [] == found
        assert numbers == [4, 5]
        assert numbers != 4
        assert ([4, 5], 5, [1]) == (list(numbers), numbers[1], found)

    def test_lists(self, imports: Imports) -> None:
        """Units of objects settle and tell the same."""

        @pipeline
        def handle(rows: list[Item]) -> None:
            """Take them."""

        ((unit,),) = imports(handle, items(4, bad=[2]), columns_from_bytes=0).work().waves()
        assert type(unit) is Unit
        assert [Item(1, "n1"), None, Item(3, "n3"), Item(4, "n4")] == unit.items
        assert not unit.is_decided
        unit.settle(unit.undecided(range(4)), Fate.SKIPPED)
        assert [(0, 1), (1, 1), (2, 2)] == [(index, rows) for _, index, rows, _ in unit.fates()]


@dataclass
class Picky:
    """A constructor that refuses, and a default of its own making."""

    id: int
    name: str = field(default_factory=lambda: "made")

    def __post_init__(self) -> None:
        if self.id == 3:
            raise SystemExit("not three")


class TestConstructors:
    """Typed rows made of columns: whose fault is it?"""

    @pytest.mark.parametrize("is_batch", [False, True])
    @pytest.mark.parametrize("takes_context", [False, True])
    def test_refuses(self, imports: Imports, from_bytes: float, *, is_batch: bool, takes_context: bool) -> None:
        """What a constructor raises is its row's; what the handler raises is the handler's, even the same type."""
        seen: list[Any] = []

        def take(rows: Any) -> None:
            for row in rows if isinstance(rows, list) else [rows]:
                if row.id == 5:
                    raise SystemExit("not five")
            seen.extend(rows if isinstance(rows, list) else [rows])

        def plain(row: Any) -> None:
            take(row)

        def with_context(row: Any, ctx: Context) -> None:
            take(row)

        handle = with_context if takes_context else plain
        row_type = attrs.make_class("Row", {"id": attrs.field(type=int)}, bases=(_Refusing,))
        handle.__annotations__["row"] = list[row_type] if is_batch else row_type  # type: ignore[valid-type]
        result = imports(pipeline(handle), items(7, bad=[2]), columns_from_bytes=from_bytes).run()
        assert [1, 4, 6, 7] == [row.id for row in seen]
        assert [(2, "int"), (3, "validation"), (5, "handler")] == [(error.row, error.code) for error in result.errors]

    def test_defaults_of_its_own(self, imports: Imports, from_bytes: float) -> None:
        """A default that only the constructor makes is left to it, row by row."""
        seen: list[Any] = []

        @pipeline
        def handle(row: Picky) -> None:
            seen.append(row)

        imports(handle, "id,name\n1,\n2,b\n", columns_from_bytes=from_bytes).run()
        assert [Picky(1, "made"), Picky(2, "b")] == seen

    def test_changes_its_mind(self, imports: Imports) -> None:
        """A row whose constructor raises once is made after all, and handled."""
        tries: list[int] = []
        seen: list[Any] = []

        @attrs.frozen
        class Row:
            id: int

            def __attrs_post_init__(self) -> None:
                tries.append(self.id)
                if tries.count(2) == 1 and self.id == 2:
                    raise ValueError("not yet")

        @pipeline(row_type=Row)
        def handle(row: Any) -> None:
            seen.append(row.id)

        result = imports(handle, "id\n1\n2\n3\n", columns_from_bytes=0).run()
        assert ([1, 2, 3], 3, 0) == (seen, result.processed, result.failed)


class _Refusing:
    """Refuses 3."""

    id: int

    def __attrs_post_init__(self) -> None:
        if self.id == 3:
            raise SystemExit("not three")
