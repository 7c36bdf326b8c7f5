"""Rows to SQLite: one writer at a time, whose statements tell by themselves which row was refused."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from functools import lru_cache
from operator import length_hint
from typing import Any, Final

from csvpipe import fencing
from csvpipe.errors import FileError, RowCode, Unavailable
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
            except Exception as error:
                refusal = refusal_of(error, self._target)
                if refusal is None:
                    raise
                # The statement of that row is undone, those of the rows before it are not.
                raise RefusedError(refusal, taken() - 1, is_sure=True) from error

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
                except Exception as error:
                    refusal = refusal_of(error, self._target)
                    if refusal is None:
                        raise
                    refusals[at] = refusal
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
        self._execute(marking, (result,))
        self._execute("COMMIT")

    def _statement_for(self, columns: tuple[str, ...]) -> tuple[str, list[Any]]:
        target, table = self._target, self._table
        marks = ", ".join("?" * len(columns))
        statement = f"INSERT INTO {target.quoted} ({target.list_of(columns)}) VALUES ({marks})"  # noqa: S608  # quoted
        return (
            f"{statement} {table.on_conflict(target, columns)}".rstrip(),
            [for_sqlite(target.columns[column]) for column in columns],
        )
