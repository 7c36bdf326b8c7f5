"""What a handler's own transactions have noted is removed when it is of no use any more."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from uuid import uuid4

import csvpipe
from csvpipe.transactions import forget


def test_notes_of_a_job_are_forgotten(tmp_path: Path) -> None:
    """Those of one job go, in every table; those of others stay. To forget again is no error."""
    path = tmp_path / "shop.db"

    @csvpipe.pipeline
    def handle(row: csvpipe.Row, ctx: csvpipe.Context) -> None:
        with closing(sqlite3.connect(path)) as connection, ctx.transaction(connection):
            connection.execute("SELECT 1")

    first, second = csvpipe.run(handle, b"id\n1\n", b"id\n2\n")
    with closing(sqlite3.connect(path)) as connection:
        for _ in range(2):
            forget(connection, first.id)
        fenced = connection.execute("SELECT job FROM csvpipe_fence").fetchall()
        noted = connection.execute("SELECT job FROM csvpipe_rows_done").fetchall()
        forget(connection, first.id, second.id)
        rows = connection.execute("SELECT count(*) FROM csvpipe_rows_done").fetchone()

    assert ([(second.id.hex,)],) * 2 == (fenced, noted)
    assert (0,) == rows


def test_where_nothing_was_noted_there_is_nothing_to_forget(tmp_path: Path) -> None:
    """The tables are not made for it."""
    with closing(sqlite3.connect(tmp_path / "shop.db")) as connection:
        forget(connection, uuid4())
        assert [] == connection.execute("SELECT name FROM sqlite_master").fetchall()
