"""Rows to PostgreSQL: COPY, straight into the table, or by way of a temporary one where rows may be there already."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa

from csvpipe import fencing, silence
from csvpipe.errors import FileError, Unavailable
from csvpipe.jobs import JobId
from csvpipe.sink import Refusal, RefusedError
from csvpipe.sinks.refusals import line_of, refusal_of
from csvpipe.sinks.session import Session
from csvpipe.sinks.singly import NOT_ALLOWED, Singly
from csvpipe.sinks.values import for_postgresql

#: A transaction of ours holds no handler: who is silent in it for so long is frozen, and must not keep the fence from
#: being raised. A lock is waited for only so long before the delivery is tried again.
_SETTINGS: Final = "; ".join(
    (
        "SET client_encoding = 'UTF8'",
        "SET idle_in_transaction_session_timeout = '10s'",
        "SET lock_timeout = '30s'",
        *(f"SET {name} = {value}" for name, value in silence.SERVER.items()),
    )
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

#: After so many refusals in a transaction, and as long as rows between two are no more than so many, each row is tried
#: by itself, which takes longer for a good one and much less for a bad one.
_FEW: Final = 6
_APART: Final = 250


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
        self._may_loop = True

    def _begin(self, job_id: JobId, attempt: int, start: int, *, is_strict: bool) -> Sequence[Any] | None:
        self._trusts_bytes, self._doubts_bytes, self._is_saved = True, False, False
        self._refusals = self._written = 0
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
        takes_bytes = batch.num_rows > 1 and self._trusts_bytes and not self._goes_singly(batch.num_rows)
        if takes_bytes and rows.raw is not None and self._reads_alike(rows.raw):
            try:
                self._write_raw(rows.raw, batch.num_rows)
            except RefusedError as error:
                self._doubts_bytes = error.suspect is not None
                raise
            return
        is_doubted, self._doubts_bytes = self._doubts_bytes and batch.num_rows == 1, False

        def copy_values(part: Any) -> None:
            self._attempt(lambda: self._stream(self._place(batch.schema.names), "", csv_of(part)), part.num_rows)

        columns = tuple(map(self._column_of, batch.schema.names))
        if not self._write_singly(
            columns,
            batch.num_rows,
            fill=lambda place: self._stream(place, "", csv_of(batch)),
            copy_one=lambda at: copy_values(batch.slice(at, 1)),
        ):
            copy_values(batch)
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
        self._attempt(lambda: self._stream(self._place(tuple(raw.fields)), options, raw.data), rows)

    def _place(self, names: Sequence[str]) -> str:
        """The columns of these fields."""
        return f"{self._target.quoted} ({self._target.list_of([self._column_of(name) for name in names])})"

    def _stream(self, place: str, options: str, data: Any) -> int:
        """Copy CSV; how many rows are there for it."""
        statement = f"COPY {place} FROM STDIN (FORMAT csv{options})"
        with self._connection.cursor() as cursor:
            with cursor.copy(statement) as copy:
                copy.write(data)
            return int(cursor.rowcount)

    def _write(self, columns: tuple[str, ...], values: Iterator[Sequence[Any]], rows: int) -> None:
        if not self._goes_singly(rows):
            taken = [0]
            self._attempt(lambda: self._copy(columns, values, taken), rows, taken)
            return
        kept = list(values)

        def copy_kept(begin: int, end: int) -> None:
            taken = [0]
            self._attempt(lambda: self._copy(columns, iter(kept[begin:end]), taken), end - begin, taken)

        if not self._write_singly(
            columns,
            rows,
            fill=lambda place: self._copy_into(place, columns, iter(kept), [0], is_numbered=False),
            copy_one=lambda at: copy_kept(at, at + 1),
        ):
            copy_kept(0, rows)

    def _attempt(self, copy: Callable[[], int], rows: int, taken: Sequence[int] = (0,)) -> None:
        """Copy within a savepoint; what copies tells how many rows there are for it."""
        with self._troubles():
            self._save()
            try:
                written = copy()
            except Exception as error:
                refusal = refusal_of(error, self._target)
                if refusal is None:
                    raise
                self._refusals += 1
                suspect = line_of(error)
                if getattr(error, "sqlstate", None) is None:  # the driver's, about the row in hand
                    suspect = taken[0] - 1
                self._restore()
                is_one = suspect is not None and 0 <= suspect < rows
                raise RefusedError(refusal, suspect if is_one else None) from error
            self._written += rows
            self._compare(written, rows)

    def _save(self) -> None:
        release = "RELEASE SAVEPOINT csvpipe_rows; " if self._is_saved else ""
        self._execute(f"{release}SAVEPOINT csvpipe_rows")
        self._is_saved = True  # until the next savepoint, or the commit, releases it

    def _restore(self) -> None:
        self._is_saved = False
        self._execute("ROLLBACK TO SAVEPOINT csvpipe_rows; RELEASE SAVEPOINT csvpipe_rows")

    def _goes_singly(self, rows: int) -> bool:
        """Whether so many are refused that it is faster to have the server try each row by itself."""
        is_worth_it = self._refusals >= _FEW and self._refusals * _APART >= self._written
        return rows > 1 and self._may_loop and is_worth_it

    def _write_singly(
        self,
        columns: tuple[str, ...],
        rows: int,
        *,
        fill: Callable[[str], object],
        copy_one: Callable[[int], None],
    ) -> bool:
        """Have the server try each row by itself; False if that is not worth it, or it cannot.

        Args:
            columns: Of the rows.
            rows: How many they are.
            fill: Copies all of them to a place.
            copy_one: Writes one of them as it is written otherwise.

        Raises:
            RefusedError: Of all that are refused.
        """
        if not self._goes_singly(rows):
            return False
        singly = Singly(self._target, columns, self._table.on_conflict(self._target, columns))
        with self._troubles():
            self._save()
            try:
                singly.prepare(self._execute)
                fill(singly.place)
                found = singly.insert(self._execute)
            except Exception as error:
                is_refused = refusal_of(error, self._target) is not None
                if not is_refused and not str(getattr(error, "sqlstate", "")).startswith(NOT_ALLOWED):
                    raise
                self._may_loop = is_refused
                self._restore()
                return False
        self._written += rows
        refusals: dict[int, Refusal] = {}
        for at, refusal in found.items():
            try:
                if refusal is None:
                    copy_one(at)
                    continue
                refusals[at] = refusal
            except RefusedError as error:
                refusals[at] = error.refusal
        self._refusals += len(refusals)
        if refusals:
            raise RefusedError(refusals[min(refusals)], refusals=refusals)
        return True

    def _begin_parts(self) -> None:
        with self._troubles():
            if self._is_saved:  # else its release would be that of the parts' as well
                self._execute("RELEASE SAVEPOINT csvpipe_rows")
                self._is_saved = False
            self._execute("SAVEPOINT csvpipe_parts")

    def _undo_parts(self) -> None:
        self._is_saved = False
        with self._troubles():
            self._execute("ROLLBACK TO SAVEPOINT csvpipe_parts; RELEASE SAVEPOINT csvpipe_parts")

    def _commit(self, marking: str, result: str) -> None:
        self._is_saved = False
        with self._connection.pipeline():  # three ways to the server and back would be three waits for a processor
            self._execute(marking, (result,))
            self._execute("SET CONSTRAINTS ALL IMMEDIATE")
            self._execute("COMMIT")

    # Copying ----------------------------------------------------------------------------------------------------------

    def _copy(self, columns: tuple[str, ...], values: Iterator[Sequence[Any]], taken: list[int]) -> int:
        target = self._target
        listed = target.list_of(columns)
        if not self._table.may_meet_rows:
            return self._copy_into(f"{target.quoted} ({listed})", columns, values, taken, is_numbered=False)
        self._adapts_of(columns)
        meeting, number = f"csvpipe_rows_{list(self._adapts).index(columns)}", target.free_name(_NUMBER)
        self._execute(
            f"CREATE TEMPORARY TABLE IF NOT EXISTS {meeting} ON COMMIT DELETE ROWS AS "  # noqa: S608  # quoted
            f"SELECT 0::bigint AS {number}, {listed} FROM {target.quoted} WITH NO DATA; TRUNCATE {meeting}"
        )
        self._copy_into(f"{meeting} ({number}, {listed})", columns, values, taken, is_numbered=True)
        conflict = self._table.on_conflict(target, columns)
        for chosen in self._chosen(meeting, listed):
            self._execute(f"INSERT INTO {target.quoted} ({listed}) {chosen} {conflict}")  # quoted
        return taken[0]

    def _adapts_of(self, columns: tuple[str, ...]) -> list[Any]:
        if columns not in self._adapts:
            self._adapts[columns] = [for_postgresql(self._target.columns[column]) for column in columns]
        return self._adapts[columns]

    def _chosen(self, meeting: str, listed: str) -> Iterator[str]:
        """Rows that no statement may have two of, as one key may not be written twice by one: mostly all of them.

        Else first the first ones of each key, then the second ones: so the last one stays, and one that is not
        acceptable is refused although another comes after it. They are in the order of keys, as two chunks that had it
        otherwise would lock each other out. What one key is the database says, which knows its collations; no two keys
        that have a NULL are one.
        """
        key, number = self._table.key, self._target.free_name(_NUMBER)
        if not key:
            yield f"SELECT {listed} FROM {meeting} ORDER BY {number}"  # noqa: S608  # quoted
            return
        keys = self._target.list_of(key)
        nulls = " OR ".join(f"{self._target.quote(column)} IS NULL" for column in key)
        [most] = self._row(
            f"SELECT max(n) FROM (SELECT count(*) AS n FROM {meeting} WHERE NOT ({nulls}) GROUP BY {keys}) AS counted"  # noqa: S608
        ) or [None]
        if most is None or most == 1:
            yield f"SELECT {listed} FROM {meeting} ORDER BY {keys}, {number}"  # noqa: S608  # quoted
            return
        place = self._target.free_name("csvpipe_rank")
        for rank in range(1, most + 1):
            yield (
                f"SELECT {listed} FROM (SELECT *, CASE WHEN {nulls} THEN 1 ELSE row_number() "  # noqa: S608  # quoted
                f"OVER (PARTITION BY {keys} ORDER BY {number}) END AS {place} FROM {meeting}) AS ranked "
                f"WHERE {place} = {rank} ORDER BY {keys}, {number}"
            )

    def _copy_into(
        self,
        place: str,
        columns: tuple[str, ...],
        values: Iterator[Sequence[Any]],
        taken: list[int],
        *,
        is_numbered: bool,
    ) -> int:
        adapts = self._adapts_of(columns)
        with self._connection.cursor() as cursor:
            with cursor.copy(f"COPY {place} FROM STDIN") as copy:
                for row in values:
                    taken[0] += 1
                    adapted = [adapt(value) for adapt, value in zip(adapts, row, strict=True)]
                    copy.write_row((taken[0], *adapted) if is_numbered else adapted)
            return int(cursor.rowcount)
