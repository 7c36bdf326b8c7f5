"""Rows to SQLite: one writer at a time, whose statements tell by themselves which row was refused."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from functools import lru_cache
from operator import length_hint
from typing import Any, Final

from csvpipe import fencing
from csvpipe.errors import FileCode, FileError, RowCode, Unavailable
from csvpipe.jobs import JobId
from csvpipe.sink import Refusal, RefusedError
from csvpipe.sinks.refusals import referring, refusal_of
from csvpipe.sinks.session import Session
from csvpipe.sinks.values import PLAIN_IN_SQLITE, for_sqlite

#: How long SQLite itself waits for another writer, before the sink's patience begins.
_BUSY_MILLISECONDS: Final = 5_000

#: What a transaction may change before SQLite writes to the file that which is not committed yet, in KiB.
_CACHE_KIB: Final = 64 * 1024

#: Kinds of cells of which the driver is given the same, whether they come as columns or one by one.
_SAME: Final = frozenset({"str", "int", "float", "bool", "date"})


#: By what a table says what becomes of rows that it does not take.
_OWN_WAY: Final = re.compile(r"\bON\s+CONFLICT\b", re.IGNORECASE)


class SQLiteSession(Session):
    """See `Session`."""

    placeholder = "?"
    _has_turn = False
    _is_strict = False

    def _prepare(self) -> None:
        self._connection.isolation_level = None
        settings = (
            "synchronous = FULL",
            "foreign_keys = ON",
            f"busy_timeout = {_BUSY_MILLISECONDS}",
            f"cache_size = -{_CACHE_KIB}",
        )
        for setting in settings:
            self._execute(f"PRAGMA {setting}")
        self._statement = lru_cache(self._statement_for)

    def _begin(self, job_id: JobId, attempt: int, start: int, *, is_strict: bool) -> Sequence[Any] | None:  # noqa: ARG002
        self._is_strict = is_strict
        # Who is denied by SQLite sleeps for a while and looks again; who waits here is woken. Whether the turn came in
        # time or not, SQLite has the last word: it knows other processes.
        self._has_turn = self._table.turn.acquire(timeout=_BUSY_MILLISECONDS / 1_000)
        self._execute("BEGIN IMMEDIATE")
        self._is_open = True
        return self._row(fencing.present_with_marker(job_id, start))

    def takes_columns(self, kinds: Mapping[str, str]) -> bool:
        """See `SinkSession`."""
        if not _SAME.issuperset(kinds.values()):
            return False
        try:
            self._connect()
        except (FileError, Unavailable):  # the delivery will say so
            return False
        return self._target.columns.keys() >= {self._column_of(name) for name in kinds}

    def write(self, rows: Any) -> None:
        """See `SinkSession`."""
        if isinstance(rows, list):
            super().write(rows)
            return
        from csvpipe._process.columns.delivery import values_of  # noqa: PLC0415  # with the extra `fast`

        first, *others = (values_of(column) for column in rows.batch.columns)
        left = iter(first)
        statement, _ = self._statement(tuple(map(self._column_of, rows.batch.schema.names)))
        self._insert(statement, zip(left, *others, strict=True), lambda: len(first) - length_hint(left))

    def _write(self, columns: tuple[str, ...], values: Iterator[Sequence[Any]], rows: int) -> None:  # noqa: ARG002
        statement, adapts = self._statement(columns)
        taken = 0

        def adapted() -> Iterator[list[Any]]:
            nonlocal taken
            for row in values:
                taken += 1
                yield [
                    value if type(value) in PLAIN_IN_SQLITE else adapt(value)
                    for adapt, value in zip(adapts, row, strict=True)
                ]

        self._insert(statement, adapted(), lambda: taken)

    def _insert(self, statement: str, rows: Iterable[Sequence[Any]], taken: Callable[[], int]) -> None:
        """Insert rows, of which so many have been taken at any time."""
        with self._troubles(), closing(self._connection.cursor()) as cursor:
            if self._is_strict:
                self._insert_strictly(cursor, statement, list(rows))
                return
            try:
                cursor.executemany(statement, rows)
                self._compare(cursor.rowcount, taken())
            except Exception as error:
                # The statement of that row is undone, those of the rows before it are not.
                raise RefusedError(self._refusal(cursor, error, taken() - 1), taken() - 1, is_sure=True) from error

    def _refusal(self, cursor: Any, error: Exception, at: int) -> Refusal:
        """Why the row with this index is refused, if the error means that, and the transaction still stands."""
        refusal = refusal_of(error, self._target)
        if refusal is None:
            raise error
        if self._is_undone(cursor, error):
            raise RefusedError(refusal, at, is_sure=True, is_undone=True) from error
        return refusal

    def _is_undone(self, cursor: Any, error: Exception) -> bool:
        """Whether the transaction is over; what is half done is undone altogether.

        A trigger's `RAISE(ROLLBACK)` and a constraint's `ON CONFLICT ROLLBACK` end it: whatever was written then would
        be outside of it, and could not be taken back. After `RAISE(FAIL)` a row may be there that was refused.
        """
        if self._connection.in_transaction:
            # Of a value that the driver does not take SQLite has not heard.
            if not isinstance(error, sqlite3.IntegrityError) or cursor.execute("SELECT changes()").fetchone() == (0,):
                return False
            cursor.execute("ROLLBACK")
        self._is_open = False
        return True

    def _insert_strictly(self, cursor: Any, statement: str, rows: Sequence[Sequence[Any]]) -> None:
        """Insert rows one by one, so that it is known which of them refer to nothing when all others are there.

        SQLite cannot be told to check at once what is to be checked at the end, but it can be asked. Then the rows are
        inserted anew without these, as one of them may be what others refer to, or in the way of others.
        """
        words = "FOREIGN KEY constraint failed"  # SQLite's own
        refused = Refusal(code=RowCode.FOREIGN_KEY, message=words, column=referring(self._target))
        astray: dict[int, Refusal] = {}
        while True:
            cursor.execute("SAVEPOINT csvpipe_rows")
            refusals, places = dict(astray), dict[int, int]()
            for at, row in enumerate(rows):
                if at in astray:
                    continue
                try:
                    cursor.execute(statement, row)
                except Exception as error:  # noqa: BLE001  # it is sorted out there
                    refusals[at] = self._refusal(cursor, error, at)
                else:
                    if cursor.rowcount == 1:
                        places[cursor.lastrowid] = at
            cursor.execute("SELECT rowid FROM pragma_foreign_key_check(?)", (self._table.table,))
            found = [places[place] for (place,) in cursor.fetchall() if place in places]
            if not found or self._table.mode == "upsert":  # which tells no place of a row that was there
                break
            astray.update(dict.fromkeys(found, refused))
            cursor.execute("ROLLBACK TO csvpipe_rows")
            cursor.execute("RELEASE csvpipe_rows")
        cursor.execute("RELEASE csvpipe_rows")
        if refusals:
            raise RefusedError(refusals[min(refusals)], refusals=refusals)

    def _ended(self) -> None:
        if self._has_turn:
            self._has_turn = False
            self._table.turn.release()

    def _begin_parts(self) -> None:
        pass  # rows are written one by one anyway

    def _undo_parts(self) -> None:
        pass

    def _commit(self, marking: str, result: str) -> None:
        if not self._connection.in_transaction:  # the marker alone would pass for all of it
            raise FileError(
                FileCode.SINK_FAILED, "SQLite has ended the transaction, and nothing says which rows it has"
            )
        self._execute(marking, (result,))
        self._execute("COMMIT")

    def _statement_for(self, columns: tuple[str, ...]) -> tuple[str, list[Any]]:
        target, table = self._target, self._table
        marks = ", ".join("?" * len(columns))
        verb = "INSERT OR ABORT" if self._has_own_way() else "INSERT"
        statement = f"{verb} INTO {target.quoted} ({target.list_of(columns)}) VALUES ({marks})"  # quoted
        return (
            f"{statement} {table.on_conflict(target, columns)}".rstrip(),
            [for_sqlite(target.columns[column]) for column in columns],
        )

    def _has_own_way(self) -> bool:
        """Whether the table says by itself what becomes of rows that it does not take, and a statement may overrule it.

        It does by `ON CONFLICT IGNORE`, `REPLACE` and so on, by which rows would be lost without a word. But a
        statement that says otherwise overrules whatever is done by triggers, too; so what these say comes first.
        """
        schema = "" if self._table.schema is None else f"{self._target.quote(self._table.schema)}."
        said = f"SELECT type, sql FROM {schema}sqlite_master WHERE tbl_name = ? COLLATE NOCASE"  # noqa: S608  # quoted
        found = dict(self._execute(said, (self._table.table,)).fetchall())
        return "trigger" not in found and _OWN_WAY.search(found.get("table", "")) is not None
