"""What job stores and sinks say alike of databases: which there may be, and what is wrong with a file of SQLite."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Final

SUPPORTED: Final = ("postgresql", "sqlite")

#: Names that applications and hosts use for the same thing, and the driver that the extra brings.
DRIVERS: Final = {"postgres": "postgresql+psycopg", "postgresql": "postgresql+psycopg"}

#: The error codes of SQLite are its kinds of errors in their lowest byte; Python does not know all that stand above it.
_KIND: Final = 0xFF

_BROKEN: Final = frozenset({sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT})


def kind_of(error: BaseException | None) -> int | None:
    """Of an error of SQLite's own; None for any other."""
    code: int | None = getattr(error, "sqlite_errorcode", None)
    return None if code is None else code & _KIND


def is_of_broken_file(error: BaseException | None) -> bool:
    """Whether SQLite says that a file is no database, or no longer one."""
    return kind_of(error) in _BROKEN


def missing_file(database: str | None, *, must_exist: bool) -> str | None:
    """Why there can be no such file of SQLite; None where nothing is wrong with its place.

    SQLite itself makes a file of any name, and says of a folder that is not there no more than that it cannot open.

    Args:
        database: As it stands in the URL. One that begins with `file:` is for SQLite to understand.
        must_exist: Whether the file must be there, not its folder alone.
    """
    if not database or database == ":memory:" or database.startswith("file:"):
        return None
    path = Path(database)
    shown, folder = _shown(path), path.absolute().parent
    if not folder.exists():
        return f"there is no folder {str(folder)!r} for the file {shown}"
    if path.is_dir():
        return f"{shown} is a folder, not a file"
    if must_exist and not path.exists():
        return f"there is no file {shown}"
    return None


def trouble_with_file(error: BaseException, database: str | None) -> str | None:
    """What is wrong with a file of SQLite that stays so until somebody sees to it, and the way out; else None."""
    shown = _shown(Path(database or ""))
    if kind_of(error) == sqlite3.SQLITE_CANTOPEN:
        lack = missing_file(database, must_exist=False) or f"{shown}: {error}"
        return f"{lack}; correct the path, or make the folder, which this program must be allowed to write to"
    if is_of_broken_file(error):
        return f"{shown}: {error}; name another file, or put a copy that is whole in its place"
    return None


def _shown(path: Path) -> str:
    """A path that is not absolute, with the place where it leads to: the current folder is not always the one meant."""
    return repr(str(path)) if path.is_absolute() else f"{str(path)!r} ({path.absolute()})"
