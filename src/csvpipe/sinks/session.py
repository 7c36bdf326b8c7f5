"""One worker's connection to a database that rows are written to, whichever database it is."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import groupby
from typing import TYPE_CHECKING, Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from csvpipe import fencing
from csvpipe.errors import FileError, TakenOverError, Unavailable
from csvpipe.jobs import JobId
from csvpipe.logs import about_job
from csvpipe.sink import DeferredError, Refusal, RefusedError
from csvpipe.sinks.refusals import refusal_of, trouble_of
from csvpipe.sinks.rows import Reader
from csvpipe.sinks.target import Target

if TYPE_CHECKING:
    from csvpipe.sinks.table import SQLTable

logger = logging.getLogger("csvpipe")

T = TypeVar("T")


class Session(ABC):
    """See `SinkSession`: what all databases have in common.

    Statements run on the driver's own connection, which commits by itself unless it is told `BEGIN`.

    Args:
        table: Whose session it is.
    """

    #: How a statement's value is marked.
    placeholder: str

    def __init__(self, table: SQLTable) -> None:
        self._table = table
        self._pooled: sa.PoolProxiedConnection | None = None
        self._connection: Any = None
        self._is_open = False
        self._job: tuple[JobId, int, int] | None = None
        self._target: Target
        self._reader: Reader

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {'connected' if self._connection is not None else 'idle'} of {self._table!r}>"

    # The contract -----------------------------------------------------------------------------------------------------

    def begin(self, job_id: JobId, attempt: int, start: int, *, is_strict: bool) -> str | None:
        """See `SinkSession`."""
        self.rollback()
        self._job = (job_id, attempt, start)
        was_connected = self._connection is not None
        try:
            return self._begun(job_id, attempt, start, is_strict=is_strict)
        except Unavailable:
            if not was_connected:
                raise
        # What has been idle for long may have been cut off, which says nothing of the database.
        return self._begun(job_id, attempt, start, is_strict=is_strict)

    def _begun(self, job_id: JobId, attempt: int, start: int, *, is_strict: bool) -> str | None:
        self._connect()
        with self._troubles():
            found = self._begin(job_id, attempt, start, is_strict=is_strict)
        self._is_open = True
        if found is None or found[0] != attempt:
            self.rollback()
            raise TakenOverError(job_id)
        result: str | None = found[1]
        return result

    def takes_columns(self, kinds: Mapping[str, str]) -> bool:  # noqa: ARG002
        """See `SinkSession`."""
        return False

    def write(self, rows: Sequence[object]) -> None:
        """See `SinkSession`."""
        first = 0
        is_whole = True
        refusals: dict[int, Refusal] = {}
        for (columns, values), alike in groupby(rows, key=self._reader.reading):
            group = list(alike)
            if is_whole and len(group) < len(rows):
                is_whole = False
                self._begin_parts()
            try:
                self._write(columns, map(values, group), len(group))
            except RefusedError as error:
                if is_whole:
                    raise
                if error.is_undone:
                    at = first + (error.suspect or 0)
                    raise RefusedError(error.refusal, at, is_sure=True, is_undone=True) from error
                if error.refusals:
                    refusals.update((first + at, refusal) for at, refusal in error.refusals.items())
                    first += len(group)
                    continue
                if not error.is_sure:
                    self._undo_parts()
                suspect = None if error.suspect is None else first + error.suspect
                if suspect is None and len(group) == 1:
                    suspect = first
                raise RefusedError(error.refusal, suspect, is_sure=error.is_sure) from error
            first += len(group)
        if refusals:
            raise RefusedError(refusals[min(refusals)], refusals=refusals)

    def commit(self, end: int, result: str) -> None:
        """See `SinkSession`."""
        assert self._job is not None, "begun"  # noqa: S101
        job_id, _, start = self._job
        with self._troubles():
            try:
                self._commit(fencing.marked(job_id, start, end, self.placeholder), result)
            except Exception as error:
                refusal = refusal_of(error, self._target)
                if refusal is None:
                    raise
                self.rollback()
                raise DeferredError(refusal.message) from error
        self._is_open = False
        self._ended()

    def rollback(self) -> None:
        """See `SinkSession`."""
        if self._is_open:
            self._is_open = False
            try:
                self._execute("ROLLBACK")
            except Exception:  # noqa: BLE001  # it is gone, and the transaction with it
                self.close()
        self._ended()

    def close(self) -> None:
        """See `SinkSession`."""
        self._is_open = False
        pooled, self._pooled, self._connection = self._pooled, None, None
        if pooled is not None:
            with suppress(Exception):
                pooled.invalidate()
        self._ended()

    # What the databases do each in its way ----------------------------------------------------------------------------

    @abstractmethod
    def _prepare(self) -> None:
        """Set a new connection up, which commits by itself from then on."""

    @abstractmethod
    def _begin(self, job_id: JobId, attempt: int, start: int, *, is_strict: bool) -> Sequence[Any] | None:
        """Begin a transaction; the fence's attempt, held until its end, and the marker's result."""

    @abstractmethod
    def _write(self, columns: tuple[str, ...], values: Iterator[Sequence[Any]], rows: int) -> None:
        """Write rows that have the same columns.

        Raises:
            RefusedError: At least one is not acceptable.
        """

    @abstractmethod
    def _begin_parts(self) -> None:
        """Before several calls of `_write` that must all succeed."""

    @abstractmethod
    def _undo_parts(self) -> None:
        """Undo what was written since `_begin_parts`."""

    @abstractmethod
    def _commit(self, marking: str, result: str) -> None:
        """Mark the delivery with its result, check what is checked at the end, and commit."""

    def _ended(self) -> None:  # noqa: B027  # not all have something to do then
        """After a transaction, whatever became of it, or when there was none."""

    # Details ----------------------------------------------------------------------------------------------------------

    def _connect(self) -> None:
        if self._connection is None:
            with self._troubles():
                self._target = self._table.target()
                self._reader = Reader(self._target, self._table.columns)
                self._pooled = self._table.connect()
                self._connection = self._pooled.driver_connection
                self._prepare()

    def _compare(self, written: int, rows: int) -> None:
        """Tell of rows that the table has neither taken nor refused, once for a job.

        It is a trigger that does so: it may leave rows out, or put them elsewhere, as its owner likes.
        """
        if 0 <= written < rows and self._job is not None and not self._table.may_meet_rows:
            job_id, attempt, _ = self._job
            if self._table.told_of != job_id:
                self._table.told_of = job_id
                logger.warning(
                    "%d of %d rows at once left no row in table %s, which did not refuse them: a trigger has left them "
                    "out, or put them elsewhere; they count as processed",
                    *(rows - written, rows, self._target.name),
                    extra=about_job(job_id, attempt=attempt),
                )

    def _column_of(self, field: str) -> str:
        return self._table.columns.get(field, field)

    def _execute(self, statement: str, values: Sequence[Any] | None = None) -> Any:
        cursor = self._connection.cursor()
        try:
            return cursor.execute(statement) if values is None else cursor.execute(statement, values)
        except Exception:
            cursor.close()
            raise

    def _row(self, statement: str) -> Sequence[Any] | None:
        row: Sequence[Any] | None = self._execute(statement).fetchone()
        return row

    def _troubles(self) -> _Troubles:
        return _Troubles(self)

    def trouble(self, error: BaseException) -> BaseException:
        """What an error of the database's comes to; the connection is closed, as nobody knows what it is good for."""
        self.close()
        self._table.forget_target()
        return trouble_of(error, self._table.address)


class _Troubles:
    """Turns what the database raises into what a session raises."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def __enter__(self) -> None:
        pass

    def __exit__(self, _kind: object, error: BaseException | None, _traceback: object) -> None:
        ours = (Unavailable, FileError, RefusedError, DeferredError, TakenOverError)
        if error is not None and isinstance(error, Exception) and not isinstance(error, ours):
            error = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
            raise self._session.trouble(error) from error
