"""Tables and columns of any name."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest

import csvpipe
from csvpipe.sinks import SQLTable

#: Words that mean something to some database or other, and what means something to drivers and formats.
NAMES = [
    *("collation", "concurrently", "lateral", "system_user", "tablesample", "returning", "nothing", "select", "order"),
    *("50%", "%s", "%(x)s", ":x", "{x}", "?", 'a"b', "a'b", "a b", "a\\b", "a.b", "Größe", "x" * 63),
    *("csvpipe_row", "csvpipe_rank", "excluded", "state", "message", "single", "n", "c0"),
]


def quoted(name: str) -> str:
    """As statements have it."""
    return '"' + name.replace('"', '""') + '"'


def created(database: Any, statement: str) -> None:
    """Run a statement without values, whatever it has in it."""
    connection = database.engine.raw_connection()
    connection.driver_connection.execute(statement)
    connection.driver_connection.commit()
    connection.close()


def imported(database: Any, mode: Any, key: list[str], rows: list[list[str]]) -> csvpipe.JobRecord:
    """Import rows, of which the first one has the names."""
    sink = SQLTable(database.url, "t", mode=mode, key=key)
    pipeline = csvpipe.Pipeline(name="load", row_type=dict, sink=sink, ordered=mode == "upsert")
    content = io.StringIO()
    csv.writer(content).writerows(rows)
    [record] = csvpipe.run(pipeline, content.getvalue().encode())
    return record


@pytest.mark.parametrize("mode", ["insert", "ignore", "upsert"])
def test_columns_of_any_name(database: Any, mode: Any) -> None:
    """Rows reach them in every mode, also where the server tries many refused ones by itself, one by one."""
    columns = ", ".join(f"{quoted(name)} TEXT" for name in NAMES)
    created(database, f"CREATE TABLE t (id TEXT PRIMARY KEY CHECK (length(id) < 4), {columns})")
    numbers = ["1", "2", *(f"long{number}" for number in range(20)), "2", "3"]

    rows = [[number, *(f"{place} {name}" for name in NAMES)] for place, number in enumerate(numbers)]
    record = imported(database, mode, ["id"] if mode == "upsert" else [], [["id", *NAMES], *rows])

    twice = mode == "insert"
    assert ("completed", 4 - twice, 20 + twice) == (record.status, record.processed_rows, record.failed_rows)
    kept = [rows[0], rows[-2 if mode == "upsert" else 1], rows[-1]]
    assert [tuple(row) for row in kept] == database.rows("SELECT * FROM t ORDER BY id")


@pytest.mark.parametrize("name", ["collation", "50%", "%(x)s", 'a"b', "csvpipe_row", "state"])
def test_a_key_of_any_name(database: Any, name: str) -> None:
    """By which rows are found."""
    created(database, f"CREATE TABLE t (id TEXT CHECK (length(id) < 4), {quoted(name)} TEXT, UNIQUE ({quoted(name)}))")
    rows = [["1", "a"], ["2", "b"], *(["long", f"c{number}"] for number in range(20)), ["3", "b"]]

    record = imported(database, "upsert", [name], [["id", name], *rows])

    assert ("completed", 3, 20) == (record.status, record.processed_rows, record.failed_rows)
    assert [("1", "a"), ("3", "b")] == database.rows("SELECT * FROM t ORDER BY id")


@pytest.mark.parametrize("name", ["collation", "50%", 'a"b', "Order", "select"])
@pytest.mark.parametrize("mode", ["insert", "ignore"])
def test_a_table_of_any_name(database: Any, name: str, mode: Any) -> None:
    """In any schema, where there are some."""
    schema = None
    if database.kind == "postgresql":
        schema = f"{name} here {mode}"
        created(database, f"CREATE SCHEMA {quoted(schema)}")
    table = quoted(name) if schema is None else f"{quoted(schema)}.{quoted(name)}"
    created(database, f"CREATE TABLE {table} (a TEXT)")
    sink = SQLTable(database.url, name, schema=schema, mode=mode)

    [record] = csvpipe.run(csvpipe.Pipeline(name="load", row_type=dict, sink=sink), b"a\n1\n2\n")

    assert ("completed", 2, 0) == (record.status, record.processed_rows, record.failed_rows)
