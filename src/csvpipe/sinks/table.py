"""A table of an SQL database as the place where rows go."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from typing import Final, Literal

import sqlalchemy as sa
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError
from sqlalchemy.pool import NullPool

from csvpipe.databases import DRIVERS, missing_file
from csvpipe.errors import FileCode, FileError, MissingExtraError, PipelineError
from csvpipe.jobs import JobId
from csvpipe.rowtypes.names import listed, suggested
from csvpipe.silence import connect_args
from csvpipe.sinks import fence
from csvpipe.sinks.postgresql import PostgreSQLSession
from csvpipe.sinks.refusals import trouble_of
from csvpipe.sinks.session import Session
from csvpipe.sinks.sqlite import SQLiteSession
from csvpipe.sinks.target import Target, reflect

_SESSIONS: Final[Mapping[str, type[Session]]] = {"postgresql": PostgreSQLSession, "sqlite": SQLiteSession}

#: For how long it is taken for granted what the table is like; nobody tells when it is changed.
_KNOWN_SECONDS: Final = 5.0

_MODES: Final = ("insert", "ignore", "upsert")


class SQLTable:
    """Writes the rows of a pipeline into a table of PostgreSQL or SQLite, each exactly once.

    A chunk's rows are written in one transaction, together with a marker that tells so. Whatever dies, and whenever, a
    row is there once or not at all; and a worker that has lost its job cannot write any more. Rows that the database
    refuses are row errors, the others of their chunk are written.

    Each worker has a connection of its own. In PostgreSQL rows are copied.

    Args:
        url: Of the database: `postgresql://user@host/name` or `sqlite:///shop.db`, or a synchronous engine for it.
        table: Its name. It must exist.
        schema: Where it is, unless on the search path.
        mode: What becomes of a row that the table has already: `insert` refuses it; `ignore` leaves it out, and it
            counts as processed; `upsert` overwrites the one that is there, and of several in a file the last one stays.
        key: The columns by which `upsert` knows that a row is there already; they are unique together.
        columns: Names of the table's columns by the fields of rows, where they differ.
        patience_seconds: For how long a delivery is tried again while the database is down, before the job fails with
            `retry_exhausted` at its checkpoint.

    Raises:
        PipelineError: The database is none of these, or the mode and its key make no sense.
        MissingExtraError: The driver for PostgreSQL is not installed.

    Example:
        >>> import csvpipe
        >>> from csvpipe.sinks import SQLTable
        >>> load = csvpipe.Pipeline(name="load", row_type=dict, sink=SQLTable("sqlite:///people.db", "people"))
    """

    def __init__(
        self,
        url: str | sa.URL | sa.Engine,
        table: str,
        *,
        schema: str | None = None,
        mode: Literal["insert", "ignore", "upsert"] = "insert",
        key: Sequence[str] = (),
        columns: Mapping[str, str] | None = None,
        patience_seconds: float = 300.0,
    ) -> None:
        self.engine = url if isinstance(url, sa.Engine) else _engine(url)
        self.table = table
        self.schema = schema
        self.mode = mode
        self.key = (key,) if isinstance(key, str) else tuple(key)
        self.columns: dict[str, str] = dict(columns or {})
        self.patience_seconds = patience_seconds
        self.needs_order = mode == "upsert"
        self.has_tables = False
        self.turn = threading.Lock()
        self.told_of: JobId | None = None
        self._found: tuple[Target, float] | None = None
        self._check()

    def __repr__(self) -> str:
        return f"<SQLTable {self.table!r} in {self.address}, {self.mode}>"

    def _check(self) -> None:
        name = self.engine.dialect.name
        _check_backend(name)
        if self.engine.dialect.is_async:
            raise PipelineError(
                f"SQLTable writes with a synchronous driver, not {self.engine.dialect.driver!r}; write postgresql:// "
                "or sqlite:///"
            )
        if name == "sqlite" and self.engine.url.database in {None, "", ":memory:"}:
            raise PipelineError("SQLTable: SQLite in memory is seen by one connection alone; give a file")
        if name == "postgresql" and self.engine.dialect.driver != "psycopg":
            raise PipelineError(
                f"SQLTable copies with psycopg, not with {self.engine.dialect.driver!r}; write postgresql+psycopg://"
            )
        if self.mode not in _MODES:
            raise PipelineError(f"SQLTable(mode={self.mode!r}): there is {', '.join(map(repr, _MODES))}")
        if (self.mode == "upsert") is not bool(self.key):
            way_out = "name the columns of its unique key" if self.mode == "upsert" else "leave key= out"
            raise PipelineError(f"SQLTable(mode={self.mode!r}, key={self.key!r}): {way_out}")

    # For the pipeline and the pool ------------------------------------------------------------------------------------

    def check(self, columns: Sequence[str] | None) -> None:
        """See `Sink`."""
        self.forget_target()
        target = self.target()
        if self.mode == "upsert" and frozenset(self.key) not in target.uniques:
            names = ", ".join(
                repr(name) if name in target.columns else suggested(name, target.columns) for name in self.key
            )
            raise FileError(
                FileCode.SINK_FAILED,
                f"table {target.name} has no unique key of {names}, by which rows could be found; create "
                "it, or correct SQLTable(key=...), then retry the job",
            )
        if columns is not None:
            written = [self.columns.get(column, column) for column in columns]
            if absent := [column for column in self.key if column not in written]:
                raise FileError(
                    FileCode.SINK_FAILED,
                    f"the rows have no {listed(absent)}, which is among SQLTable(key=...); add the field, then retry "
                    "the job",
                )
            target.check(written, is_all=True)

    def take_over(self, job_id: JobId, attempt: int) -> list[str]:
        """See `Sink`."""
        return fence.take_over(self, job_id, attempt)

    def forget(self, job_id: JobId) -> None:
        """See `Sink`."""
        fence.forget(self, job_id)

    def open(self) -> Session:
        """See `Sink`."""
        return _SESSIONS[self.engine.dialect.name](self)

    # For its sessions -------------------------------------------------------------------------------------------------

    @property
    def address(self) -> str:
        """For people: without the password."""
        return self.engine.url.render_as_string(hide_password=True)

    @property
    def may_meet_rows(self) -> bool:
        """Whether rows may be written that are there already."""
        return self.mode != "insert"

    def target(self) -> Target:
        """The table as it is now, or was a few seconds ago: workers begin at the same time.

        Raises:
            FileError: There is none.
            Unavailable: The database is down.
        """
        found = self._found
        if found is not None and time.monotonic() < found[1]:
            return found[0]
        self.see_file()
        try:
            target = reflect(self.engine, self.table, self.schema, self.columns)
        except DBAPIError as error:
            raise trouble_of(error.orig or error, self.address) from error
        self._found = target, time.monotonic() + _KNOWN_SECONDS
        return target

    def forget_target(self) -> None:
        """Look the table up anew when it is asked for: it may be another one by now."""
        self._found = None

    def see_file(self) -> None:
        """See that the file of SQLite is there: SQLite would make one, and the table must be in it.

        Raises:
            FileError: `sink_failed`: it is not.
        """
        if self.engine.dialect.name == "sqlite" and (lack := missing_file(self.engine.url.database, must_exist=True)):
            raise FileError(
                FileCode.SINK_FAILED,
                f"{lack}; create the database with its table, or correct the path in SQLTable(...), then retry the job",
            )

    def connect(self) -> sa.PoolProxiedConnection:
        """A connection for the caller alone, to be invalidated in the end: it is not left as it was found.

        Raises:
            FileError: There is no such file of SQLite.
        """
        self.see_file()
        return self.engine.raw_connection()

    def on_conflict(self, target: Target, columns: Sequence[str]) -> str:
        """The end of a statement that inserts these columns."""
        if self.mode == "insert":
            return ""
        others = [target.quote(column) for column in columns if column not in self.key]
        if self.mode == "ignore" or not others:
            return "ON CONFLICT DO NOTHING"
        changes = ", ".join(f"{column} = excluded.{column}" for column in others)
        return f"ON CONFLICT ({target.list_of(self.key)}) DO UPDATE SET {changes}"


def _engine(address: str | sa.URL) -> sa.Engine:
    """An engine that keeps no connections: each worker keeps its own."""
    try:
        url = sa.make_url(address)
    except ArgumentError:
        raise PipelineError(
            "SQLTable: not the URL of a database; write postgresql://user@host/name or sqlite:///shop.db"
        ) from None
    url = url.set(drivername=DRIVERS.get(url.drivername, url.drivername))
    _check_backend(url.get_backend_name())
    try:
        return sa.create_engine(url, poolclass=NullPool, connect_args=connect_args(url))
    except ModuleNotFoundError as error:
        if url.drivername == "postgresql+psycopg":
            raise MissingExtraError("SQLTable in PostgreSQL", "postgres") from error
        raise PipelineError(
            f"SQLTable: the driver of {url.drivername}:// is not installed ({error}); write postgresql:// or sqlite:///"
        ) from error
    except NoSuchModuleError as error:
        raise PipelineError(
            f"SQLTable: unknown driver {url.drivername!r}; write postgresql:// or sqlite:///"
        ) from error


def _check_backend(name: str) -> None:
    if name not in _SESSIONS:
        raise PipelineError(
            f"SQLTable writes to PostgreSQL and SQLite, not to {name!r}; write postgresql://user@host/name or "
            "sqlite:///shop.db, or write the rows to another database in a handler, see ctx.transaction"
        )
