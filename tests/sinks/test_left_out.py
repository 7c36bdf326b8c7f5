"""Rows that a table takes in its own way: without an error, or not as they are."""

from __future__ import annotations

import logging
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import attrs
import pytest

import csvpipe
from csvpipe.sinks import SQLTable


@attrs.frozen
class Named:
    id: int
    name: str


def left_out(database: Any) -> None:
    """Make a table with a trigger that leaves rows out."""
    database.run("CREATE TABLE t (id INTEGER, name TEXT)")
    if database.kind == "sqlite":
        database.run("CREATE TRIGGER x BEFORE INSERT ON t WHEN new.name = 'b' BEGIN SELECT RAISE(IGNORE); END")
    else:
        database.run(
            "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS "
            "'BEGIN IF new.name = ''b'' THEN RETURN NULL; END IF; RETURN new; END'",
            "CREATE TRIGGER x BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION f()",
        )


@pytest.mark.parametrize("by", ["columns", "objects"])
def test_rows_that_a_trigger_leaves_out_are_told_of_once(
    database: Any, caplog: pytest.LogCaptureFixture, by: str
) -> None:
    """They count as processed, since that is what the table's owner wants of them."""
    left_out(database)

    def keep(row: Named) -> Named:
        return row

    sink = SQLTable(database.url, "t")
    if by == "columns":
        pipeline: Any = csvpipe.Pipeline(name="load", row_type=Named, sink=sink)
    else:
        pipeline = csvpipe.pipeline(name="load", sink=sink)(keep)
    content = "id,name\n" + f"1,{'a' * 50}\n2,b\n3,{'c' * 50}\n" * 6_000  # several chunks
    with caplog.at_level(logging.WARNING, "csvpipe"):
        [record] = csvpipe.run(pipeline, content.encode())

    assert ("completed", 18_000, 0) == (record.status, record.processed_rows, record.failed_rows)
    assert [(12_000,)] == database.rows("SELECT count(*) FROM t")
    [said] = [each for each in caplog.records if "left no row in table t" in each.getMessage()]
    assert str(record.id) == said.__dict__["job_id"]


@pytest.mark.parametrize("mode", ["insert", "ignore"])
def test_nothing_is_told_of_rows_that_are_written_or_ignored(
    database: Any, caplog: pytest.LogCaptureFixture, mode: Any
) -> None:
    """What is there already is left out by the pipeline itself."""
    database.run("CREATE TABLE t (id INTEGER UNIQUE, name TEXT)")
    pipeline = csvpipe.Pipeline(name="load", row_type=Named, sink=SQLTable(database.url, "t", mode=mode))
    with caplog.at_level(logging.WARNING, "csvpipe"):
        csvpipe.run(pipeline, b"id,name\n1,a\n1,b\n3,c\n")

    assert [] == caplog.records


def test_a_decimal_that_a_numeric_column_of_sqlite_cannot_hold(make_database: Callable[[str], Any]) -> None:
    """It is refused, and not taken for infinite; a column of text keeps every digit."""

    @attrs.frozen
    class Priced:
        id: int
        price: Decimal
        text: Decimal

    database = make_database("sqlite")
    database.run("CREATE TABLE t (id INTEGER, price NUMERIC, text TEXT)")
    pipeline = csvpipe.Pipeline(name="load", row_type=Priced, sink=SQLTable(database.url, "t"))
    long = "123456789012345678901234567890.123"
    store = csvpipe.MemoryJobStore()
    [record] = csvpipe.run(pipeline, f"id,price,text\n1,1.10,{long}\n2,1e400,1\n3,-1e400,1\n".encode(), store=store)

    assert [(2, "out_of_range"), (3, "out_of_range")] == [(e.row, e.code) for _, e in store.row_errors(record.id)]
    assert [(1, 1.1, long)] == database.rows("SELECT * FROM t")
