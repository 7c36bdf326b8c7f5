"""`Context.transaction`: what a handler does in its own transaction happens once for each row."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, NoReturn
from uuid import UUID

import anyio
import psycopg
import pytest
import sqlalchemy as sa

import csvpipe
from csvpipe.context import Context
from csvpipe.errors import TakenOverError
from csvpipe.jobs import JobId
from csvpipe.transactions import DoneRowsError

JOB = JobId(UUID(int=7))
Open = Callable[[], Any]


def context_of(*rows: int, attempt: int = 1, **more: Any) -> Context:
    """The context of one call."""
    about = {"filename": "", "owner": None, "dry_run": False, **more}
    return Context(job_id=JOB, root_id=JOB, attempt=attempt, rows=rows, lines=rows, **about)


@pytest.fixture(params=["sqlalchemy", "driver", "driver that commits"])
def opened(request: pytest.FixtureRequest, database: Any) -> Open:
    """Opens connections of each kind to a database with a table of numbers."""
    database.run("CREATE TABLE numbers (n INTEGER)")

    @contextmanager
    def connect() -> Iterator[Any]:
        if request.param == "sqlalchemy":
            connection: Any = database.engine.connect()
        elif database.kind == "sqlite":
            connection = sqlite3.connect(database.engine.url.database)
            if request.param == "driver that commits":
                connection.isolation_level = None
        else:
            url = database.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
            connection = psycopg.connect(url, autocommit=request.param == "driver that commits")
        try:
            yield connection
        finally:
            connection.close()

    return connect


def insert(connection: Any, number: int) -> None:
    """What a handler does."""
    statement = f"INSERT INTO numbers VALUES ({number})"  # noqa: S608  # a number
    connection.exec_driver_sql(statement) if hasattr(connection, "exec_driver_sql") else connection.execute(statement)


def numbers(database: Any) -> list[int]:
    """All that is in the table."""
    return sorted(n for (n,) in database.rows("SELECT n FROM numbers"))


def test_rows_that_are_done_are_not_done_again(database: Any, opened: Open) -> None:
    """Not by a later attempt, and not by another call of the same one; a batch learns which of its rows are left."""
    with opened() as connection:
        for row in (1, 2):
            with context_of(row).transaction(connection) as given:
                assert given is connection
                insert(connection, row)
        for attempt in (1, 2):
            with pytest.raises(DoneRowsError) as info, context_of(1, 2, 3, attempt=attempt).transaction(connection):
                insert(connection, 99)
            assert [0, 1] == info.value.rows
        with context_of(3, attempt=2).transaction(connection):
            insert(connection, 3)

    assert [1, 2, 3] == numbers(database)


def test_rows_that_are_set_aside_are_not_done(database: Any, opened: Open) -> None:
    """What the handler rejects or skips is decided again when it comes again."""
    context = context_of(1, 2, 3, 4, 5)
    with opened() as connection:
        with context.transaction(connection):
            context.reject(1, "bad")
            context.skip([3])
        with pytest.raises(DoneRowsError) as info, context_of(1, 2, 3, 4, 5, 6).transaction(connection):
            pass

    assert [0, 2, 4] == info.value.rows


def test_what_raises_is_undone(database: Any, opened: Open) -> None:
    """With its note, so that the rows come again."""
    with opened() as connection:
        with pytest.raises(ZeroDivisionError), context_of(1).transaction(connection):  # noqa: PT012
            insert(connection, 1)
            raise ZeroDivisionError
        with context_of(1).transaction(connection):
            insert(connection, 2)

    assert [2] == numbers(database)


def test_a_zombie_is_kept_out(database: Any, opened: Open) -> None:
    """An attempt after which another one has come writes nothing."""
    with opened() as connection:
        with context_of(1, attempt=2).transaction(connection):
            insert(connection, 1)
        with pytest.raises(TakenOverError), context_of(2, attempt=1).transaction(connection):
            insert(connection, 2)

    assert [1] == numbers(database)


def test_a_dry_run_leaves_nothing(database: Any, opened: Open) -> None:
    """Neither rows nor notes, nor tables for these."""
    with opened() as connection, context_of(1, dry_run=True).transaction(connection):
        insert(connection, 1)

    assert [] == numbers(database)
    assert ["numbers"] == sa.inspect(database.engine).get_table_names()


def test_misuse(opened: Open) -> None:
    """Another transaction, within one or after one, a sink, and what is no connection."""
    with opened() as connection:
        context = context_of(1)
        with context.transaction(connection), pytest.raises(csvpipe.PipelineError, match="is in one already"):
            context_of(2).transaction(connection)
        with pytest.raises(csvpipe.PipelineError, match="a call has one transaction"):
            context.transaction(connection)
        with pytest.raises(csvpipe.PipelineError, match="the pipeline has a sink"):
            context_of(1, has_sink=True).transaction(connection)
    with pytest.raises(csvpipe.PipelineError, match="takes a synchronous connection"):
        context_of(1).transaction("connection")


class _LostAnswer:
    """A connection whose commit is made, and whose answer is lost."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self.dialect = connection.dialect

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)

    def commit(self) -> NoReturn:
        self._connection.commit()
        raise sa.exc.OperationalError("COMMIT", None, psycopg.OperationalError("lost"))


def test_a_commit_whose_outcome_is_unknown_is_looked_up(database: Any) -> None:
    """The call is made again as after any outage, and finds its rows done."""
    database.run("CREATE TABLE numbers (n INTEGER)")
    calls: list[int] = []

    @csvpipe.pipeline(retry=csvpipe.Retry(backoff_seconds=0))
    def book(row: csvpipe.Row, ctx: csvpipe.Context) -> None:
        calls.append(ctx.row)
        with database.engine.connect() as connection:
            is_lost = calls.count(ctx.row) == 1 and ctx.row == 2 and connection.dialect.name
            with ctx.transaction(_LostAnswer(connection) if is_lost else connection):
                insert(connection, ctx.row)

    # The tables are made first: that takes a commit, too.
    with database.engine.connect() as connection, context_of(1).transaction(connection):
        pass
    [record] = csvpipe.run(book, b"n\n1\n2\n3\n", workers=1)

    assert (3, 0) == (record.processed_rows, record.failed_rows)
    assert [1, 2, 3] == numbers(database)
    assert 2 == calls.count(2)


def test_a_batch_that_fails_after_its_commit_is_not_done_twice(database: Any) -> None:
    """Bisection hands its rows over again; they are found to be done."""
    database.run("CREATE TABLE numbers (n INTEGER)")

    @csvpipe.pipeline(batch_size=4)
    def book(rows: list[csvpipe.Row], ctx: csvpipe.Context) -> None:
        with database.engine.connect() as connection, ctx.transaction(connection):
            for row in ctx.rows:
                insert(connection, row)
        raise ZeroDivisionError

    [record] = csvpipe.run(book, b"n\n" + b"1\n" * 10, workers=1)

    assert (10, 0) == (record.processed_rows, record.failed_rows)
    assert list(range(1, 11)) == numbers(database)


class _Crashing(csvpipe.MemoryJobStore):
    """A store to which the first attempt commits nothing."""

    def commit(self, lease: Any, results: Any, **more: Any) -> Any:
        if lease.token == 1:
            raise RuntimeError("dead")
        return super().commit(lease, results, **more)

    def settle(self, lease: Any, verb: Any, **more: Any) -> Any:
        if lease.token == 1:
            raise RuntimeError("dead")
        return super().settle(lease, verb, **more)


@pytest.mark.parametrize("is_async", [False, True])
def test_after_a_takeover_every_row_is_done_once(
    database: Any, monkeypatch: pytest.MonkeyPatch, *, is_async: bool
) -> None:
    """The second attempt is handed all rows, and runs the handler's body for none that the first has done."""
    monkeypatch.setattr("csvpipe.pool.commits._PAUSES", ())
    database.run("CREATE TABLE numbers (n INTEGER)")

    def book(row: csvpipe.Row, ctx: csvpipe.Context) -> None:
        with database.engine.connect() as connection, ctx.transaction(connection):
            insert(connection, ctx.row)

    async def book_in_loop(row: csvpipe.Row, ctx: csvpipe.Context) -> None:
        book(row, ctx)

    pipeline: Any = csvpipe.pipeline(name="book")(book_in_loop if is_async else book)
    store = _Crashing()

    async def main() -> csvpipe.JobRecord:
        async with csvpipe.WorkerPool(store, pipelines=[pipeline], lease_seconds=0.4, workers=2) as pool:
            job = await pool.submit(pipeline, b"n\n" + b"1\n" * 30)
            return await job.wait()

    record = anyio.run(main)

    assert ("completed", 30, 0) == (record.status, record.processed_rows, record.failed_rows)
    assert record.attempt > 1
    assert list(range(1, 31)) == numbers(database)


def test_misuse_in_a_handler_ends_the_job(database: Any) -> None:
    """It is no row's fault."""
    database.run("CREATE TABLE numbers (n INTEGER)")

    @csvpipe.pipeline
    def book(row: csvpipe.Row, ctx: csvpipe.Context) -> None:
        with ctx.transaction("sqlite:///numbers.db"):
            pass

    [record] = csvpipe.run(book, b"n\n1\n2\n")

    assert ("failed", "aborted", 0) == (record.status, record.error_code, record.failed_rows)
    assert "takes a synchronous connection" in str(record.error_message)


def test_the_file_of_the_job_store_is_refused(tmp_path: Path) -> None:
    """A handler that is slow would keep the store from writing."""
    file = tmp_path / "jobs.db"

    @csvpipe.pipeline
    def book(row: csvpipe.Row, ctx: csvpipe.Context) -> None:
        with closing(sqlite3.connect(file)) as connection, ctx.transaction(connection):
            pass

    with csvpipe.SQLJobStore(f"sqlite:///{file}") as store:
        [record] = csvpipe.run(book, b"n\n1\n2\n", store=store)

    assert ("failed", "aborted", 0) == (record.status, record.error_code, record.failed_rows)
    assert "is the job store's own file" in str(record.error_message)
