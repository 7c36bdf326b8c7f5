"""Rows that go to PostgreSQL as columns come to what they come to one by one."""

from __future__ import annotations

import csv
import datetime as dt
import enum
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from math import inf
from typing import Annotated, Any, NamedTuple, TypedDict
from uuid import UUID

import attrs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import csvpipe
from csvpipe._intake.inspection import Inspection, JobPlan
from csvpipe._intake.source import _HeldFile
from csvpipe._partition.chunk import Chunk
from csvpipe._process.columns.delivery import csv_of, is_kept_as_given
from csvpipe._process.delivery import DeliveryRun
from csvpipe._process.resources import Resources
from csvpipe._process.result import ChunkResult
from csvpipe._process.stopping import StopSignal
from csvpipe._process.turn import FreeGate, Habit, Turn
from csvpipe._process.work import Allowance, JobWork
from csvpipe.context import Context
from csvpipe.jobs import JobId
from csvpipe.limits import Limits
from csvpipe.rowtypes import read_row_type
from csvpipe.sinks import SQLTable
from csvpipe.sinks.postgresql import PostgreSQLSession

JOB = JobId(UUID(int=7))


class Color(enum.Enum):
    RED = "red"
    BLUE = "blue"


@attrs.frozen
class Thing:
    id: int
    text: str
    note: str | None
    real: float | None
    exact: Annotated[Decimal | None, csvpipe.Column(precision=12, scale=2)]
    truth: bool | None
    day: dt.date | None
    moment: dt.datetime | None
    clock: dt.time | None
    key: UUID | None
    color: Color = Color.RED


TABLE = (
    "CREATE TABLE things (id {id}, text TEXT CHECK (text <> 'no'), note VARCHAR(4), real DOUBLE PRECISION, "
    "exact NUMERIC(12, 2), truth BOOLEAN, day DATE, moment TIMESTAMP{zone}, clock TIME, key UUID, "
    "color TEXT, UNIQUE (id))"
)


def delivered(
    table: SQLTable, content: bytes, rows: int, samples: Any, *, by_columns: bool, row_type: type[Any] = Thing
) -> ChunkResult:
    """Deliver a file as one chunk."""
    pipeline = csvpipe.Pipeline(name="load", row_type=row_type, sink=table)
    columns = tuple(read_row_type(row_type).fields[k].name for k in range(len(read_row_type(row_type).fields)))
    source = _HeldFile(path="things.csv", size=len(content), mtime_ns=0, content=content)
    found = Inspection(
        encoding="utf-8", dialect=csvpipe.Dialect(), columns=columns, data_start=0, data_line=1, sample_rows=samples
    )
    plan = JobPlan(source=source, inspection=found, limits=Limits(), dry_run=False)
    context = Context(job_id=JOB, root_id=JOB, filename="", owner=None, attempt=1, dry_run=False)
    job = JobWork(pipeline, plan, context, chunk_seconds=inf, columns_from_bytes=0 if by_columns else inf)
    lines = content.count(b"\n")
    chunk = Chunk(start=0, end=len(content), first_row=1, first_line=1, rows=rows, lines=lines, is_regular=True)
    turn = Turn(FreeGate(), Habit())
    table.take_over(JOB, 1)
    resources = Resources()
    try:
        return DeliveryRun(job, chunk, Allowance(error_budget=100), stop=StopSignal(), turn=turn)(resources)
    finally:
        resources.close()


TEXTS = st.sampled_from(
    ["", "a", "no", "ä€", 'q"q', "x,y", "\\N", "\\.", "NULL", "long text", " pad ", "new\nline", "'"]
)
ROWS = st.lists(
    st.tuples(
        st.sampled_from(["1", "2", "3", "4", "-7", "x", "", "99999999999999999999", " 5"]),
        TEXTS,
        TEXTS,
        st.sampled_from(["", "0.1", "1e300", "-0", "12345678.25", "x"]),
        st.sampled_from(["", "1.10", "1234567890.12", "-3", "1.234"]),
        st.sampled_from(["", "yes", "false", "1", "F"]),
        st.sampled_from(["", "2024-02-29", "0001-01-01", "9999-12-31", "2023-02-29"]),
        st.sampled_from(["", "2024-02-29T12:00:00", "2024-02-29 12:00:00.000001", "2024-02-29T12:00:00+02:00"]),
        st.sampled_from(["", "23:59", "12:00:00.5"]),
        st.sampled_from(["", "12345678-1234-5678-1234-567812345678", "12345678123456781234567812345678"]),
        st.sampled_from(["", "red", "BLUE", "green"]),
    ),
    min_size=1,
    max_size=12,
)


@given(rows=ROWS, kind=st.sampled_from(["BIGINT", "NUMERIC"]), zone=st.sampled_from(["", "TZ"]))
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_columns_and_rows_come_to_the_same(
    make_database: Callable[[str], Any], rows: Sequence[Sequence[str]], kind: str, zone: str
) -> None:
    """The table, the counts and the errors, whatever the types of the table's columns."""
    database = made_once(make_database)
    file = io.StringIO()
    csv.writer(file, lineterminator="\n").writerows(rows)
    outcomes = []
    for by_columns in (False, True):
        database.run(
            "DROP TABLE IF EXISTS things, csvpipe_markers",
            TABLE.format(id=kind, zone=zone),
        )
        table = SQLTable(database.url, "things")
        result = delivered(table, file.getvalue().encode(), len(rows), tuple(rows), by_columns=by_columns)
        outcomes.append((result, sorted(map(repr, database.rows("SELECT * FROM things")))))

    assert outcomes[0] == outcomes[1]
    assert outcomes[0][0].failure is None
    assert len(rows) == outcomes[0][0].rows


@attrs.frozen
class Simple:
    id: int
    text: str
    note: str | None
    real: float | None
    exact: Annotated[Decimal | None, csvpipe.Column(precision=12, scale=2)]
    truth: bool | None
    day: dt.date | None
    key: UUID | None


SIMPLE = (
    "CREATE TABLE simple (id {id} UNIQUE, text TEXT CHECK (text <> 'no'), note VARCHAR(4), real {real}, "
    "exact {exact}, truth BOOLEAN, day DATE, key UUID)"
)
SIMPLE_ROWS = st.lists(
    st.tuples(
        st.sampled_from(["1", "2", "3", "+4", "-7", " 5", "007"]),
        st.sampled_from(["", "a", "no", "ä€", "\\N", "NULL", " pad ", "'", "\\."]),
        st.sampled_from(["", "a", "  ", "long text", "\\"]),
        st.sampled_from(["", "0.1", "1e300", "-0", ".5", "5.", "0.1000000000000000055511151231257827", "1e-400", " "]),
        st.sampled_from(["", "1.10", "1234567890.12", "-3", "1.5"]),
        st.sampled_from(["", "yes", "FALSE", "1", "F", "y ", " "]),
        st.sampled_from(["", "2024-02-29", "0001-01-01", "9999-12-31"]),
        st.sampled_from(["", "12345678-1234-5678-1234-567812345678", "12345678123456781234567812345678"]),
    ),
    min_size=1,
    max_size=8,
)
TYPES = st.fixed_dictionaries(
    {
        "id": st.sampled_from(["BIGINT", "SMALLINT", "NUMERIC"]),
        "real": st.sampled_from(["DOUBLE PRECISION", "DOUBLE PRECISION", "REAL", "NUMERIC"]),
        "exact": st.sampled_from(["NUMERIC(12, 2)", "NUMERIC(12, 2)", "NUMERIC(14, 4)", "DOUBLE PRECISION"]),
    }
)


@given(rows=SIMPLE_ROWS, types=TYPES)
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_bytes_and_rows_come_to_the_same(
    make_database: Callable[[str], Any], rows: Sequence[Sequence[str]], types: dict[str, str]
) -> None:
    """Also where the file's own bytes may be sent, since nothing in them is quoted."""
    database = made_once(make_database)
    content = "".join(",".join(row) + "\n" for row in rows).encode()
    outcomes = []
    for by_columns in (False, True):
        database.run("DROP TABLE IF EXISTS simple, csvpipe_markers", SIMPLE.format(**types))
        table = SQLTable(database.url, "simple")
        result = delivered(table, content, len(rows), (), by_columns=by_columns, row_type=Simple)
        outcomes.append((result, sorted(map(repr, database.rows("SELECT * FROM simple")))))

    assert outcomes[0] == outcomes[1]
    assert outcomes[0][0].failure is None
    assert len(rows) == outcomes[0][0].rows


PLAIN = (
    'CREATE TABLE plain (id INTEGER, text TEXT, "real" REAL, yes BOOLEAN, day DATE, note VARCHAR(9))',
    'CREATE TABLE plain (id INTEGER PRIMARY KEY, text INTEGER, "real" TEXT, yes TEXT, day TEXT, note BLOB) STRICT',
)


@attrs.frozen
class Sparse:
    id: int
    text: str
    real: float | None
    yes: bool | None
    day: dt.date | None
    note: str | None


def unchanged(row: Sparse) -> Sparse:
    """By way of an object."""
    return row


@pytest.mark.parametrize("table", PLAIN)
def test_columns_and_rows_come_to_the_same_in_sqlite(make_database: Callable[[str], Any], table: str) -> None:
    """Value by value, with its type, whatever the column's; and so do the rows that are refused."""
    lines = [
        b"1,a,1.5,true,2024-02-29,x",
        b"2,12,,,,",
        b'3,"with ""quotes""\n",-0.0,false,0999-01-01,\xc3\xa4',
        b"4,nul\0,1e300,true,9999-12-31,'",
        b"3,again,2,true,2024-01-01,y",
        b"9223372036854775807,5,0.1,true,2024-01-01,z",
        b"7,7,nan,true,2024-01-01,z",
    ]
    content = b"id,text,real,yes,day,note\n" + b"".join(line + b"\n" for line in lines * 30)
    outcomes = []
    for by_columns in (True, False):
        database = make_database("sqlite")
        database.run(table)
        sink = SQLTable(database.url, "plain")
        load: Any = csvpipe.pipeline(sink=sink)(unchanged)
        if by_columns:
            load = csvpipe.Pipeline(name="load", row_type=Sparse, sink=sink)
            assert sink.open().takes_columns(
                {"id": "int", "text": "str", "real": "float", "yes": "bool", "day": "date", "note": "str"}
            )
        store = csvpipe.MemoryJobStore()
        [record] = csvpipe.run(load, content, store=store, workers=2)
        errors = [(error.row, error.code, error.message) for _, error in store.row_errors(record.id, limit=10_000)]
        names = ("id", "text", '"real"', "yes", "day", "note")
        values = ", ".join(f"typeof({name}), {name}" for name in names)
        rows = database.rows(f"SELECT {values} FROM plain")  # noqa: S608  # ours
        outcomes.append((record.status, errors, sorted(map(repr, rows))))

    assert outcomes[0] == outcomes[1]
    assert "completed" == outcomes[0][0], record


def test_bytes_are_sent(server: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not only values; and where a row is refused, the values tell which."""
    sent: list[None] = []

    def watched(*given: Any) -> int:
        sent.append(None)
        return stream(*given)

    monkeypatch.setattr(PostgreSQLSession, "_stream", watched)
    server.run(SIMPLE.format(id="BIGINT", real="DOUBLE PRECISION", exact="NUMERIC(12, 2)"))
    table = SQLTable(server.url, "simple")
    content = b"".join(b"%d,,,1.5,2.50,yes,2024-01-01,\n" % number for number in range(50))
    assert 50 == delivered(table, content, 50, (), by_columns=True, row_type=Simple).processed
    assert 1 == len(sent)
    assert [("", None)] == server.rows("SELECT DISTINCT text, note FROM simple")

    server.run("DELETE FROM csvpipe_markers", "DELETE FROM simple WHERE id <> 7")
    result = delivered(table, content, 50, (), by_columns=True, row_type=Simple)
    assert (49, [8]) == (result.processed, [error.row for error in result.errors])


stream = PostgreSQLSession._stream

_MADE: dict[int, Any] = {}


def made_once(make_database: Callable[[str], Any]) -> Any:
    """One database for all examples of a test."""
    return _MADE.setdefault(id(make_database), make_database("postgresql")) if not _MADE else next(iter(_MADE.values()))


def test_columns_are_taken_where_they_can_be(server: Any) -> None:
    """Of types that make the same of both, in the mode that copies straight into the table."""
    kinds = {name: "decimal" if name == "exact" else "str" for name in ("id", "exact")}
    server.run(TABLE.format(id="BIGINT", zone=""), "CREATE TABLE sizeless (id BIGINT, exact NUMERIC)")

    assert SQLTable(server.url, "things").open().takes_columns(kinds)
    assert not SQLTable(server.url, "sizeless").open().takes_columns(kinds)
    assert not SQLTable(server.url, "nowhere").open().takes_columns(kinds)
    assert not SQLTable(server.url, "things", mode="ignore").open().takes_columns(kinds)


def test_columns_are_sent(server: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are not merely possible."""
    sent: list[None] = []

    def watched(batch: Any) -> Any:
        sent.append(batch.num_rows)
        return csv_of(batch)

    monkeypatch.setattr("csvpipe._process.columns.delivery.csv_of", watched)
    server.run(TABLE.format(id="BIGINT", zone=""))
    content = b"".join(b"%d,a,b,1.5,2.50,yes,2024-01-01,,,,\n" % number for number in range(50))

    result = delivered(SQLTable(server.url, "things"), content, 50, (), by_columns=True)

    assert (50, [50]) == (result.processed, sent)


# Which classes -------------------------------------------------------------------------------------------------------


@attrs.define
class Plain:
    a: int
    b: str | None = None


@dataclass
class PlainToo:
    a: int
    b: str = "x"


@dataclass(frozen=True, slots=True)
class PlainAsWell:
    a: int


class Named(NamedTuple):
    a: int


class Keyed(TypedDict):
    a: int


@attrs.frozen
class Validated:
    a: int = attrs.field(validator=attrs.validators.ge(1))


@attrs.frozen
class Converted:
    a: int = attrs.field(converter=abs)


@attrs.define
class Hooked:
    a: int

    def __attrs_post_init__(self) -> None:
        self.a += 1


@dataclass
class HookedToo:
    a: int

    def __post_init__(self) -> None:
        self.a += 1


@attrs.define
class Derived(Plain):
    c: int = 0


@pytest.mark.parametrize("row_type", [Thing, Plain, PlainToo, PlainAsWell, Named, Keyed])
def test_classes_that_keep_what_they_are_given(row_type: type) -> None:
    """Of them no objects need be made."""
    assert is_kept_as_given(read_row_type(row_type), [])


@pytest.mark.parametrize("row_type", [Validated, Converted, Hooked, HookedToo, Derived])
def test_classes_with_code_of_their_own(row_type: type) -> None:
    """They are asked about each row."""
    assert not is_kept_as_given(read_row_type(row_type), [])
