"""A handler's own transactions, which are made exactly once: `Context.transaction`.

The transaction also notes the rows that it has dealt with. Whoever is handed one of them again, after a crash that
nobody was told of, finds the note and does not do it a second time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from csvpipe import fencing
from csvpipe.connections import adapted_to, origin_of
from csvpipe.errors import CsvPipeError, PipelineError, TakenOverError, Unavailable
from csvpipe.ranges import ranges_of

if TYPE_CHECKING:
    from csvpipe.jobs import JobId

#: How often the fence is raised anew when others do so at the same time.
_ROUNDS: Final = 10

_LOCK_SECONDS: Final = 10

#: The savepoint that is there exactly as long as the transaction, in SQLite.
_BLOCK: Final = "csvpipe_block"


class DoneRowsError(BaseException):
    """Leaves a handler whose rows, some or all, have been dealt with by an earlier call; not an error of anybody's.

    Args:
        rows: Indices within the call.
    """

    def __init__(self, rows: Sequence[int]) -> None:
        super().__init__(rows)
        self.rows = rows


class UndoneError(CsvPipeError):
    """A transaction was over before its block was: what the handler did in it does not stand, or not as one."""

    def __str__(self) -> str:
        return (
            "the transaction was over before the end of its block, so the rows are not noted as done: an error was "
            "caught after which the database undoes all of it, or the block has a commit or rollback of its own; let "
            "the error pass, or catch it around a savepoint"
        )


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
        self._connection = adapted_to(connection)
        self._job_id = job_id
        self._attempt = attempt
        self._rows = rows
        self._dry_run = dry_run
        self._store_file = store_file
        self._marked = marked
        self._number = 0

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
            if not done and not connection.is_postgresql:
                connection.run(f"SAVEPOINT {_BLOCK}")
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
            self._note(list(ranges_of(row for index, row in enumerate(self._rows) if index not in marked)))
        except BaseException as error:
            with suppress(Exception):
                connection.rollback()
            if getattr(origin_of(error), "sqlstate", None) == fencing.ABORTED:
                raise UndoneError from error
            if getattr(origin_of(error), "sqlstate", None) == fencing.NOT_UNIQUE:
                self._raise_if_done()
            raise
        try:
            connection.commit()
        except Exception as error:
            with suppress(Exception):
                connection.rollback()
            if type(origin_of(error)).__name__ not in {"OperationalError", "InterfaceError", "AdminShutdown"}:
                raise  # constraints that are checked at the end
            # It may be made, or not: the next call looks.
            raise Unavailable(f"the outcome of a commit is unknown: {origin_of(error)}") from error

    def _note(self, ranges: Sequence[tuple[int, int]]) -> None:
        """Note rows as done, in the transaction in which the block has begun.

        It may be another one by now: drivers begin one by themselves where there is none.
        """
        connection = self._connection
        if connection.is_postgresql:
            if not connection.run(fencing.noted_within(self._job_id, ranges, self._number)).fetchall():
                raise UndoneError
            return
        try:
            connection.run(f"RELEASE {_BLOCK}")
        except Exception as error:
            raise UndoneError from error
        if ranges:
            connection.run(fencing.noted(self._job_id, ranges))

    def _raise_if_done(self) -> None:
        """Somebody else has noted rows of the call."""
        connection = self._connection
        connection.begin()
        try:
            done = self._done()
        finally:
            connection.rollback()
        if done:
            raise DoneRowsError(done)

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
        connection, rows = self._connection, self._rows
        statement = fencing.present(self._job_id)
        if connection.is_postgresql:
            statement = fencing.present_and_alone(self._job_id, min(rows), max(rows) + 1)
        try:
            found = connection.run(statement).fetchall()
        except Exception as error:
            if not _is_missing_table(error):
                connection.rollback()
                raise
            connection.rollback()
            fencing.make_tables(self._has_table, self._run_alone)
            connection.begin()
            return None
        if not found:
            return None
        if connection.is_postgresql:
            self._number = int(found[0][1])
        return int(found[0][0])

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
            if getattr(origin_of(error), "sqlstate", None) == fencing.LOCKED:
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
    adapted = adapted_to(connection)
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


def _is_missing_table(error: BaseException) -> bool:
    origin = origin_of(error)
    return getattr(origin, "sqlstate", None) == fencing.NO_TABLE or "no such table" in str(origin)
