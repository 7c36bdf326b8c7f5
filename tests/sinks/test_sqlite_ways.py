"""Tables of SQLite with their own way with rows that they do not take: nothing is lost, nothing is there twice."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs
import pytest

import csvpipe
from csvpipe.sinks import SQLTable


@attrs.frozen
class Named:
    id: int
    name: str | None


@pytest.fixture
def database(make_database: Callable[[str], Any]) -> Any:
    """An empty one."""
    return make_database("sqlite")


def imported(
    database: Any, rows: list[tuple[int, str]], *, by: str = "columns", mode: Any = "insert", **more: Any
) -> tuple[csvpipe.JobRecord, list[csvpipe.RowError]]:
    """Import rows, as columns or from a handler; the job's record and its row errors."""
    sink = SQLTable(database.url, "t", mode=mode)

    def keep(row: Named) -> Named:
        return row

    def vary(row: Named) -> object:
        return row if row.id % 3 else {"name": row.name, "id": row.id}

    if by == "columns":
        pipeline: Any = csvpipe.Pipeline(name="load", row_type=Named, sink=sink, **more)
    else:
        pipeline = csvpipe.pipeline(name="load", sink=sink, **more)(keep if by == "objects" else vary)
    content = "id,name\n" + "".join(f"{number},{name}\n" for number, name in rows)
    store = csvpipe.MemoryJobStore()
    [record] = csvpipe.run(pipeline, content.encode(), store=store)
    return record, [error for _, error in store.row_errors(record.id, limit=10_000)]


def trigger(saying: str, when: str = "BEFORE") -> str:
    """A trigger that says so of rows with the name `bad`."""
    return f"CREATE TRIGGER x {when} INSERT ON t WHEN new.name = 'bad' BEGIN SELECT RAISE({saying}); END"


@pytest.mark.parametrize("by", ["columns", "objects", "objects of several kinds"])
@pytest.mark.parametrize("saying", ["ROLLBACK, 'no'", "FAIL, 'no'", "ABORT, 'no'"])
@pytest.mark.parametrize("when", ["BEFORE", "AFTER"])
def test_a_trigger_that_ends_the_transaction_refuses_its_row(database: Any, by: str, saying: str, when: str) -> None:
    """All others are written once, together with their marker, whatever has become of the transaction meanwhile."""
    database.run("CREATE TABLE t (id INTEGER, name TEXT)", trigger(saying, when))
    bad = {3, 4, 50, 99}
    rows = [(number, "bad" if number in bad else "good") for number in range(100)]

    record, errors = imported(database, rows, by=by)

    assert ("completed", 96, 4) == (record.status, record.processed_rows, record.failed_rows)
    assert [(number + 1, "database") for number in sorted(bad)] == [(error.row, error.code) for error in errors]
    assert [number for number in range(100) if number not in bad] == [
        number for (number,) in database.rows("SELECT id FROM t ORDER BY id")
    ]
    assert [(1,)] == database.rows("SELECT count(*) FROM csvpipe_markers")


@pytest.mark.parametrize("by", ["columns", "objects"])
def test_the_first_bad_row_ends_the_job_although_the_transaction_is_gone(database: Any, by: str) -> None:
    """What stands before it is written, and nothing behind it."""
    database.run("CREATE TABLE t (id INTEGER, name TEXT)", trigger("ROLLBACK, 'no'"))
    rows = [(number, "bad" if number in {40, 60} else "good") for number in range(100)]

    record, errors = imported(database, rows, by=by, on_error="fail")

    assert ("failed", "row_error", 40) == (record.status, record.error_code, record.processed_rows)
    assert [41] == [error.row for error in errors]
    assert [(40, 39)] == database.rows("SELECT count(*), max(id) FROM t")


def test_a_deferred_constraint_and_a_trigger_that_ends_the_transaction(database: Any) -> None:
    """Rows that are written one by one, as one of them refers to nothing, are begun anew without the refused one."""
    database.run(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT REFERENCES t2 DEFERRABLE INITIALLY DEFERRED)",
        "CREATE TABLE t2 (name TEXT PRIMARY KEY)",
        "INSERT INTO t2 VALUES ('good'), ('bad')",
        trigger("ROLLBACK, 'no'"),
    )
    rows = [(1, "good"), (2, "astray"), (3, "bad"), (4, "good"), (5, "bad"), (6, "good")]

    record, errors = imported(database, rows)

    assert ("completed", 3) == (record.status, record.processed_rows)
    assert [(2, "foreign_key"), (3, "database"), (5, "database")] == [(error.row, error.code) for error in errors]
    assert [(1,), (4,), (6,)] == database.rows("SELECT id FROM t ORDER BY id")


@pytest.mark.parametrize("by", ["columns", "objects"])
@pytest.mark.parametrize("way", ["ROLLBACK", "ABORT", "FAIL", "IGNORE", "REPLACE"])
def test_what_a_constraint_does_on_conflict_loses_no_row(database: Any, by: str, way: str) -> None:
    """With `mode="insert"` a row whose key is there is refused, the first one stays; so is one that lacks a value."""
    database.run(
        f"CREATE TABLE t (id INTEGER UNIQUE ON CONFLICT {way}, name TEXT NOT NULL on\nconflict {way} DEFAULT 'x')"
    )

    record, errors = imported(database, [(1, "a"), (1, "b"), (2, ""), (3, "c")], by=by)

    assert ("completed", 2, 2) == (record.status, record.processed_rows, record.failed_rows)
    assert [(2, "unique"), (3, "not_null")] == [(error.row, error.code) for error in errors]
    assert [(1, "a"), (3, "c")] == database.rows("SELECT id, name FROM t ORDER BY id")


def test_what_a_constraint_does_on_conflict_and_rows_that_may_be_there(database: Any) -> None:
    """`mode="ignore"` leaves out what is there already, and no other row."""
    database.run("CREATE TABLE t (id INTEGER UNIQUE ON CONFLICT FAIL, name TEXT NOT NULL ON CONFLICT IGNORE)")

    record, errors = imported(database, [(1, "a"), (1, "b"), (2, ""), (3, "c")], mode="ignore")

    assert (3, 1) == (record.processed_rows, record.failed_rows)
    assert [(3, "not_null")] == [(error.row, error.code) for error in errors]
    assert [(1, "a"), (3, "c")] == database.rows("SELECT id, name FROM t ORDER BY id")


def test_what_triggers_do_on_conflict_is_left_to_them(database: Any) -> None:
    """A statement that says otherwise would overrule them."""
    database.run(
        "CREATE TABLE t (id INTEGER UNIQUE ON CONFLICT ROLLBACK, name TEXT)",
        "CREATE TABLE names (name TEXT UNIQUE)",
        "CREATE TRIGGER x AFTER INSERT ON t BEGIN INSERT OR IGNORE INTO names VALUES (new.name); END",
    )

    record, errors = imported(database, [(1, "a"), (2, "a"), (2, "b"), (3, "a")])

    assert (3, ["unique"]) == (record.processed_rows, [error.code for error in errors])
    assert [(1,), (2,), (3,)] == database.rows("SELECT id FROM t ORDER BY id")
    assert [("a",)] == database.rows("SELECT name FROM names")
