"""Worker processes that are killed, before, while and after they deliver."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import sink_handlers
from process_handlers import told

import csvpipe

PEOPLE = "CREATE TABLE people (id INTEGER PRIMARY KEY, name VARCHAR(20) NOT NULL)"
CONTENT = b"id,name\n" + b"".join(b"%d,name %d\n" % (number, number) for number in range(1, 3_001))


@pytest.mark.parametrize("where", ["amid the rows", "after a commit", "in a handler"])
def test_a_worker_that_is_killed_costs_nothing(
    database: Any, shared: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    """Each row is in the table once; only the row that kills whoever handles it is set aside."""
    database.run(PEOPLE)
    monkeypatch.setenv(sink_handlers.URL, database.url)
    monkeypatch.setenv("CSVPIPE_TEST_DEATH", where)
    has_handler = where == "in a handler"
    pipeline = sink_handlers.made_people if has_handler else sink_handlers.into_people
    store = csvpipe.MemoryJobStore()

    [record] = csvpipe.run(pipeline, CONTENT, store=store, executor="process", workers=2)

    assert [where] == told(shared, "deaths")
    lost = [700] if has_handler else []
    assert ("completed", 3_000 - len(lost)) == (record.status, record.processed_rows)
    assert lost == [error.row for _, error in store.row_errors(record.id) if error.code == "worker_lost"]
    found = sorted(number for (number,) in database.rows("SELECT id FROM people"))
    assert [number for number in range(1, 3_001) if number not in lost] == found
