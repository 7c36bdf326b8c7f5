"""From what the application gives to an engine: which databases there may be, and how they are opened."""

from __future__ import annotations

import sqlite3
from typing import Any, Final

from sqlalchemy import URL, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError

from csvpipe.databases import DRIVERS, SUPPORTED
from csvpipe.errors import MissingExtraError
from csvpipe.silence import connect_args

_MEMORY: Final = (None, "", ":memory:")

#: How long SQLite waits for another writer, in seconds, before the store's own patience begins.
_BUSY_SECONDS: Final = 5.0


def open_engine(address: str | URL) -> Engine:
    """An engine of our own, which the store closes.

    Raises:
        MissingExtraError: The driver for PostgreSQL is not installed.
        ValueError: It is no URL of a database that a store may live in.
    """
    url = _read(address)
    url = url.set(drivername=DRIVERS.get(url.drivername, url.drivername))
    check_dialect(url.get_backend_name(), url.database)
    try:
        if url.get_backend_name() == "sqlite":
            return _open_sqlite(url)
        return create_engine(url, pool_size=5, max_overflow=10, pool_timeout=10.0, connect_args=connect_args(url))
    except ModuleNotFoundError as error:
        if url.drivername == "postgresql+psycopg":
            raise MissingExtraError("a job store in PostgreSQL", "postgres") from error
        raise ValueError(
            f"the driver of {url.drivername}:// is not installed ({error}); install it, or write postgresql:// or "
            "sqlite:///"
        ) from error
    except NoSuchModuleError:
        raise ValueError(f"unknown driver {url.drivername!r}; write postgresql:// or sqlite:///") from None


def check_dialect(backend: str, database: str | None, *, is_async: bool = False) -> None:
    """See that a store can live there.

    Raises:
        ValueError: It cannot.
    """
    if backend not in SUPPORTED:
        raise ValueError(
            f"a job store cannot live in {backend!r}; supported: {', '.join(SUPPORTED)}: write sqlite:///jobs.db or "
            "postgresql://user@host/name"
        )
    if is_async:
        raise ValueError("a job store is called in worker threads: give it a synchronous engine, or the URL")
    if backend == "sqlite" and database in _MEMORY:
        raise ValueError("SQLite in memory is seen by one connection alone; give a file, or use MemoryJobStore")


def place_of(address: str) -> tuple[str | None, str | None]:
    """The host and the database at a URL; no host for a file of SQLite, `local` for a server that none is named of.

    Raises:
        ValueError: It is no URL of a database.
    """
    url = _read(address)
    return (None if url.get_backend_name() == "sqlite" else url.host or "local"), url.database


def _read(address: str | URL) -> URL:
    try:
        return make_url(address)
    except ArgumentError:
        raise ValueError("not the URL of a database; write sqlite:///jobs.db or postgresql://user@host/name") from None


def shown(url: URL) -> str:
    """The address for people: without the password, wherever it stands."""
    host = url.query.get("host")
    return url.set(query={} if host is None else {"host": host}).render_as_string(hide_password=True)


def _open_sqlite(url: URL) -> Engine:
    engine = create_engine(url, connect_args={"timeout": _BUSY_SECONDS, "check_same_thread": False})
    event.listen(engine, "connect", _settle_connection)
    return engine


def _settle_connection(connection: sqlite3.Connection, _record: Any) -> None:
    """What one connection to SQLite is told once.

    `synchronous=FULL`: with NORMAL a power cut may undo the last commits of a file in WAL mode, and a chunk whose rows
    are in the target database would be handled again.
    """
    for pragma in ("synchronous=FULL", "journal_size_limit=67108864", "cache_size=-16000"):
        connection.execute(f"PRAGMA {pragma}").close()
