"""Rows to PostgreSQL: COPY, straight into the table, or by way of a temporary one where rows may be there already."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa

from csvpipe import fencing
from csvpipe.errors import FileError, Unavailable
from csvpipe.jobs import JobId
from csvpipe.sink import RefusedError
from csvpipe.sinks.refusals import line_of, refusal_of
from csvpipe.sinks.session import Session
from csvpipe.sinks.values import for_postgresql

#: A transaction of ours holds no handler: who is silent in it for so long is frozen, and must not keep the fence from
#: being raised. A lock is waited for only so long before the delivery is tried again.
_SETTINGS: Final = (
    "SET client_encoding = 'UTF8'; SET idle_in_transaction_session_timeout = '10s'; SET lock_timeout = '30s'"
)

#: Types of columns that make the same of what Arrow writes for a kind of cells as of Python's value.
_SAME: Final[Mapping[str, Any]] = {
    "str": sa.types.TypeEngine,
    "int": (sa.Integer, sa.Numeric, sa.Float),
    "float": sa.Float,
    "decimal": (sa.Numeric, sa.Float),
    "bool": sa.Boolean,
    "date": sa.Date,
    "datetime": sa.DateTime,
    "time": sa.Time,
    "uuid": sa.Uuid,
    "enum": sa.String,
}

#: The same for the text of the cells; an integer of PostgreSQL has no more than 64 bits, and a `REAL` would be rounded
#: once where a number of 64 bits is rounded twice.
_SAME_TEXT: Final[Mapping[str, Any]] = {
    **_SAME,
    "int": sa.Integer,
    "float": sa.Double,
    "decimal": sa.Numeric,
}

#: Where a row stood among those that were written together.
_NUMBER: Final = "csvpipe_row"


def _is_same(kind: Any, cells: str) -> bool:
    """Whether a column of this type, or None for no column, makes the same of both."""
    if cells not in _SAME or not isinstance(kind, _SAME[cells]):
        return False
    if cells == "enum":  # a member has to find its label
        return not isinstance(kind, sa.Enum)
    # Arrow writes as many digits as there may be behind the point, and a column of no such number keeps them.
    return cells != "decimal" or isinstance(kind, sa.Float) or kind.scale is not None


def name_of(job_id: UUID, attempt: int) -> str:
    """By which an attempt's connections are known to the server."""
    return f"csvpipe {job_id.hex} {attempt:d}"


class PostgreSQLSession(Session):
    """See `Session`."""

    placeholder = "%s"

    def _prepare(self) -> None:
        self._connection.autocommit = True
        self._execute(_SETTINGS)
        self._name = ""
        self._adapts: dict[tuple[str, ...], list[Any]] = {}
        self._trusts_bytes, self._doubts_bytes = True, False

    def _begin(self, job_id: JobId, attempt: int, start: int, *, is_strict: bool) -> Sequence[Any] | None:
        self._trusts_bytes, self._doubts_bytes = True, False
        name = name_of(job_id, attempt)
        if name != self._name:  # before the fence is read: by this name whoever raises it finds the connection
            self._execute(f"SET application_name = '{name}'")
            self._name = name
        strict = "SET CONSTRAINTS ALL IMMEDIATE; " if is_strict else ""
        # One statement for all of it: each is a way to the server and back.
        cursor = self._execute(
            f"BEGIN ISOLATION LEVEL READ COMMITTED; {strict}{fencing.present_with_marker(job_id, start)} FOR SHARE"
        )
        while cursor.nextset():
            pass
        row: Sequence[Any] | None = cursor.fetchone()
        return row

    def takes_columns(self, kinds: Mapping[str, str]) -> bool:
        """See `SinkSession`."""
        if self._table.may_meet_rows:
            return False
        try:
            self._connect()
        except (FileError, Unavailable):  # the delivery will say so
            return False
        types = self._target.columns
        found = ((types.get(self._column_of(name)), kind) for name, kind in kinds.items())
        return all(_is_same(given, kind) for given, kind in found)

    def write(self, rows: Any) -> None:
        """See `SinkSession`."""
        if isinstance(rows, list):
            super().write(rows)
            return
        from csvpipe._process.columns.delivery import csv_of  # noqa: PLC0415  # with the extra `fast`, as are columns

        batch = rows.batch
        # A single row goes by its values: where bytes were refused it is not said that this was a row's fault.
        if batch.num_rows > 1 and self._trusts_bytes and rows.raw is not None and self._reads_alike(rows.raw):
            try:
                self._write_raw(rows.raw, batch.num_rows)
            except RefusedError as error:
                self._doubts_bytes = error.suspect is not None
                raise
            return
        is_doubted, self._doubts_bytes = self._doubts_bytes and batch.num_rows == 1, False
        self._attempt(lambda: self._stream(batch.schema.names, "", csv_of(batch)), batch.num_rows)
        if is_doubted:  # the row is good, and its bytes were not
            self._trusts_bytes = False

    def _reads_alike(self, raw: Any) -> bool:
        types = self._target.columns
        found = ((types[self._column_of(name)], kind) for name, kind in raw.fields.items())
        return all(isinstance(given, _SAME_TEXT[kind]) and _is_same(given, kind) for given, kind in found)

    def _write_raw(self, raw: Any, rows: int) -> None:
        options = f", DELIMITER '{raw.delimiter}'"
        if raw.texts:
            texts = self._target.list_of([self._column_of(name) for name in raw.texts])
            options += f", FORCE_NOT_NULL ({texts})"
        self._attempt(lambda: self._stream(tuple(raw.fields), options, raw.data), rows)

    def _stream(self, names: Sequence[str], options: str, data: Any) -> None:
        """Copy CSV with the columns of these fields."""
        columns = self._target.list_of([self._column_of(name) for name in names])
        statement = f"COPY {self._target.quoted} ({columns}) FROM STDIN (FORMAT csv{options})"
        with self._connection.cursor() as cursor, cursor.copy(statement) as copy:
            copy.write(data)

    def _write(self, columns: tuple[str, ...], values: Iterator[Sequence[Any]], rows: int) -> None:
        taken = [0]
        self._attempt(lambda: self._copy(columns, values, taken), rows, taken)

    def _attempt(self, copy: Callable[[], None], rows: int, taken: Sequence[int] = (0,)) -> None:
        """Copy within a savepoint."""
        with self._troubles():
            self._execute("SAVEPOINT csvpipe_rows")
            try:
                copy()
            except Exception as error:
                refusal = refusal_of(error, self._target)
                if refusal is None:
                    raise
                suspect = line_of(error)
                if getattr(error, "sqlstate", None) is None:  # the driver's, about the row in hand
                    suspect = taken[0] - 1
                self._execute("ROLLBACK TO SAVEPOINT csvpipe_rows; RELEASE SAVEPOINT csvpipe_rows")
                is_one = suspect is not None and 0 <= suspect < rows
                raise RefusedError(refusal, suspect if is_one else None) from error
            self._execute("RELEASE SAVEPOINT csvpipe_rows")

    def _begin_parts(self) -> None:
        with self._troubles():
            self._execute("SAVEPOINT csvpipe_parts")

    def _undo_parts(self) -> None:
        with self._troubles():
            self._execute("ROLLBACK TO SAVEPOINT csvpipe_parts; RELEASE SAVEPOINT csvpipe_parts")

    def _commit(self) -> None:
        self._execute("SET CONSTRAINTS ALL IMMEDIATE")
        self._execute("COMMIT")

    # Copying ----------------------------------------------------------------------------------------------------------

    def _copy(self, columns: tuple[str, ...], values: Iterator[Sequence[Any]], taken: list[int]) -> None:
        target = self._target
        if columns not in self._adapts:
            self._adapts[columns] = [for_postgresql(target.columns[column]) for column in columns]
        listed = target.list_of(columns)
        if not self._table.may_meet_rows:
            self._copy_into(f"{target.quoted} ({listed})", columns, values, taken, is_numbered=False)
            return
        meeting = f"csvpipe_rows_{list(self._adapts).index(columns)}"
        self._execute(
            f"CREATE TEMPORARY TABLE IF NOT EXISTS {meeting} ON COMMIT DELETE ROWS AS "  # noqa: S608  # quoted
            f"SELECT 0::bigint AS {_NUMBER}, {listed} FROM {target.quoted} WITH NO DATA; TRUNCATE {meeting}"
        )
        self._copy_into(f"{meeting} ({_NUMBER}, {listed})", columns, values, taken, is_numbered=True)
        conflict = self._table.on_conflict(target, columns)
        for chosen in self._chosen(meeting, listed):
            self._execute(f"INSERT INTO {target.quoted} ({listed}) {chosen} {conflict}")  # quoted

    def _chosen(self, meeting: str, listed: str) -> Iterator[str]:
        """Rows that no statement may have two of, as one key may not be written twice by one: mostly all of them.

        Else first the first ones of each key, then the second ones: so the last one stays, and one that is not
        acceptable is refused although another comes after it. They are in the order of keys, as two chunks that had it
        otherwise would lock each other out. What one key is the database says, which knows its collations; no two keys
        that have a NULL are one.
        """
        key = self._table.key
        if not key:
            yield f"SELECT {listed} FROM {meeting} ORDER BY {_NUMBER}"  # noqa: S608  # quoted
            return
        keys = self._target.list_of(key)
        nulls = " OR ".join(f"{self._target.quote(column)} IS NULL" for column in key)
        [most] = self._row(
            f"SELECT max(n) FROM (SELECT count(*) AS n FROM {meeting} WHERE NOT ({nulls}) GROUP BY {keys}) AS counted"  # noqa: S608
        ) or [None]
        if most is None or most == 1:
            yield f"SELECT {listed} FROM {meeting} ORDER BY {keys}, {_NUMBER}"  # noqa: S608  # quoted
            return
        for rank in range(1, most + 1):
            yield (
                f"SELECT {listed} FROM (SELECT *, CASE WHEN {nulls} THEN 1 ELSE row_number() "  # noqa: S608  # quoted
                f"OVER (PARTITION BY {keys} ORDER BY {_NUMBER}) END AS csvpipe_rank FROM {meeting}) AS ranked "
                f"WHERE csvpipe_rank = {rank} ORDER BY {keys}, {_NUMBER}"
            )

    def _copy_into(
        self,
        place: str,
        columns: tuple[str, ...],
        values: Iterator[Sequence[Any]],
        taken: list[int],
        *,
        is_numbered: bool,
    ) -> None:
        adapts = self._adapts[columns]
        with self._connection.cursor() as cursor, cursor.copy(f"COPY {place} FROM STDIN") as copy:
            for row in values:
                taken[0] += 1
                adapted = [adapt(value) for adapt, value in zip(adapts, row, strict=True)]
                copy.write_row((taken[0], *adapted) if is_numbered else adapted)
