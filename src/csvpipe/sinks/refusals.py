"""What a database's error means: a row's fault, an outage, or a sink that is not what it should be."""

from __future__ import annotations

import re
import sqlite3
from typing import Any, Final

from csvpipe._process.said import text_of
from csvpipe.databases import kind_of
from csvpipe.errors import FileCode, FileError, RowCode, Unavailable
from csvpipe.sink import Refusal
from csvpipe.sinks.target import Target, named_in

#: By SQLSTATE; of the others in classes 22 (data) and 23 (constraints) nothing more is said.
_CODES: Final = {
    "23505": RowCode.UNIQUE,
    "23P01": RowCode.UNIQUE,
    "23503": RowCode.FOREIGN_KEY,
    "23502": RowCode.NOT_NULL,
    "23514": RowCode.CHECK,
    "22001": RowCode.OUT_OF_RANGE,
    "22003": RowCode.OUT_OF_RANGE,
    "22008": RowCode.OUT_OF_RANGE,
}
_ROWS_FAULT: Final = ("22", "23")

#: Classes of what does not pass: statements that make no sense there, and what triggers raise on their own account.
#: Missing rights are among what is waited for, as an administrator may be at it.
_LASTING: Final = ("0A", "21", "2B", "3D", "3F", "42", "P0")
_MISSING_RIGHT: Final = "42501"

#: Names of SQLite's errors.
_NAMES: Final = {
    "SQLITE_CONSTRAINT_UNIQUE": RowCode.UNIQUE,
    "SQLITE_CONSTRAINT_PRIMARYKEY": RowCode.UNIQUE,
    "SQLITE_CONSTRAINT_ROWID": RowCode.UNIQUE,
    "SQLITE_CONSTRAINT_FOREIGNKEY": RowCode.FOREIGN_KEY,
    "SQLITE_CONSTRAINT_NOTNULL": RowCode.NOT_NULL,
    "SQLITE_CONSTRAINT_CHECK": RowCode.CHECK,
    "SQLITE_TOOBIG": RowCode.OUT_OF_RANGE,
}

_ROWS_FAULT_KINDS: Final = frozenset({sqlite3.SQLITE_CONSTRAINT, sqlite3.SQLITE_MISMATCH, sqlite3.SQLITE_TOOBIG})
_PASSING_KINDS: Final = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_PERM,
        sqlite3.SQLITE_INTERRUPT,
        sqlite3.SQLITE_PROTOCOL,
    }
)

_COPY_PLACE: Final = re.compile(r"^COPY .+?, line (\d+)(?:, column (\w+|\"(?:[^\"]|\"\")+\"))?", re.MULTILINE)
_SQLITE_COLUMNS: Final = re.compile(r"failed: (?:[^.,]+\.)([^.,]+)(,.*)?$")
_SQLITE_CHECK: Final = re.compile(r"^CHECK constraint failed: (.+)$")
_SQLITE_TYPE: Final = re.compile(r"cannot store \w+ value in \w+ column (?:[^.]+\.)(.+)$")


def refusal_of(error: BaseException, target: Target) -> Refusal | None:
    """Why a row is refused; None where the error is no row's fault."""
    if isinstance(error, sqlite3.Error):
        return _of_sqlite(error, target)
    if isinstance(error, OverflowError):
        return Refusal(code=RowCode.OUT_OF_RANGE, message="the number has more than 64 bits")
    if isinstance(error, UnicodeEncodeError):
        return Refusal(code=RowCode.DATABASE, message="the text has halves of characters, which a database cannot hold")
    state = getattr(error, "sqlstate", None)
    if state is None:  # of the driver itself, before anything was sent
        is_data = type(error).__name__ == "DataError"
        return Refusal(code=RowCode.DATABASE, message=text_of(error)) if is_data else None
    if not state.startswith(_ROWS_FAULT):
        return None
    return of_postgresql(error, state, target)


def line_of(error: BaseException) -> int | None:
    """The line, counted from 0, of a COPY from the client that PostgreSQL was at; None where it does not say."""
    place = _place_of(error)
    return None if place is None else int(place[1]) - 1


def trouble_of(error: BaseException, address: str) -> Unavailable | FileError:
    """What an error comes to that is no row's fault: an outage, or a sink that is not what it should be."""
    message = f"{address}: {_first_line(error)}"
    if isinstance(error, sqlite3.Error) and kind_of(error) == sqlite3.SQLITE_NOTADB:
        way_out = "name the file of a database of SQLite in SQLTable(...), then retry the job"
        return FileError(FileCode.SINK_FAILED, f"{message}; {way_out}")
    if _is_lasting(error):
        way_out = "see to the database or the pipeline, then retry the job; what is done is kept"
        return FileError(FileCode.SINK_FAILED, f"{message}; {way_out}")
    return Unavailable(message)


def _is_lasting(error: BaseException) -> bool:
    if isinstance(error, sqlite3.Error):
        return kind_of(error) not in _PASSING_KINDS
    state: str | None = getattr(error, "sqlstate", None)
    if state is not None:
        return state != _MISSING_RIGHT and state.startswith(_LASTING)
    # A driver says so of connections that are lost; what is left is a value that it cannot take.
    return type(error).__name__ not in {"OperationalError", "InterfaceError"}


def of_postgresql(error: Any, state: str, target: Target) -> Refusal:
    """Why a row is refused, by the diagnostics of an error with this SQLSTATE."""
    diag = error.diag
    place = _place_of(error)
    columns: tuple[str, ...] = ()
    if diag.column_name:
        columns = (diag.column_name,)
    elif diag.constraint_name in target.constraints:
        columns = tuple(target.constraints[diag.constraint_name])
    elif place is not None and place[2]:
        columns = (place[2].strip('"').replace('""', '"'),)
    return Refusal(
        code=_CODES.get(state, RowCode.DATABASE),
        message=text_of(diag.message_primary or _first_line(error)),
        detail=(diag.message_detail or "").rstrip("."),
        column=target.fields.get(columns[0], columns[0]) if len(columns) == 1 else None,
    )


def referring(target: Target) -> str | None:
    """The one column that refers to another table, as SQLite says no more than that some reference does not hold."""
    [first, *others] = target.references or [()]
    return target.fields.get(first[0], first[0]) if len(first) == 1 and not others else None


def _of_sqlite(error: sqlite3.Error, target: Target) -> Refusal | None:
    if kind_of(error) not in _ROWS_FAULT_KINDS:
        return None
    text = _first_line(error)
    found = _SQLITE_COLUMNS.search(text) or _SQLITE_TYPE.search(text)
    column = None
    if found is not None and not (found.lastindex or 0) > 1 and found[1] in target.columns:
        column = target.fields.get(found[1], found[1])
    code = _NAMES.get(getattr(error, "sqlite_errorname", ""), RowCode.DATABASE)
    if code is RowCode.CHECK and (condition := _SQLITE_CHECK.search(text)):
        # It gives the name of the constraint or, where that has none, its beginning.
        about = target.constraints.get(condition[1]) or named_in(condition[1], tuple(target.columns))
        column = target.fields.get(about[0], about[0]) if len(about) == 1 else None
    elif code is RowCode.FOREIGN_KEY:
        column = referring(target)
    return Refusal(code=code, message=text, column=column)


def _place_of(error: BaseException) -> re.Match[str] | None:
    diag = getattr(error, "diag", None)
    context = getattr(diag, "context", None)
    return None if not context else _COPY_PLACE.search(context)


def _first_line(error: BaseException) -> str:
    lines = text_of(error).splitlines()
    return lines[0] if lines else type(error).__name__
