"""Whatever the rows, and however they are cut: the table has what a model has, and the refused ones are told."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from typing import Any

import attrs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import csvpipe
from csvpipe.sinks import SQLTable

TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\r\n"), max_size=6)
ROWS = st.lists(st.tuples(st.integers(0, 12), st.none() | TEXTS, st.integers(-3, 9)), max_size=40)


@attrs.frozen
class Thing:
    id: int
    text: str | None
    size: int


def model(
    rows: list[tuple[int, str | None, int]], mode: str
) -> tuple[dict[int, tuple[Any, ...]], list[tuple[int, str]]]:
    """What one row after the other would come to: the table, and row and code of each that is refused."""
    table: dict[int, tuple[Any, ...]] = {}
    refused = []
    for number, (key, text, size) in enumerate(rows, start=1):
        if text is None or text == "":
            refused.append((number, "not_null"))
        elif size < 0:
            refused.append((number, "check"))
        elif key not in table or mode == "upsert":
            table[key] = (key, text, size)
        elif mode == "insert":
            refused.append((number, "unique"))
    return table, refused


@pytest.mark.parametrize("mode", ["insert", "ignore", "upsert"])
@given(data=st.data())
@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_table_is_what_rows_one_by_one_make_of_it(
    make_database: Callable[[str], Any], mode: Any, data: st.DataObject
) -> None:
    """With chunks in their order, and in both databases."""
    rows = data.draw(ROWS)
    kind = data.draw(st.sampled_from(["sqlite", "postgresql"]))
    database = make_database(kind)
    database.run("CREATE TABLE things (id INTEGER PRIMARY KEY, text TEXT NOT NULL, size INTEGER CHECK (size >= 0))")
    sink = SQLTable(database.url, "things", mode=mode, key=["id"] if mode == "upsert" else [])
    pipeline = csvpipe.Pipeline(name="load", row_type=Thing, sink=sink, ordered=True)
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerows([("id", "text", "size"), *rows])
    table, refused = model(rows, mode)
    store = csvpipe.MemoryJobStore()

    [record] = csvpipe.run(pipeline, file.getvalue().encode(), store=store, workers=2)

    assert sorted(table.values()) == sorted(database.rows("SELECT id, text, size FROM things"))
    assert refused == [(error.row, error.code) for _, error in store.row_errors(record.id)]
    assert len(rows) == record.processed_rows + record.failed_rows
    database.engine.dispose()
