"""Where a table refuses many rows: the same rows for the same reasons as one by one, but sooner."""

from __future__ import annotations

from typing import Any

import attrs
import pytest

import csvpipe
from csvpipe.sinks import SQLTable, postgresql, singly

ROWS = 300

TABLES = (
    "CREATE TABLE towns (id INTEGER PRIMARY KEY)",
    "INSERT INTO towns VALUES (1), (2)",
    """
    CREATE TABLE people (
        id INTEGER PRIMARY KEY, name VARCHAR(6) NOT NULL, code CHAR(3) UNIQUE, score NUMERIC(4, 1) CHECK (score < 100),
        town INTEGER REFERENCES towns (id)
    )
    """,
)


@attrs.frozen
class Person:
    id: int
    name: str | None
    code: str | None
    score: str | None
    town: int | None


def returned(person: Person) -> Person:
    """Rows as they are, by way of a handler."""
    return person


def lines() -> list[str]:
    """Rows of which most are refused, for reasons of all kinds."""
    found = []
    for number in range(1, ROWS + 1):
        cells = [str(number), f"n{number}", f"{number:03}", "9.5", "1"]
        match number % 8:
            case 1:
                cells[0] = "7"
            case 2:
                cells[1] = ""
            case 3:
                cells[1] = "too long"
            case 4:
                cells[2] = "003"
            case 5:
                cells[3] = "100"
            case 6:
                cells[4] = "3"
        found.append(",".join(cells))
    return found


def outcome(database: Any, mode: str, row_type: Any, **options: Any) -> tuple[Any, ...]:
    """What becomes of these rows, in an empty table."""
    database.run("DELETE FROM people")
    more: dict[str, Any] = {"mode": mode, "key": ["id"] if mode == "upsert" else ()}
    sink = SQLTable(database.url, "people", **more)
    if row_type is returned:
        load: Any = csvpipe.pipeline(sink=sink, ordered=mode == "upsert", **options)(returned)
    else:
        load = csvpipe.Pipeline(name="load", row_type=row_type, sink=sink, ordered=mode == "upsert", **options)
    store = csvpipe.MemoryJobStore()
    content = "\n".join(["id,name,code,score,town", *lines(), ""]).encode()
    [record] = csvpipe.run(load, content, store=store, workers=1)
    errors = [
        (error.row, error.code, error.column, error.message, error.value)
        for _, error in store.row_errors(record.id, limit=10_000)
    ]
    counts = (record.status, record.error_code, record.processed_rows, record.failed_rows)
    return counts, errors, sorted(database.rows("SELECT * FROM people"))


@pytest.mark.parametrize("row_type", [Person, returned, dict], ids=["columns", "handler", "texts"])
@pytest.mark.parametrize("mode", ["insert", "ignore", "upsert"])
def test_the_loop_and_the_search_come_to_the_same(
    server: Any, mode: str, row_type: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Row by row: written or refused, and for which reason, in which words, and for which column."""
    server.run(*TABLES)
    monkeypatch.setattr(postgresql, "_FEW", ROWS * 100)
    searched = outcome(server, mode, row_type)
    monkeypatch.setattr(postgresql, "_FEW", 2)
    inserts: list[object] = []
    insert = singly.Singly.insert
    monkeypatch.setattr(singly.Singly, "insert", lambda self, run: inserts.append(insert(self, run)) or inserts[-1])

    looped = outcome(server, mode, row_type)

    assert inserts
    assert searched == looped
    assert searched[0][3] > ROWS // 3


def test_the_first_of_many_ends_the_job(server: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """With `on_error="fail"` nothing behind it stays, though the server had gone on."""
    server.run(*TABLES)
    monkeypatch.setattr(postgresql, "_FEW", 0)

    counts, errors, rows = outcome(server, "insert", Person, on_error="fail")

    assert ("failed", "row_error", 1, 1) == counts
    assert [2] == [row for row, *_ in errors]
    assert [(7, "n1", "001", pytest.approx(9.5), 1)] == rows


def test_a_server_that_has_no_loops_is_searched(server: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its administrator may have taken away the language, or the right to temporary tables."""
    server.run(*TABLES)
    monkeypatch.setattr(postgresql, "_FEW", ROWS * 100)
    searched = outcome(server, "insert", Person)
    monkeypatch.setattr(postgresql, "_FEW", 2)
    monkeypatch.setattr(singly, "_LOOP", "DO LANGUAGE nowhere ''")

    assert searched == outcome(server, "insert", Person)


def test_rows_that_refer_to_nothing_at_the_end(database: Any) -> None:
    """Where constraints are deferred, those rows are refused alone, and those that refer to these."""
    database.run(
        "CREATE TABLE people (id INTEGER PRIMARY KEY, "
        "boss INTEGER REFERENCES people (id) DEFERRABLE INITIALLY DEFERRED)"
    )

    @attrs.frozen
    class Employee:
        id: int
        boss: int | None

    pipeline = csvpipe.Pipeline(name="load", row_type=Employee, sink=SQLTable(database.url, "people"))
    store = csvpipe.MemoryJobStore()
    rows = [(1, ""), (2, 1), (3, 99), (4, 3), (5, 2), (1, 5), (6, 98)]
    content = "\n".join(["id,boss", *(f"{number},{boss}" for number, boss in rows), ""]).encode()

    [record] = csvpipe.run(pipeline, content, store=store)

    errors = [(error.row, error.code) for _, error in store.row_errors(record.id, limit=10)]
    assert [(3, "foreign_key"), (4, "foreign_key"), (6, "unique"), (7, "foreign_key")] == errors
    assert [(1,), (2,), (5,)] == sorted(database.rows("SELECT id FROM people"))


def test_rows_of_a_table_without_places_end_the_job(make_database: Any) -> None:
    """SQLite does not tell which ones they are there; the message names the way out."""
    database = make_database("sqlite")
    database.run(
        "CREATE TABLE people (id INTEGER PRIMARY KEY, "
        "boss INTEGER REFERENCES people (id) DEFERRABLE INITIALLY DEFERRED) WITHOUT ROWID"
    )
    pipeline = csvpipe.Pipeline(name="load", row_type=dict, sink=SQLTable(database.url, "people"))

    [record] = csvpipe.run(pipeline, b"id,boss\n1,\n2,3\n")

    assert ("failed", "sink_failed") == (record.status, record.error_code)
    assert "make the constraint one that is checked at once" in str(record.error_message)
    assert [] == database.rows("SELECT id FROM people")
