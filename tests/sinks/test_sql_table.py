"""Rows in a table: each exactly once, bad ones set aside, whichever database it is."""

from __future__ import annotations

import datetime as dt
import enum
from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple, TypedDict
from uuid import UUID

import anyio
import attrs
import pytest
import sqlalchemy as sa

import csvpipe
from csvpipe.sinks import SQLTable

PEOPLE = "CREATE TABLE people (id INTEGER PRIMARY KEY, name VARCHAR(20) NOT NULL, score REAL CHECK (score < 1000))"


@attrs.frozen
class Person:
    id: int
    name: str | None
    score: float | None = None


def person_pipeline(database: Any, **more: Any) -> csvpipe.Pipeline[..., Any]:
    """Rows as they are, into the table of people."""
    options = {name: more.pop(name) for name in ("mode", "key", "columns", "patience_seconds") if name in more}
    return csvpipe.Pipeline(name="load", row_type=Person, sink=SQLTable(database.url, "people", **options), **more)


def file_of(rows: Iterable[Any], header: str = "id,name,score") -> bytes:
    """A file of these rows."""
    return "\n".join(
        [header, *(",".join("" if cell is None else str(cell) for cell in row) for row in rows), ""]
    ).encode()


def imported(pipeline: Any, content: bytes, **options: Any) -> tuple[csvpipe.JobRecord, list[csvpipe.RowError]]:
    """Import a file; its record and its row errors."""
    store = csvpipe.MemoryJobStore()
    [record] = csvpipe.run(pipeline, content, store=store, **options)
    return record, [error for _, error in store.row_errors(record.id, limit=10_000)]


def test_rows_are_written(database: Any) -> None:
    """A pipeline without a handler writes its rows; an empty cell of an optional field is NULL."""
    database.run(PEOPLE)
    rows = [(number, f"name {number}", None if number % 3 else number / 2) for number in range(1, 2_000)]

    record, errors = imported(person_pipeline(database), file_of(rows), workers=3)

    assert (record.status, record.processed_rows, errors) == ("completed", 1_999, [])
    assert rows == sorted(database.rows("SELECT id, name, score FROM people"))


def test_what_a_handler_returns_is_written(database: Any) -> None:
    """A mapping, a tuple of all columns, an object of any kind; None writes nothing, and counts as processed."""
    database.run(PEOPLE)

    class Named(NamedTuple):
        name: str
        id: int

    @csvpipe.pipeline(sink=SQLTable(database.url, "people"))
    def load(row: csvpipe.Row) -> object:
        number = int(row["id"])
        if number == 6:
            raise csvpipe.Reject("not six", column="id")
        if number == 7:
            raise csvpipe.Skip
        mapping = {"id": number, "name": "mapping"}
        made: list[object] = [None, mapping, (number, "tuple", 1.5), Named("named", number), Person(number, "p")]
        return made[number % 5]

    record, errors = imported(load, file_of([(number,) for number in range(10)], header="id"))

    assert (record.processed_rows, record.failed_rows, record.skipped_rows) == (8, 1, 1)
    assert [("rejected", 7)] == [(error.code, error.row) for error in errors]
    found = [(1, "mapping", None), (2, "tuple", 1.5), (3, "named", None), (4, "p", None)]
    assert [*found, (8, "named", None), (9, "p", None)] == sorted(database.rows("SELECT id, name, score FROM people"))


def test_batches_return_a_list(database: Any) -> None:
    """A handler of batches returns one row for each of its batch; rows that it marks are not written."""
    database.run(PEOPLE)

    @csvpipe.pipeline(batch_size=4, sink=SQLTable(database.url, "people"))
    def load(rows: list[Person], ctx: csvpipe.Context) -> list[object]:
        ctx.reject([k for k, row in enumerate(rows) if row.id % 5 == 0], "no fives", column="id")
        ctx.skip([k for k, row in enumerate(rows) if row.id == 3])
        return [None if row.id == 1 else row for row in rows]

    record, errors = imported(load, file_of([(number, "a") for number in range(1, 11)], header="id,name"))

    assert (record.processed_rows, record.failed_rows, record.skipped_rows) == (7, 2, 1)
    assert [5, 10] == [error.row for error in errors]
    assert [2, 4, 6, 7, 8, 9] == sorted(number for (number,) in database.rows("SELECT id FROM people"))


@pytest.mark.parametrize("answer", [[1, 2], "text"])
def test_a_batch_of_another_size_ends_the_job(database: Any, answer: Any) -> None:
    """Nobody could say which row of the file such an answer speaks of."""
    database.run(PEOPLE)

    @csvpipe.pipeline(sink=SQLTable(database.url, "people"))
    def load(rows: list[Person]) -> object:
        return answer

    record, _ = imported(load, file_of([(1, "a"), (2, "b"), (3, "c")], header="id,name"))

    assert record.error_code == "aborted"
    assert "for a batch of 3 rows" in str(record.error_message)


def test_a_list_for_a_single_row_ends_the_job(database: Any) -> None:
    """It might be meant as a row or as several."""
    database.run(PEOPLE)

    @csvpipe.pipeline(sink=SQLTable(database.url, "people"))
    def load(row: Person) -> object:
        return [row.id, row.name, row.score]

    record, _ = imported(load, file_of([(1, "a")], header="id,name"))

    assert record.error_code == "aborted"
    assert "returned a list for a single row" in str(record.error_message)


def test_refused_rows_are_row_errors(database: Any) -> None:
    """Each has a code, its column as the file spells it, the cell and the database's reason; the others are written."""
    database.run(PEOPLE)

    @attrs.frozen
    class Guest:
        id: int
        name: str | None
        score: float | None = None

    pipeline = csvpipe.Pipeline(name="load", row_type=Guest, sink=SQLTable(database.url, "people"))
    rows = [(1, "a", 1), (2, None, 1), (1, "again", 1), (3, "b", 2000), (4, "c", None)]
    record, errors = imported(pipeline, file_of(rows, header="ID,Name,Score"))

    assert (record.status, record.processed_rows, record.failed_rows) == ("completed", 2, 3)
    assert [(2, "not_null", "Name"), (3, "unique", "ID")] == [(e.row, e.code, e.column) for e in errors[:2]]
    assert (4, "check", "Score") == (errors[2].row, errors[2].code, errors[2].column)
    assert {"handle"} == {error.phase for error in errors}
    ways_out = ["fill the cell in", "give it a key of its own, or leave the row out", "correct the row"]
    assert ways_out == [error.message.rpartition("; ")[2] for error in errors]
    assert "1" == errors[1].value
    assert [(1, "a"), (4, "c")] == sorted(database.rows("SELECT id, name FROM people"))


@pytest.mark.parametrize(
    ("condition", "column"),
    [
        ("CHECK (score < 1000 AND name <> 'id')", None),
        ("CONSTRAINT bounded CHECK (score < 1000)", "score"),
        ("CHECK (score < 1000 OR 'id' = 'it''s name')", "score"),
    ],
)
def test_the_column_of_a_condition(database: Any, condition: str, column: str | None) -> None:
    """It is told where the condition is about one column; what stands in quotes is none."""
    database.run(f"CREATE TABLE people (id INTEGER PRIMARY KEY, name VARCHAR(20), score REAL, {condition})")

    _, [error] = imported(person_pipeline(database), file_of([(1, "a", 1), (2, "b", 2000)]))

    assert ("check", column) == (error.code, error.column)


def test_columns_of_other_names(database: Any) -> None:
    """What the table calls otherwise is written there, and a refusal speaks of the file's column."""
    database.run("CREATE TABLE people (number INTEGER PRIMARY KEY, called TEXT NOT NULL, score REAL)")
    pipeline = person_pipeline(database, columns={"id": "number", "name": "called"})

    _, errors = imported(pipeline, file_of([(1, "a", 1), (1, "b", 1), (2, None, 1)], header="ID,Name,Score"))

    assert [("unique", "ID"), ("not_null", "Name")] == [(error.code, error.column) for error in errors]
    assert [(1, "a")] == database.rows("SELECT number, called FROM people")


def test_rejects_are_mended(database: Any, tmp_path: Path) -> None:
    """A rejects file of rows that the database refused is written when they are mended, and resolves them."""
    database.run(PEOPLE)
    pipeline = person_pipeline(database)

    async def main() -> tuple[csvpipe.JobRecord, csvpipe.JobRecord]:
        async with csvpipe.WorkerPool(pipelines=[pipeline]) as pool:
            job = await pool.submit(pipeline, file_of([(1, "a", 1), (1, "b", 1), (3, "c", 5000)]))
            await job.wait()
            rejects = tmp_path / "rejects.csv"
            await job.write_rejects(rejects)
            text = rejects.read_text("utf-8")
            rejects.write_text(text.replace("1,b,1", "2,b,1"), "utf-8")
            mended = await pool.submit(pipeline, rejects, parent=job)
            await mended.wait()
            return await job.record(), await mended.record()

    parent, mended = anyio.run(main)

    assert (1, 1) == (mended.processed_rows, mended.failed_rows)
    assert 1 == parent.resolved_rows
    assert [(1, "a"), (2, "b")] == sorted(database.rows("SELECT id, name FROM people"))


def test_a_job_that_wrote_nothing_is_deleted_in_silence(database: Any, caplog: pytest.LogCaptureFixture) -> None:
    """After a dry run there may be no tables of ours."""
    database.run(PEOPLE)
    pipeline = person_pipeline(database)

    async def main() -> None:
        async with csvpipe.WorkerPool(pipelines=[pipeline]) as pool:
            job = await pool.submit(pipeline, file_of([(1, "a", 1)]), dry_run=True)
            await job.wait()
            await job.delete()

    anyio.run(main)

    assert [] == caplog.records


def test_foreign_keys_are_kept(database: Any) -> None:
    """A row that refers to nothing is refused alone, also where the database only checks at the end of a statement."""
    database.run(
        "CREATE TABLE towns (id INTEGER PRIMARY KEY)",
        "INSERT INTO towns VALUES (1), (2)",
        "CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT, town INTEGER REFERENCES towns (id))",
    )

    @attrs.frozen
    class Inhabitant:
        id: int
        town: int | None

    pipeline = csvpipe.Pipeline(name="load", row_type=Inhabitant, sink=SQLTable(database.url, "people"))
    rows = [(number, number % 7) for number in range(1, 200)]

    record, errors = imported(pipeline, file_of(rows, header="id,town"))

    assert sorted(n for n, town in rows if town in {1, 2}) == sorted(
        n for (n,) in database.rows("SELECT id FROM people")
    )
    assert {("foreign_key", "town")} == {(error.code, error.column) for error in errors}
    assert [n for n, town in rows if town not in {1, 2}] == [error.row for error in errors]
    assert record.failed_rows == len(errors)


def test_a_row_that_stops_the_job_is_the_last(database: Any) -> None:
    """With `on_error="fail"` the rows before the refused one are written, those after it are not."""
    database.run(PEOPLE)
    rows = [(1, "a"), (2, "b"), (1, "c"), (4, "d")]

    record, _ = imported(person_pipeline(database, on_error="fail"), file_of(rows, header="id,name"))

    assert (record.status, record.error_code, record.processed_rows, record.failed_rows) == (
        "failed",
        "row_error",
        2,
        1,
    )
    assert [(1,), (2,)] == sorted(database.rows("SELECT id FROM people"))


def test_sensitive_cells_are_not_shown(database: Any) -> None:
    """What the database says of a refused row quotes none of them."""
    database.run(PEOPLE)

    rows = [(1, "secretive", 5000), (2, "hidden", 1), (2, "clandestine", 1)]
    _, errors = imported(person_pipeline(database, sensitive=["name"]), file_of(rows))

    assert ["check", "unique"] == [error.code for error in errors]
    assert not any(word in str(error) for error in errors for word in ("secretive", "hidden", "clandestine"))


class Color(enum.Enum):
    RED = "red"
    BLUE = "blue"


@attrs.frozen
class Everything:
    number: int
    text: str | None
    real: float | None
    exact: Decimal | None
    truth: bool | None
    day: dt.date | None
    moment: dt.datetime | None
    zoned: dt.datetime | None
    clock: dt.time | None
    span: dt.timedelta | None
    key: UUID | None
    color: Color | None


COLUMNS = {
    "sqlite": "number BIGINT, text TEXT, real REAL, exact TEXT, truth BOOLEAN, day DATE, moment DATETIME, zoned TEXT, "
    "clock TIME, span REAL, key TEXT, color TEXT",
    "postgresql": "number BIGINT, text TEXT, real DOUBLE PRECISION, exact NUMERIC, truth BOOLEAN, day DATE, "
    "moment TIMESTAMP, zoned TIMESTAMPTZ, clock TIME, span INTERVAL, key UUID, color TEXT",
}
LINE = (
    '9007199254740993,Zoë "q" \\N \t;,0.1,123456789012345678.90,yes,2024-02-29,2024-02-29T12:00:00.000001,'
    "2024-02-29T12:00:00+02:00,23:59:59.5,P1DT1S,12345678-1234-5678-1234-567812345678,red"
)


def test_every_type_arrives(database: Any) -> None:
    """Whatever a row type makes of a cell is what the table has, and None is NULL."""
    database.run(f"CREATE TABLE things ({COLUMNS[database.kind]})")
    pipeline = csvpipe.Pipeline(name="load", row_type=Everything, sink=SQLTable(database.url, "things"))
    header = ",".join(field.name for field in attrs.fields(Everything))
    line = LINE.replace('Zoë "q" \\N \t;', '"Zoë ""q"" \\N \t;"')

    record, errors = imported(pipeline, f"{header}\n{line}\n1{',' * 11}\n".encode())

    assert (2, []) == (record.processed_rows, errors)
    first, second = database.rows("SELECT * FROM things ORDER BY number DESC")
    assert (1, *[None] * 11) == second
    key = UUID("12345678-1234-5678-1234-567812345678")
    zoned = dt.datetime(2024, 2, 29, 10, tzinfo=dt.UTC)
    common = (9007199254740993, 'Zoë "q" \\N \t;', 0.1)
    if database.kind == "postgresql":
        moment = dt.datetime(2024, 2, 29, 12, 0, 0, 1)  # noqa: DTZ001  # it has no zone
        days = (dt.date(2024, 2, 29), moment, zoned, dt.time(23, 59, 59, 500_000), dt.timedelta(days=1, seconds=1))
        assert (*common, Decimal("123456789012345678.90"), True, *days, key, "red") == first
    else:
        days = ("2024-02-29", "2024-02-29 12:00:00.000001", "2024-02-29 10:00:00.000000+00:00", "23:59:59.500000")
        assert (*common, "123456789012345678.90", 1, *days, 86401.0, str(key), "red") == first


def test_members_find_their_labels(server: Any) -> None:
    """A column of an enumerated type takes a member's value where that is a label of it, else the member's name."""
    server.run(
        "CREATE TYPE by_value AS ENUM ('red', 'blue')",
        "CREATE TYPE by_name AS ENUM ('RED', 'BLUE')",
        "CREATE TABLE things (a by_value, b by_name, c JSONB, d NUMERIC)",
    )

    @csvpipe.pipeline(sink=SQLTable(server.url, "things"))
    def load(row: csvpipe.Row) -> object:
        return {"a": Color.RED, "b": Color.BLUE, "c": {"x": [1, None]}, "d": True}

    _, errors = imported(load, b"a\n1\n")

    assert [] == errors
    assert [("red", "BLUE", {"x": [1, None]}, Decimal(1))] == server.rows("SELECT * FROM things")


def test_values_out_of_range_are_refused(database: Any) -> None:
    """A number that the column cannot hold, and a text that is too long for it."""
    database.run("CREATE TABLE things (number BIGINT, text VARCHAR(3))")

    @attrs.frozen
    class Thing:
        number: int
        text: str

    pipeline = csvpipe.Pipeline(name="load", row_type=Thing, sink=SQLTable(database.url, "things"))
    rows = [(1, "a"), (10**30, "b"), (3, "long"), (4, "d")]

    _, errors = imported(pipeline, file_of(rows, header="number,text"))

    refused = [2, 3] if database.kind == "postgresql" else [2]  # SQLite does not mind long texts
    assert [(row, "out_of_range") for row in refused] == [(error.row, error.code) for error in errors]


def test_a_nul_is_a_row_error(server: Any) -> None:
    """PostgreSQL's texts cannot hold one."""
    server.run("CREATE TABLE things (text TEXT)")

    @csvpipe.pipeline(sink=SQLTable(server.url, "things"))
    def load(row: csvpipe.Row) -> object:
        return {"text": row["text"].replace("0", "\0")}

    _, errors = imported(load, b"text\na\n0\nb\n")

    assert [(2, "database")] == [(error.row, error.code) for error in errors]
    assert [("a",), ("b",)] == server.rows("SELECT text FROM things ORDER BY text")


def test_a_trigger_that_raises_by_itself_ends_the_job(server: Any) -> None:
    """Only errors of data and of constraints are a row's fault; what is raised otherwise may mean anything."""
    server.run(
        PEOPLE,
        "CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'closed'; END $$",
        "CREATE TRIGGER no BEFORE INSERT ON people FOR EACH ROW EXECUTE FUNCTION no()",
    )

    record, _ = imported(person_pipeline(server), file_of([(1, "a", 1)]))

    assert ("failed", "sink_failed") == (record.status, record.error_code)
    assert "closed" in str(record.error_message)


def test_deferred_constraints_are_checked_before_the_commit(server: Any) -> None:
    """They hold at the end, whatever the order of the rows; those for which they do not are refused alone."""
    server.run(
        "CREATE TABLE people (id INTEGER PRIMARY KEY, "
        "boss INTEGER REFERENCES people (id) DEFERRABLE INITIALLY DEFERRED)"
    )

    @attrs.frozen
    class Employee:
        id: int
        boss: int | None

    pipeline = csvpipe.Pipeline(name="load", row_type=Employee, sink=SQLTable(server.url, "people"))

    record, errors = imported(pipeline, file_of([(1, 2), (2, None)], header="id,boss"))
    assert (2, []) == (record.processed_rows, errors)

    record, errors = imported(pipeline, file_of([(3, 1), (4, 99), (5, 3)], header="id,boss"))
    assert [(2, "foreign_key", "boss")] == [(error.row, error.code, error.column) for error in errors]
    assert [(1,), (2,), (3,), (5,)] == sorted(server.rows("SELECT id FROM people"))


class Loose(TypedDict):
    id: int
    name: str


MISFITS = [
    ({"table": "peple"}, Person, "there is no table 'peple' (did you mean 'people'?)"),
    ({"columns": {"name": "nmae"}}, Person, "has no column 'nmae' (did you mean 'name'?)"),
    ({}, TypedDict("Numbers", {"id": int}), "needs 'name', which no field of the rows fills"),
    ({"mode": "upsert", "key": "name"}, Person, "has no unique key of 'name'"),
    ({"mode": "upsert", "key": "id"}, TypedDict("Names", {"name": str}), "the rows have no 'id'"),
]


@pytest.mark.parametrize(("options", "row_type", "message"), MISFITS)
def test_a_table_that_does_not_fit_ends_the_job_before_its_first_row(
    database: Any, options: dict[str, Any], row_type: Any, message: str
) -> None:
    """The message names table and column, and the way out."""
    database.run(PEOPLE)
    table = SQLTable(database.url, **{"table": "people", **options})
    pipeline = csvpipe.Pipeline(name="load", row_type=row_type, sink=table, ordered=True)

    record, _ = imported(pipeline, file_of([(1, "a", 1)]))

    assert ("failed", "sink_failed", 0) == (record.status, record.error_code, record.processed_rows)
    assert message in str(record.error_message)
    assert str(record.error_message).endswith("then retry the job")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("typo.db", "there is no file '{path}'; create the database with its table, or correct the path"),
        ("no/people.db", "there is no folder '{path.parent}' for the file '{path}'; create"),
        ("", "'{path}' is a folder, not a file; create"),
        ("people.csv", "people.csv: file is not a database; name the file of a database"),
    ],
)
def test_a_file_that_is_no_database_ends_the_job_at_once(tmp_path: Path, name: str, message: str) -> None:
    """It is no outage that passes; and no file is made, as there would be no table in it."""
    (tmp_path / "people.csv").write_text("id,name\n" * 1_000, "utf-8")
    before, path = sorted(tmp_path.iterdir()), tmp_path / name
    sink = SQLTable(f"sqlite:///{path}", "people")

    record, _ = imported(csvpipe.Pipeline(name="load", row_type=Person, sink=sink), file_of([(1, "a", 1)]))

    assert ("failed", "sink_failed", 0) == (record.status, record.error_code, record.processed_rows)
    assert message.format(path=path) in str(record.error_message)
    assert str(record.error_message).endswith("then retry the job")
    assert before == sorted(tmp_path.iterdir())


def test_what_a_handler_returns_may_not_fit(database: Any) -> None:
    """That is only seen when it does."""
    database.run(PEOPLE)

    @csvpipe.pipeline(sink=SQLTable(database.url, "people"))
    def load(row: csvpipe.Row) -> object:
        return {"id": 1, "nane": "a"} if row["id"] == "1" else 7

    record, _ = imported(load, b"id\n1\n")
    assert "has no column 'nane' (did you mean 'name'?)" in str(record.error_message)
    record, _ = imported(load, b"id\n2\n")
    assert "the handler returned 7, which is no object with fields" in str(record.error_message)


def test_a_dry_run_writes_nothing(database: Any) -> None:
    """Neither rows nor tables of our own."""
    database.run(PEOPLE)
    pipeline = person_pipeline(database)

    async def main() -> csvpipe.JobRecord:
        async with csvpipe.WorkerPool(pipelines=[pipeline]) as pool:
            job = await pool.submit(pipeline, file_of([(1, "a", 1)]), dry_run=True)
            return await job.wait()

    record = anyio.run(main)

    assert ("completed", 1) == (record.status, record.processed_rows)
    assert [] == database.rows("SELECT * FROM people")
    assert "csvpipe_fence" not in sa.inspect(database.engine).get_table_names()


# Rows that are there already ------------------------------------------------------------------------------------------


def test_ignore_leaves_out_what_is_there(database: Any) -> None:
    """The first of several rows with one key stays, and all count as processed."""
    database.run(PEOPLE, "INSERT INTO people VALUES (1, 'here', NULL)")
    rows = [(1, "a", None), (2, "b", None), (2, "c", None), (3, None, None)]

    record, errors = imported(person_pipeline(database, mode="ignore"), file_of(rows))

    assert 3 == record.processed_rows
    assert ["not_null"] == [error.code for error in errors]
    assert [(1, "here"), (2, "b")] == sorted(database.rows("SELECT id, name FROM people"))


def test_upsert_overwrites_and_the_last_row_stays(database: Any) -> None:
    """Within a chunk and across chunks, and a refused row changes nothing."""
    database.run(PEOPLE, "INSERT INTO people VALUES (1, 'here', 7)")
    rows = [(1, "a", 1), (2, "b", 1), (2, "c", 2), (2, "d", 5000), (3, "e", 1)]
    rows += [(number, "x" * 15, number % 7) for number in range(4, 4_000)] + [(3, "z", 2)]
    pipeline = person_pipeline(database, mode="upsert", key="id", ordered=True)

    record, errors = imported(pipeline, file_of(rows), workers=2)

    assert [(4, "check")] == [(error.row, error.code) for error in errors]
    assert len(rows) - 1 == record.processed_rows
    found = database.rows("SELECT id, name, score FROM people WHERE id < 4 ORDER BY id")
    assert [(1, "a", 1), (2, "c", 2), (3, "z", 2)] == found


def test_keys_that_have_no_value_are_not_one_key(database: Any) -> None:
    """Rows with a NULL in the key never meet, so each of them is written."""
    database.run("CREATE TABLE people (id INTEGER, name TEXT, score REAL, UNIQUE (name))")
    rows = [(1, None, None), (2, None, None), (3, "a", None), (4, "a", None)]
    pipeline = person_pipeline(database, mode="upsert", key="name", ordered=True)

    imported(pipeline, file_of(rows))

    assert [(1,), (2,), (4,)] == sorted(database.rows("SELECT id FROM people"))


# Misuse ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "message"),
    [
        *(
            ({"url": f"{name}://host/db"}, f"writes to PostgreSQL and SQLite, not to '{name}'; write postgresql://")
            for name in ("mysql", "oracle", "mssql", "nosuch")
        ),
        ({"url": "sqlite+nosuch:///a.db"}, r"unknown driver 'sqlite\+nosuch'; write postgresql://"),
        ({"url": "postgresql+pg8000://host/db"}, r"driver of postgresql\+pg8000:// is not installed .*; write"),
        ({"url": "people.db"}, "not the URL of a database"),
        ({"url": "sqlite://"}, "SQLite in memory"),
        ({"mode": "replace"}, "there is 'insert', 'ignore', 'upsert'"),
        ({"mode": "upsert"}, "name the columns of its unique key"),
        ({"key": ["id"]}, "leave key= out"),
    ],
)
def test_misuse_is_told_at_once(options: dict[str, Any], message: str) -> None:
    """A sink that cannot work is no sink."""
    with pytest.raises(csvpipe.PipelineError, match=message):
        SQLTable(**{"url": "sqlite:///a.db", "table": "people", **options})


def test_a_pipeline_needs_a_handler_or_a_sink() -> None:
    """And without a handler a row type; a sink has to be one, and takes no coroutines and no time limits."""
    sink = SQLTable("sqlite:///a.db", "people")

    async def load(row: Person) -> None: ...

    with pytest.raises(csvpipe.PipelineError, match="has neither a handler nor sink="):
        csvpipe.Pipeline(name="load", row_type=Person)
    with pytest.raises(csvpipe.PipelineError, match="row_type= is missing"):
        csvpipe.Pipeline(name="load", sink=sink)
    with pytest.raises(TypeError, match="sink= takes a sink"):
        csvpipe.Pipeline(name="load", row_type=Person, sink="people")  # type: ignore[arg-type]
    with pytest.raises(csvpipe.PipelineError, match="no coroutine"):
        csvpipe.pipeline(sink=sink)(load)
    with pytest.raises(csvpipe.PipelineError, match="timeout= cannot be kept"):
        csvpipe.Pipeline(name="load", row_type=Person, sink=sink, timeout=1)
    with pytest.raises(csvpipe.PipelineError, match="add ordered=True"):
        csvpipe.Pipeline(name="load", row_type=Person, sink=SQLTable("sqlite:///a.db", "p", mode="upsert", key="id"))
