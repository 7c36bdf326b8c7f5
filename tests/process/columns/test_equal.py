"""By columns or row by row: handlers, errors and counts see no difference."""

from __future__ import annotations

import datetime as dt
import enum
import math
import os
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Any, Literal, NamedTuple
from uuid import UUID

import attrs
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from csvpipe._process.columns.batches import BatchColumns
from csvpipe._process.columns.rows import RowColumns
from csvpipe._process.result import ChunkResult
from csvpipe.context import Context
from csvpipe.dialect import Dialect
from csvpipe.errors import Reject
from csvpipe.limits import Limits
from csvpipe.pipeline import pipeline
from csvpipe.rowtypes import Column

Imports = Callable[..., Any]


class Colour(enum.Enum):
    """Members with texts, one of them empty, and a number."""

    RED = "red"
    NONE = ""
    TWO = 2


@attrs.frozen
class Plain:
    """All scalars, all needed."""

    a: int
    b: float
    c: Decimal
    d: bool
    e: str


class Moments(NamedTuple):
    """Dates and times, all needed."""

    a: dt.date
    b: dt.datetime
    c: dt.time
    d: dt.timedelta
    e: UUID


@dataclass
class Optionals:
    """What may be missing."""

    a: int | None
    b: float | None = 2.5
    c: dt.datetime | None = None
    d: str | None = None
    e: Colour | None = None


@attrs.frozen
class Defaults:
    """What is something else where it is empty; a column that no file has."""

    a: int = 7
    b: str = "none"
    c: Colour = Colour.RED
    d: Annotated[bool, Column(na=["NA", "1"])] = True
    e: Annotated[dt.date, Column(na=["-"])] = dt.date(2000, 1, 2)
    z: float = 1.5


@attrs.frozen(kw_only=True)
class Spelt:
    """Columns that say how they are spelt."""

    a: Annotated[float, Column(decimal=",")]
    b: Annotated[int | None, Column(thousands=" ", na=["-"])]
    c: Annotated[Decimal, Column(precision=5, scale=2)]
    d: Annotated[dt.date | None, Column(format=["%d.%m.%Y", "%Y%m%d"])]
    e: Annotated[bool, Column(true=["ja"], false=["nein"])]


class Others(NamedTuple):
    """The rest."""

    e: Literal["red", "x"]
    a: Literal[1, 2, -1]
    b: Annotated[float, Column(nonfinite=True)]
    d: Annotated[str, Column(na=["NA"])]
    c: Annotated[Decimal | None, Column(precision=6, scale=3, decimal=",")]


@attrs.frozen
class Checked:
    """With opinions of its own."""

    a: int = attrs.field(validator=attrs.validators.gt(0))
    e: str = attrs.field(validator=attrs.validators.max_len(3))

    def __attrs_post_init__(self) -> None:
        if self.a == 13:
            raise Reject("unlucky", column="a", code="unlucky")


class Sizes(NamedTuple):
    """Decimal numbers with and without limits, of which some may be missing."""

    a: Annotated[Decimal, Column(precision=4)]
    b: Annotated[Decimal | None, Column(scale=2)]
    c: Decimal | None
    d: Annotated[Decimal, Column(precision=3, scale=3)] = Decimal("0.5")


ROW_TYPES: list[Any] = [Plain, Moments, Optionals, Defaults, Spelt, Others, Checked, Sizes]
#: Without decimals of no stated size.
COLUMN_TYPES: list[Any] = [None, Moments, Optionals, Defaults, Spelt, Others, Checked]

NUMBERS = (
    *("0", "1", "-1", "+1", "007", "-0", "--1", "1-2", "-", "+", "123456789012345678", "9223372036854775807"),
    *("9223372036854775808", "-9223372036854775809", "0x1F", "1_0", "1 000", "1 23", "12 345", "1.5", "-.5", "5.", "."),
    *("1e5", "-2.5E-3", "1e999", "nan", "inf", "-Infinity", "nan(1)", "1,5", "-1,25", "1.500", "123456.7", "00001.25"),
    *("1.2.3", "\u0663", "1\x00", "-1.005", "0.00", "12,345", "1E+3", "99999999999999999999999999999999999999.9"),
)
MOMENTS = (
    *("2024-02-29", "2023-02-29", "0000-01-01", "0001-01-01", "9999-12-31", "2024-1-01", "20240101", "2024-01-00"),
    *("2024-01-01 09:30", "2024-01-01T09:30:00", "2024-01-01 24:00:00", "2024-01-01 23:59:60", "2024-01-01 09"),
    *("2024-01-01 09:30:00.5", "2024-01-01T09:30:00.123456", "2024-01-01 09:30:00.1234567", "0000-01-01 00:00:00"),
    *("2024-01-01T09:30:00Z", "2024-01-01 09:30+02:00", "2024-01-01 09:30:00+0200", "0001-01-01 00:00+01:00"),
    *("09:30", "09:30:00", "9:30", "24:00:00", "09:30:00.25", "09:30:00.", "23:59:60", "1:02:03", "-1 day, 1:00:00"),
    *(
        "P1DT2H",
        "01.02.2024",
        "1.2.2024",
        "20240301",
        "31.02.2024",
        "2024-01-01T09:30:00-23:59",
        "2024-01-01 09:30:00z",
    ),
)
WORDS = (
    *("true", "FALSE", "Yes", "n", "t", "ja", "NEIN", "red", "RED", "x", "2", "on", "", " ", "\t", "NA", " NA ", "-"),
    *("12345678-1234-5678-1234-567812345678", "1234567812345678123456781234567A", "{1}", "é", "ABCD", " 1 ", " red"),
    *("12345678-1234-5678-1234-56781234567A", "\ufeff", "a\u2028b", "\x00", "13", "\u00a01", " 2024-02-29 ", "\x0b"),
)
CELLS = st.one_of(
    st.sampled_from(NUMBERS),
    st.sampled_from(MOMENTS),
    st.sampled_from(WORDS),
    st.text("01.-+:, \"'\n\rae\\", max_size=6),
)
HEADER = ("a", "b", "c", "d", "e")


@st.composite
def dialects(draw: st.DrawFn) -> Dialect:
    """Dialects, most of them such as Arrow can read."""
    delimiter = draw(st.sampled_from(",;\t|é"))
    quote = draw(st.sampled_from(['"', '"', "'", None]))
    return Dialect(
        delimiter=delimiter,
        quotechar=quote,
        doublequote=draw(st.booleans()) or quote is None,
        escapechar=draw(st.sampled_from([None, None, "\\"])),
        skipinitialspace=draw(st.integers(0, 9)) == 0,
        strict=draw(st.integers(0, 9)) == 0,
    )


@st.composite
def columns_of_cells(draw: st.DrawFn) -> list[st.SearchStrategy[str]]:
    """For each column what its cells are mostly like, so that rows may be good."""
    kinds = [
        st.integers(-100, 10**19).map(str),
        st.floats(allow_nan=False, allow_infinity=False).map(repr),
        st.decimals(min_value=-999, max_value=999, places=2).map(str),
        st.sampled_from(["true", "false", "1", "0", "ja"]),
        st.dates().map(str),
        st.datetimes().map(str),
        st.datetimes(timezones=st.just(dt.UTC), min_value=dt.datetime(2, 1, 1)).map(str),  # noqa: DTZ001  # as it wants it
        st.times().map(str),
        st.timedeltas().map(str),
        st.uuids().map(str),
        st.sampled_from(["red", "RED", "2", "x"]),
        st.just(""),
        st.text(max_size=4),
    ]
    kinds.append(CELLS)
    return [draw(st.sampled_from(kinds)) for _ in HEADER]


@st.composite
def files(draw: st.DrawFn) -> tuple[bytes, Dialect, str]:
    """Data that may be anything, but mostly is rows; with their dialect and encoding."""
    dialect = draw(dialects())
    kinds = draw(columns_of_cells())
    newline = draw(st.sampled_from(["\n", "\n", "\r\n", "\r"]))
    lines = []
    odd = draw(st.integers(0, 3))
    for _ in range(draw(st.integers(0, 12))):
        is_odd = odd and draw(st.integers(0, 7)) < odd
        cells = [draw(CELLS if is_odd and draw(st.booleans()) else kind) for kind in kinds]
        if is_odd and draw(st.booleans()):
            cells = cells[: draw(st.integers(0, 4))] + cells[: draw(st.integers(0, 3))]
        quote = dialect.quotechar
        if quote is not None and draw(st.booleans()):
            cells = [
                f"{quote}{cell.replace(quote, quote * 2) if dialect.doublequote else cell}{quote}"
                if draw(st.integers(0, 2)) or dialect.delimiter in cell
                else cell
                for cell in cells
            ]
        lines.append(dialect.delimiter.join(cells))
    text = newline.join(lines) + draw(st.sampled_from(["", newline, newline * 2]))
    if draw(st.integers(0, 9)) == 0:
        text = "\ufeff" + text
    encoding = draw(st.sampled_from(["utf-8", "utf-8", "cp1252", "latin-1"]))
    data = text.encode(encoding, "replace")
    if draw(st.integers(0, 9)) == 0:
        at = draw(st.integers(0, len(data)))
        data = data[:at] + draw(st.binary(min_size=1, max_size=2)) + data[at:]
    header = dialect.delimiter.join(HEADER).encode(encoding)
    return header + b"\n" + data, dialect, encoding


def spelt(value: object) -> object:
    """A value that is equal only to those of the same type."""
    if isinstance(value, (tuple, list)) and type(value) is not list:
        return type(value), [spelt(item) for item in value]
    if attrs.has(type(value)):
        return type(value), [spelt(item) for item in attrs.astuple(value, recurse=False)]
    if hasattr(value, "__dict__") and not isinstance(value, enum.Enum):
        return type(value), [spelt(item) for item in vars(value).values()]
    return type(value), repr(value)


def outcome(imports: Imports, declared: Any, seen: list[Any], data: bytes, from_bytes: float, **options: Any) -> Any:
    """All that can be seen of an import."""
    seen.clear()
    imported = imports(declared, data, columns_from_bytes=from_bytes, **options)
    chunks = imported.chunks(chunk_bytes=200, cut_bytes=60) if len(data) % 2 else imported.chunks(cut_bytes=60)
    results = [_to_next_row(imported.run(chunk), data) for chunk in chunks]
    return list(seen), results


def _to_next_row(result: ChunkResult, data: bytes) -> ChunkResult:
    """The result of a job that has failed, with the blank lines that follow: a cut may have parted them from it."""
    if result.failure is None:
        return result
    rest = data[result.end :]
    return attrs.evolve(result, end=len(data) - len(rest.lstrip(b"\r\n")), lines=0)


def differ(imports: Imports, declared: Any, seen: list[Any], data: bytes, **options: Any) -> None:
    """Both ways of an import must come to the same."""
    by_rows = outcome(imports, declared, seen, data, math.inf, **options)
    by_columns = outcome(imports, declared, seen, data, 0, **options)
    assert by_rows == by_columns


POLICIES = st.fixed_dictionaries(
    {
        "ragged": st.sampled_from(["reject", "reject", "pad"]),
        "errors": st.sampled_from(["reject", "replace", "ignore", "strict"]),
        "on_error": st.sampled_from(["reject", "reject", "reject", "fail"]),
        "sensitive": st.sampled_from([[], [], ["a"]]),
    }
)
LIMITS = st.sampled_from([Limits(), Limits(), Limits(row_bytes=60), Limits(field_characters=8)])


@pytest.fixture(autouse=True)
def _deterministic(monkeypatch: pytest.MonkeyPatch) -> None:
    """Parts of few rows, so that there are several."""
    monkeypatch.setattr("csvpipe._process.columns.rows.PART_ROWS", 3)
    monkeypatch.setattr("csvpipe._process.columns.cells._FEW", 2)
    monkeypatch.setattr("csvpipe._process.columns.cells._FEW_ODD", 2)


_SETTINGS = settings(
    max_examples=int(os.environ.get("COLUMNS_EXAMPLES", "150")),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)


class TestTypedRows:
    """Objects."""

    @given(file=files(), row_type=st.sampled_from(ROW_TYPES), is_batch=st.booleans(), policies=POLICIES, limits=LIMITS)
    @_SETTINGS
    def test_equal(
        self, imports: Imports, file: Any, row_type: Any, policies: Any, limits: Limits, *, is_batch: bool
    ) -> None:
        """Rows, their numbers and lines, values and their types, errors and counts."""
        data, dialect, encoding = file
        seen: list[Any] = []

        def handle(row: Any, ctx: Context) -> None:
            seen.append((list(ctx.rows), list(ctx.lines), spelt(row)))
            if ctx.rows[0] % 5 == 4:
                raise Reject("no", column="a")

        handle.__annotations__["row"] = list[row_type] if is_batch else row_type
        if is_batch:
            policies = {**policies, "batch_size": 4}
        declared = pipeline(**policies)(handle)
        differ(imports, declared, seen, data, dialect=dialect, encoding=encoding, limits=limits)


class TestBatches:
    """Arrow batches."""

    @given(file=files(), row_type=st.sampled_from(COLUMN_TYPES), policies=POLICIES, limits=LIMITS, aware=st.booleans())
    @_SETTINGS
    def test_equal(
        self, imports: Imports, file: Any, row_type: Any, policies: Any, limits: Limits, *, aware: bool
    ) -> None:
        """Schema, values, row numbers and lines, errors and counts."""
        data, dialect, encoding = file
        seen: list[Any] = []

        def handle(batch: pa.RecordBatch, ctx: Context) -> None:
            batch.validate(full=True)
            seen.append((list(ctx.rows), list(ctx.lines), str(batch.schema), repr(batch.to_pylist())))
            assert len(ctx.rows) == batch.num_rows
            ctx.skip([row % 5 == 3 for row in ctx.rows])
            if any(row % 5 == 4 for row in ctx.rows):
                raise Reject("no", column="a")

        declared = pipeline(row_type=row_type, batch_size=4, **policies)(handle)
        sample = ("2024-01-01 00:00Z",) * 5 if aware else ()
        options = {"dialect": dialect, "encoding": encoding, "limits": limits, "sample_rows": (sample,)}
        differ(imports, declared, seen, data, **options)


FILES = {
    "spreadsheet": (
        'a;b;c;d;e\r\n1;2,5;1.50;01.02.2024;ja\r\n-2;;"2";;NEIN\r\n 3 ;1e3;-0.5;31.12.1999;x\r\n;;;;\r\n',
        Dialect(delimiter=";"),
        "cp1252",
    ),
    "poll": (
        (
            "a,b,c,d,e\n2024-02-29,2024-02-29 10:00,09:30,1:00:00,12345678-1234-5678-1234-567812345678\n"
            'NA,"n/a",,,\n"2024-03-01","2024-03-01T10:00:00.5",23:59:59,"1 day, 1:00:00",1234\n'
        ),
        Dialect(),
        "utf-8",
    ),
    "notes": (
        'a,b,c,d,e\n1,2,3,true,"said ""no""\nand left"\n\n2,3.5,4,no,plain\n3,,5,t,"an open quote\n4,1,1,f,x\n',
        Dialect(),
        "utf-8",
    ),
    "scientific": (
        "a\tb\tc\td\te\n" + "".join(f"{n}\t{n}.5e-{n % 7}\t{n}\t1\té{n}\n" for n in range(40)),
        Dialect(delimiter="\t", quotechar=None),
        "latin-1",
    ),
    "padded": (
        "a|b|c|d|e\n" + "".join(f" {n:5}|{n:9.2f} | {n}|TRUE |{n} \n" for n in range(40)) + "1|2|3\n1|2|3|4|5|6\n",
        Dialect(delimiter="|"),
        "utf-8",
    ),
}


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("row_type", ROW_TYPES)
def test_files(imports: Imports, name: str, row_type: Any) -> None:
    """Files such as people have, as rows and as columns."""
    text, dialect, encoding = FILES[name]
    seen: list[Any] = []

    def handle(row: Any, ctx: Context) -> None:
        seen.append((list(ctx.rows), list(ctx.lines), spelt(row)))

    def handle_batch(batch: pa.RecordBatch, ctx: Context) -> None:
        seen.append((list(ctx.rows), list(ctx.lines), str(batch.schema), repr(batch.to_pylist())))

    handle.__annotations__["row"] = row_type
    options = {"dialect": dialect, "encoding": encoding}
    differ(imports, pipeline(handle), seen, text.encode(encoding), **options)
    if row_type in COLUMN_TYPES:
        differ(imports, pipeline(row_type=row_type)(handle_batch), seen, text.encode(encoding), **options)


def test_columns_are_used(imports: Imports) -> None:
    """The tests above compare two ways: ordinary data goes by columns."""
    for takes, kind in ((Plain, RowColumns), (pa.RecordBatch, BatchColumns)):

        def handle(row: Any) -> None:
            """Take it."""

        handle.__annotations__["row"] = takes
        imported = imports(pipeline(handle), "a,b,c,d,e\n1,2,3,true,x\n", columns_from_bytes=0)
        (chunk,) = imported.chunks()
        data = b"1,2,3,true,x\n"
        columns = imported.job.row_columns if kind is RowColumns else imported.job.batch_columns
        assert isinstance(columns, kind)
        assert (columns.parts if kind is RowColumns else columns.units)(chunk, data) is not None
