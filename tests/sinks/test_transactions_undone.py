"""`Context.transaction` whose transaction does not last as long as its block, or which another call makes as well."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from typing import Any
from uuid import UUID

import psycopg
import pytest

import csvpipe
from csvpipe.context import Context
from csvpipe.jobs import JobId
from csvpipe.transactions import DoneRowsError, UndoneError

JOB = JobId(UUID(int=8))
KINDS = ["sqlalchemy", "driver", "driver that commits"]


def context_of(*rows: int) -> Context:
    """The context of one call."""
    return Context(job_id=JOB, root_id=JOB, attempt=1, rows=rows, lines=rows, filename="", owner=None, dry_run=False)


def connect(database: Any, kind: str = "driver") -> Any:
    """A connection of this kind, to be closed."""
    if kind == "sqlalchemy":
        return database.engine.connect()
    if database.kind == "sqlite":
        connection = sqlite3.connect(database.engine.url.database)
        if kind == "driver that commits":
            connection.isolation_level = None
        return connection
    url = database.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
    return psycopg.connect(url, autocommit=kind == "driver that commits")


def run(connection: Any, statement: str) -> Any:
    """Run a statement, whichever library it is."""
    is_sqlalchemy = hasattr(connection, "exec_driver_sql")
    return connection.exec_driver_sql(statement) if is_sqlalchemy else connection.execute(statement)


@pytest.fixture
def filled(database: Any) -> Any:
    """A database with a table that has a number, and ends transactions that would write it again."""
    conflict = "ON CONFLICT ROLLBACK" if database.kind == "sqlite" else ""
    database.run(f"CREATE TABLE numbers (n INTEGER UNIQUE {conflict})", "INSERT INTO numbers VALUES (1)")
    return database


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("is_marked", [False, True])
def test_an_error_that_was_caught_and_undid_all(filled: Any, kind: str, *, is_marked: bool) -> None:
    """What stands before it is undone, so the rows are not done, and the handler is told so."""
    with closing(connect(filled, kind)) as connection:
        context = context_of(5)
        with pytest.raises(UndoneError, match="an error was caught"), context.transaction(connection):  # noqa: PT012
            run(connection, "INSERT INTO numbers VALUES (2)")
            with pytest.raises(Exception, match=r"(?i)unique"):
                run(connection, "INSERT INTO numbers VALUES (1)")
            if filled.kind == "sqlite":
                run(connection, "UPDATE numbers SET n = 3 WHERE n = 2")
            if is_marked:
                context.reject(0, "bad")
        assert [(1,)] == filled.rows("SELECT n FROM numbers")
        with context_of(5).transaction(connection):
            run(connection, "INSERT INTO numbers VALUES (2)")

    assert [(1,), (2,)] == filled.rows("SELECT n FROM numbers ORDER BY n")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("verb", ["commit", "rollback"])
def test_a_block_that_ends_the_transaction_itself(filled: Any, kind: str, verb: str) -> None:
    """What comes after it would be outside of the fence."""
    with closing(connect(filled, kind)) as connection:
        with pytest.raises(UndoneError), context_of(5).transaction(connection):  # noqa: PT012
            getattr(connection, verb)()
            run(connection, "INSERT INTO numbers VALUES (2)")
        with context_of(5).transaction(connection):
            pass


@pytest.mark.parametrize("kind", KINDS)
def test_an_error_that_was_caught_around_a_savepoint(database: Any, kind: str) -> None:
    """Then the transaction goes on."""
    database.run("CREATE TABLE numbers (n INTEGER UNIQUE)", "INSERT INTO numbers VALUES (1)")
    with closing(connect(database, kind)) as connection, context_of(5).transaction(connection):
        run(connection, "SAVEPOINT mine")
        with pytest.raises(Exception, match=r"(?i)unique"):
            run(connection, "INSERT INTO numbers VALUES (1)")
        run(connection, "ROLLBACK TO SAVEPOINT mine")
        run(connection, "INSERT INTO numbers VALUES (2)")

    assert [(1,), (2,)] == database.rows("SELECT n FROM numbers ORDER BY n")
    assert [(5, 6)] == database.rows("SELECT first_row, end_row FROM csvpipe_rows_done")


def test_rows_of_a_transaction_that_was_undone_fail(filled: Any) -> None:
    """The job goes on with the others."""

    @csvpipe.pipeline
    def book(row: csvpipe.Row, ctx: csvpipe.Context) -> None:
        caught = suppress(sqlite3.IntegrityError, psycopg.IntegrityError)
        with closing(connect(filled)) as connection, ctx.transaction(connection), caught:
            run(connection, f"INSERT INTO numbers VALUES ({int(row['n'])})")  # noqa: S608  # a number

    store = csvpipe.MemoryJobStore()
    [record] = csvpipe.run(book, b"n\n2\n1\n3\n", store=store)

    assert ("completed", 2, 1) == (record.status, record.processed_rows, record.failed_rows)
    [(_, error)] = store.row_errors(record.id)
    assert (2, True) == (error.row, "over before the end of its block" in error.message)
    assert [(1,), (2,), (3,)] == filled.rows("SELECT n FROM numbers ORDER BY n")


@pytest.mark.parametrize("is_postgresql", [False, True])
def test_rows_may_come_as_the_application_likes(make_database: Callable[[str], Any], *, is_postgresql: bool) -> None:
    """A factory of rows that is set on the connection is the application's."""
    database = make_database("postgresql" if is_postgresql else "sqlite")
    with closing(connect(database)) as connection:
        connection.row_factory = psycopg.rows.dict_row if is_postgresql else lambda *_: {}
        with context_of(1).transaction(connection):
            pass
        with pytest.raises(DoneRowsError), context_of(1, 2).transaction(connection):
            pass


# The same rows at the same time ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("others", [range(50), range(10, 20), range(49, 300), range(30, 31), range(5_000)])
def test_another_call_for_the_same_rows_waits_and_finds_them_done(server: Any, others: range) -> None:
    """Wherever its rows begin: it does not run, and fails no row."""
    server.run("CREATE TABLE numbers (n INTEGER)")
    with context_of(0).transaction(connection := connect(server)):
        pass

    def again() -> list[int]:
        with (
            closing(connect(server)) as other,
            pytest.raises(DoneRowsError) as info,
            context_of(*others).transaction(other),
        ):
            run(other, "INSERT INTO numbers VALUES (99)")
        return [others[index] for index in info.value.rows]

    waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
    with closing(connection), ThreadPoolExecutor(1) as threads:
        with context_of(*range(1, 50)).transaction(connection):
            run(connection, "INSERT INTO numbers VALUES (1)")
            found = threads.submit(again)
            while not found.done() and server.rows(waiting) == [(0,)]:
                pass
        assert [row for row in others if row < 50] == found.result()

    assert [(1,)] == server.rows("SELECT n FROM numbers")


@pytest.mark.parametrize(("rows", "others"), [(range(50), range(100, 150)), (range(1), range(1, 2))])
def test_calls_for_other_rows_go_on_side_by_side(server: Any, rows: range, others: range) -> None:
    """Workers of one job do not wait for each other."""
    with closing(connect(server)) as one, closing(connect(server)) as other:
        with context_of(99_999).transaction(one):  # the tables are made first
            pass
        run(other, "SET lock_timeout = '5s'")
        other.commit()
        with context_of(*rows).transaction(one), context_of(*others).transaction(other):
            pass

    ends = [(rows[0], rows[-1] + 1), (others[0], others[-1] + 1)]
    assert ends == server.rows("SELECT first_row, end_row FROM csvpipe_rows_done ORDER BY 1 LIMIT 2")


def test_a_note_that_is_there_already_is_no_error_of_the_handler(server: Any) -> None:
    """Whoever has written it, the rows are done."""
    with closing(connect(server)) as connection:
        with context_of(1).transaction(connection):
            pass
        with pytest.raises(DoneRowsError) as info, context_of(5, 6).transaction(connection):
            server.run(f"INSERT INTO csvpipe_rows_done VALUES ('{JOB.hex}', 5, 6)")  # noqa: S608  # digits

    assert [0] == info.value.rows


class _Twice(Executor):
    """Does each task twice at the same time, and tells what the first or the last one to end has made of it."""

    def __init__(self, which: int) -> None:
        self.threads = ThreadPoolExecutor(8)
        self._max_workers = 2
        self._which = which

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """See `Executor`."""
        told: Future[Any] = Future()
        ended: list[Future[Any]] = []

        def end(one: Future[Any]) -> None:
            ended.append(one)
            if len(ended) == self._which:
                told.set_result(one.result())

        for _ in range(2):
            self.threads.submit(fn, *args, **kwargs).add_done_callback(end)
        return told


@pytest.mark.parametrize("which", [1, 2])
@pytest.mark.parametrize("batch_size", [None, 50])
def test_tasks_that_are_done_twice_at_the_same_time(server: Any, which: int, batch_size: int | None) -> None:
    """Every row is done once, and none has failed."""
    server.run("CREATE TABLE numbers (n INTEGER)")

    @contextmanager
    def setup() -> Iterator[Any]:
        with closing(connect(server)) as connection:
            yield connection

    def book(rows: Any, ctx: csvpipe.Context, connection: Any) -> None:
        with ctx.transaction(connection):
            for row in ctx.rows:
                run(connection, f"INSERT INTO numbers VALUES ({row})")  # noqa: S608  # a number

    def book_one(row: csvpipe.Row, ctx: csvpipe.Context, connection: Any) -> None:
        book([row], ctx, connection)

    def book_many(rows: list[csvpipe.Row], ctx: csvpipe.Context, connection: Any) -> None:
        book(rows, ctx, connection)

    if batch_size is None:
        pipeline: Any = csvpipe.pipeline(name="book", setup=setup)(book_one)
    else:
        pipeline = csvpipe.pipeline(name="book", setup=setup, batch_size=batch_size)(book_many)
    executor = _Twice(which)
    with executor.threads:
        [record] = csvpipe.run(pipeline, b"n\n" + b"1\n" * 200, executor=executor)

    assert ("completed", 200, 0) == (record.status, record.processed_rows, record.failed_rows)
    assert [(number,) for number in range(1, 201)] == server.rows("SELECT n FROM numbers ORDER BY n")
