"""Rows to SQLite: one writer at a time, whose statements tell by themselves which row was refused."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from functools import lru_cache
from typing import Any, Final

from csvpipe import fencing
from csvpipe.jobs import JobId
from csvpipe.sink import RefusedError
from csvpipe.sinks.refusals import refusal_of
from csvpipe.sinks.session import Session
from csvpipe.sinks.values import for_sqlite

#: How long SQLite itself waits for another writer, before the sink's patience begins.
_BUSY_MILLISECONDS: Final = 5_000


class SQLiteSession(Session):
    """See `Session`."""

    placeholder = "?"

    def _prepare(self) -> None:
        self._connection.isolation_level = None
        for pragma in ("synchronous = FULL", "foreign_keys = ON", f"busy_timeout = {_BUSY_MILLISECONDS}"):
            self._execute(f"PRAGMA {pragma}")
        self._statement = lru_cache(self._statement_for)

    def _begin(self, job_id: JobId, attempt: int, start: int, *, is_strict: bool) -> Sequence[Any] | None:  # noqa: ARG002
        self._execute("BEGIN IMMEDIATE")
        self._is_open = True
        return self._row(fencing.present_with_marker(job_id, start))

    def _write(self, columns: tuple[str, ...], values: Iterator[Sequence[Any]], rows: int) -> None:  # noqa: ARG002
        statement, adapts = self._statement(columns)
        taken = 0

        def adapted() -> Iterator[list[Any]]:
            nonlocal taken
            for row in values:
                taken += 1
                yield [adapt(value) for adapt, value in zip(adapts, row, strict=True)]

        with self._troubles(), closing(self._connection.cursor()) as cursor:
            try:
                cursor.executemany(statement, adapted())
            except Exception as error:
                refusal = refusal_of(error, self._target)
                if refusal is None:
                    raise
                # The statement of that row is undone, those of the rows before it are not.
                raise RefusedError(refusal, taken - 1, is_sure=True) from error

    def _begin_parts(self) -> None:
        pass  # rows are written one by one anyway

    def _undo_parts(self) -> None:
        pass

    def _commit(self) -> None:
        self._execute("COMMIT")

    def _statement_for(self, columns: tuple[str, ...]) -> tuple[str, list[Any]]:
        target, table = self._target, self._table
        marks = ", ".join("?" * len(columns))
        statement = f"INSERT INTO {target.quoted} ({target.list_of(columns)}) VALUES ({marks})"  # noqa: S608  # quoted
        return (
            f"{statement} {table.on_conflict(target, columns)}".rstrip(),
            [for_sqlite(target.columns[column]) for column in columns],
        )
