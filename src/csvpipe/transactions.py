"""A handler's own transactions, which are made exactly once: `Context.transaction`.

The transaction also notes the rows that it has dealt with. Whoever is handed one of them again, after a crash that
nobody was told of, finds the note and does not do it a second time.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol
from uuid import UUID

from csvpipe import fencing
from csvpipe.errors import PipelineError, TakenOverError, Unavailable
from csvpipe.jobs import JobId
from csvpipe.ranges import ranges_of

if TYPE_CHECKING:
    import sqlite3

#: How often the fence is raised anew when others do so at the same time.
_ROUNDS: Final = 10

_LOCK_SECONDS: Final = 10


class DoneRowsError(BaseException):
    """Leaves a handler whose rows, some or all, have been dealt with by an earlier call; not an error of anybody's.

    Args:
        rows: Indices within the call.
    """

    def __init__(self, rows: Sequence[int]) -> None:
        super().__init__(rows)
        self.rows = rows


class Connection(Protocol):
    """What a transaction is made of, whichever library the connection is from."""

    is_postgresql: bool

    def begin(self) -> None:
        """Begin a transaction in which nobody can come between a look and a write."""
        ...

    def run(self, statement: str) -> Any:
        """Run a statement without values; what it returns has `fetchall` where it finds rows."""
        ...

    def commit(self) -> None:
        """Make it last."""
        ...

    def rollback(self) -> None:
        """Undo it."""
        ...


class Transaction:
    """One transaction of one call; see `Context.transaction`.

    Args:
        connection: The application's.
        job_id: As in `Context`.
        attempt: As in `Context`.
        rows: As in `Context`.
        dry_run: Whether nothing is to last.
        store_file: As in `Context`.
        marked: Indices of rows that the handler has rejected or skipped, by the end.
    """

    def __init__(
        self,
        connection: Any,
        *,
        job_id: JobId,
        attempt: int,
        rows: Sequence[int],
        dry_run: bool,
        store_file: str | None,
        marked: Callable[[], set[int]],
    ) -> None:
        self._given = connection
        self._connection = _adapted(connection)
        self._job_id = job_id
        self._attempt = attempt
        self._rows = rows
        self._dry_run = dry_run
        self._store_file = store_file
        self._marked = marked

    def __repr__(self) -> str:
        return f"<Transaction for {len(self._rows)} rows of job {self._job_id}>"

    def __enter__(self) -> Any:
        connection = self._connection
        if self._store_file is not None and not connection.is_postgresql:
            self._check_file(self._store_file)
        if self._dry_run:
            connection.begin()
            return self._given
        self._pass_fence()
        try:
            done = self._done()
        except BaseException:
            connection.rollback()
            raise
        if done:
            connection.rollback()
            raise DoneRowsError(done)
        return self._given

    def __exit__(self, kind: object, _error: object, _traceback: object) -> None:
        connection = self._connection
        if kind is not None or self._dry_run:
            connection.rollback()
            return
        try:
            marked = self._marked()
            ranges = list(ranges_of(row for index, row in enumerate(self._rows) if index not in marked))
            if ranges:
                connection.run(fencing.noted(self._job_id, ranges))
        except BaseException:
            with suppress(Exception):
                connection.rollback()
            raise
        try:
            connection.commit()
        except Exception as error:
            with suppress(Exception):
                connection.rollback()
            if type(_origin(error)).__name__ not in {"OperationalError", "InterfaceError", "AdminShutdown"}:
                raise  # constraints that are checked at the end
            # It may be made, or not: the next call looks.
            raise Unavailable(f"the outcome of a commit is unknown: {_origin(error)}") from error

    def _check_file(self, store_file: str) -> None:
        """The job store writes to its file every few seconds, and must not wait for handlers."""
        files = [Path(row[2]) for row in self._connection.run("PRAGMA database_list").fetchall() if row[2]]
        self._connection.rollback()
        if any(file.exists() and file.samefile(store_file) for file in files):
            raise PipelineError(
                f"Context.transaction: {store_file} is the job store's own file, which a handler must not "
                "lock; keep your tables in another file, or write them by sink=SQLTable(...)"
            )

    def _pass_fence(self) -> None:
        """Begin, and see that no later attempt has the job; let this one in where it is the first to come.

        Raises:
            TakenOverError: One has.
            Unavailable: An earlier one is in a transaction that does not end.
        """
        connection = self._connection
        for _ in range(_ROUNDS):
            connection.begin()
            present = self._present()
            if present == self._attempt:
                return
            connection.rollback()
            if present is not None and present > self._attempt:
                raise TakenOverError(self._job_id)
            self._raise()
        raise Unavailable(f"job {self._job_id}: its fence keeps changing")  # pragma: no cover

    def _present(self) -> int | None:
        """The attempt that may write, held until the end; None where there is none yet, or no table for it."""
        connection = self._connection
        lock = " FOR SHARE" if connection.is_postgresql else ""
        try:
            rows = connection.run(fencing.present(self._job_id) + lock).fetchall()
        except Exception as error:
            if not _is_missing_table(error):
                connection.rollback()
                raise
            connection.rollback()
            fencing.make_tables(self._has_table, self._run_alone)
            connection.begin()
            return None
        return int(rows[0][0]) if rows else None

    def _has_table(self, name: str) -> bool:
        connection = self._connection
        connection.begin()
        try:
            connection.run(f"SELECT 1 FROM {name} WHERE 1 = 0")  # noqa: S608  # one of our own names
        except Exception as error:
            if not _is_missing_table(error):
                raise
            return False
        finally:
            connection.rollback()
        return True

    def _run_alone(self, statement: str) -> None:
        """In a transaction of its own."""
        connection = self._connection
        connection.begin()
        try:
            connection.run(statement)
            connection.commit()
        except BaseException:
            with suppress(Exception):
                connection.rollback()
            raise

    def _raise(self) -> None:
        """In a transaction of its own: all that follow share the fence."""
        connection = self._connection
        connection.begin()
        try:
            if connection.is_postgresql:
                connection.run(f"SET LOCAL lock_timeout = '{_LOCK_SECONDS}s'")
            connection.run(fencing.raised(self._job_id, self._attempt))
            connection.commit()
        except Exception as error:
            with suppress(Exception):
                connection.rollback()
            if getattr(_origin(error), "sqlstate", None) == fencing.LOCKED:
                message = f"job {self._job_id}: an earlier attempt is in a transaction that does not end"
                raise Unavailable(message) from error
            raise

    def _done(self) -> list[int]:
        rows = self._rows
        found = self._connection.run(fencing.rows_done(self._job_id, min(rows), max(rows) + 1)).fetchall()
        if not found:
            return []
        return [index for index, row in enumerate(rows) if any(first <= row < end for first, end in found)]


def forget(connection: Any, *job_ids: UUID) -> None:
    """Remove what `Context.transaction` has noted of jobs that are deleted, or never go on, in one transaction.

    The notes are a few numbers a call, and harm nobody. Of a job that may still go on they must stay: its rows would
    be handled a second time.

    Args:
        connection: As for `Context.transaction`, with no transaction under way.
        job_ids: The jobs.
    """
    adapted = _adapted(connection)
    adapted.begin()
    try:
        for job_id in job_ids:
            for statement in fencing.forgotten(job_id):
                adapted.run(statement)
        adapted.commit()
    except BaseException as error:
        with suppress(Exception):
            adapted.rollback()
        if isinstance(error, Exception) and _is_missing_table(error):
            return  # nothing was ever noted
        raise


def _origin(error: BaseException) -> BaseException:
    """The driver's error in SQLAlchemy's."""
    return getattr(error, "orig", None) or error


def _is_missing_table(error: BaseException) -> bool:
    origin = _origin(error)
    return getattr(origin, "sqlstate", None) == fencing.NO_TABLE or "no such table" in str(origin)


# Connections of the libraries there are; none of these is imported ---------------------------------------------------


def _adapted(connection: Any) -> Connection:
    if "sqlite3" in sys.modules and isinstance(connection, sys.modules["sqlite3"].Connection):
        return _SQLite(connection)
    if hasattr(connection, "exec_driver_sql") and hasattr(connection, "dialect"):
        if connection.dialect.name in {"postgresql", "sqlite"} and not connection.dialect.is_async:
            return _SQLAlchemy(connection)
    elif type(connection).__module__.partition(".")[0] == "psycopg" and not hasattr(connection, "__aenter__"):
        return _Psycopg(connection)
    raise PipelineError(
        "Context.transaction takes a synchronous connection to PostgreSQL or SQLite: one of SQLAlchemy, psycopg or "
        f"sqlite3, not {connection!r}"
    )


def _check_free(is_free: bool) -> None:  # noqa: FBT001  # the one thing that it is about
    if not is_free:
        raise PipelineError(
            "Context.transaction begins a transaction, but the connection is in one already; commit it first"
        )


class _Driver:
    """What the two drivers have in common."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    def run(self, statement: str) -> Any:
        return self._connection.execute(statement)

    def commit(self) -> None:
        self._connection.commit()

    def rollback(self) -> None:
        self._connection.rollback()


class _SQLite(_Driver):
    is_postgresql = False

    def __init__(self, connection: sqlite3.Connection) -> None:
        _check_free(not connection.in_transaction)
        super().__init__(connection)

    def begin(self) -> None:
        self._connection.execute("BEGIN IMMEDIATE")


class _Psycopg(_Driver):
    is_postgresql = True

    def __init__(self, connection: Any) -> None:
        _check_free(int(connection.info.transaction_status) == 0)
        super().__init__(connection)

    def begin(self) -> None:
        if self._connection.autocommit:  # else the first statement does so by itself
            self._connection.execute("BEGIN")


class _SQLAlchemy:
    def __init__(self, connection: Any) -> None:
        _check_free(not connection.in_transaction())
        self._connection = connection
        self.is_postgresql = connection.dialect.name == "postgresql"

    def begin(self) -> None:
        self._connection.begin()
        if not self.is_postgresql:
            self._connection.exec_driver_sql("BEGIN IMMEDIATE")

    def run(self, statement: str) -> Any:
        return self._connection.exec_driver_sql(statement)

    def commit(self) -> None:
        self._connection.commit()

    def rollback(self) -> None:
        self._connection.rollback()
