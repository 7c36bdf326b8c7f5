"""Transactions: how they begin, whose clock they go by, and what is tried again."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from functools import partial
from threading import Lock
from typing import Any, Final, TypeVar

import attrs
from sqlalchemy import ColumnElement, Connection, Engine, Pool, func, literal, select, text
from sqlalchemy.exc import DBAPIError, IntegrityError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from csvpipe import silence
from csvpipe.chance import between
from csvpipe.databases import is_of_broken_file, trouble_with_file
from csvpipe.errors import StoreUnavailableError
from csvpipe.store.sql.address import shown
from csvpipe.store.sql.columns import UtcTime

T = TypeVar("T")

#: How often a transaction that another one forestalled looks again: what it finds then is what it loses to.
_LOOKS: Final = 5

_FIRST_PAUSE_SECONDS: Final = 0.05
_LONGEST_PAUSE_SECONDS: Final = 1.0

#: For each transaction in PostgreSQL: it gives up a lock that it does not get, a statement that does not end, and its
#: own locks when its program is stopped, or not to be reached, in the middle of it: before its leases have run out.
#: In milliseconds.
_BOUNDS: Final = {
    "lock_timeout": "5000",
    "statement_timeout": "60000",
    "idle_in_transaction_session_timeout": "10000",
    **silence.SERVER,
}

#: What goes away by itself: serialization failures and deadlocks, lacking resources, time-outs, servers that start or
#: stop. An address, a name, a password or a right that is wrong stays so, but in these SQLSTATE classes as well.
_PASSING: Final = ("40", "53", "55P03", "57", "08", "25006")

#: What a server says that was the one to write to until a failover: the address leads to another one now.
_IS_STANDBY: Final = "25006"

#: When the server got the statement that this stands in; stable, so that an index can be searched by it.
SERVERS_TIME: Final = func.statement_timestamp(type_=UtcTime)

_Clock = Callable[[], datetime]


@attrs.frozen(eq=False)
class Transaction:
    """One transaction that is under way.

    Attributes:
        connection: To run statements on.
        now: The time at its beginning, by the database's clock.
        is_repeat: Whether the call has been tried before, with an outcome that nobody knows.
    """

    connection: Connection
    now: datetime
    is_repeat: bool
    _clock: _Clock | None

    @property
    def is_alone(self) -> bool:
        """Whether no other transaction writes at the same time."""
        return self.connection.dialect.name == "sqlite"

    @property
    def is_servers_time(self) -> bool:
        """Whether `time` is the server's; otherwise it is `now`, on the host where SQLite's file lies as well."""
        return not self.is_alone and self._clock is None

    @property
    def time(self) -> ColumnElement[datetime]:
        """The time of the statement that it stands in."""
        return SERVERS_TIME if self.is_servers_time else literal(self.now, UtcTime)

    def rows(self, statement: Any, values: Any = None) -> list[dict[str, Any]]:
        """What a statement finds, row by row."""
        return [dict(row) for row in self.connection.execute(statement, values).mappings()]

    def row(self, statement: Any) -> dict[str, Any] | None:
        """The one row that a statement finds, or None."""
        found = self.connection.execute(statement).mappings().one_or_none()
        return None if found is None else dict(found)

    def run(self, statement: Any, values: Any = None) -> int:
        """Run a statement that finds nothing, for each of several values at once; tell how many rows it touched."""
        return self.connection.execute(statement, values).rowcount


@attrs.define(eq=False, repr=False)
class Database:
    """An engine, and what is done about its connections.

    Args:
        engine: To the database.
        patience_seconds: For how long a lost connection is made anew.
        clock: In place of the database's, for tests.
        sleep: Waits so many seconds.
        monotonic: Seconds that never go back.
    """

    engine: Engine
    patience_seconds: float
    clock: _Clock | None = None
    sleep: Callable[[float], object] = time.sleep
    monotonic: Callable[[], float] = time.monotonic
    _pid: int = attrs.field(factory=os.getpid, init=False)
    _inherited: list[Pool] = attrs.field(factory=list, init=False)
    _lock: Any = attrs.field(factory=Lock, init=False)

    @property
    def address(self) -> str:
        """For people."""
        return shown(self.engine.url)

    @property
    def is_sqlite(self) -> bool:
        """Whether it is; otherwise it is PostgreSQL."""
        return self.engine.dialect.name == "sqlite"

    def read(self, work: Callable[[Transaction], T]) -> T:
        """Run `work` in a transaction that only looks.

        Raises:
            StoreUnavailableError: The database could not be reached for `patience_seconds`.
        """
        return self._run(work, partial(self._transaction, is_writing=False))

    def write(self, work: Callable[[Transaction], T]) -> T:
        """Run `work` in a transaction; again from its beginning where the connection is lost, or another one was first.

        Raises:
            StoreUnavailableError: The database could not be reached for `patience_seconds`.
        """
        return self._run(work, partial(self._transaction, is_writing=True))

    def set_up(self, statement: str) -> None:
        """Run a statement that has no place in a transaction, as often as others are in its way.

        Raises:
            StoreUnavailableError: As for `read`.
        """
        self._run(lambda transaction: transaction.run(text(statement)), self._no_transaction)

    def _run(self, work: Callable[[Transaction], T], begin: Callable[..., AbstractContextManager[Transaction]]) -> T:
        self._leave_parents_connections()
        give_up_at = self.monotonic() + self.patience_seconds
        pause, looks, is_repeat = _FIRST_PAUSE_SECONDS, _LOOKS, False
        while True:
            try:
                with begin(is_repeat=is_repeat) as transaction:
                    result = work(transaction)
            except IntegrityError:
                looks -= 1
                if not looks:
                    raise
            except (OperationalError, InterfaceError, PoolTimeoutError, DBAPIError) as error:
                if not _is_outage(error):
                    raise
                if not _is_passing(error) or self.monotonic() + pause > give_up_at:
                    raise StoreUnavailableError(self.address, self._reason(error)) from error
                if isinstance(error, DBAPIError) and _state(error) == _IS_STANDBY:
                    self.engine.dispose()
                self.sleep(pause * between(0.5, 1.0))  # so that not all come back at once
                pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)
            else:
                return result
            is_repeat = True

    @contextmanager
    def _transaction(self, *, is_writing: bool, is_repeat: bool) -> Iterator[Transaction]:
        begin = self._in_sqlite if self.is_sqlite else self._in_postgresql
        with begin(is_writing=is_writing) as (connection, now):
            yield Transaction(connection, now, is_repeat, self.clock)

    @contextmanager
    def _no_transaction(self, *, is_repeat: bool) -> Iterator[Transaction]:
        with self.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            yield Transaction(connection, _utc_now(), is_repeat, self.clock)

    @contextmanager
    def _in_sqlite(self, *, is_writing: bool) -> Iterator[tuple[Connection, datetime]]:
        """A transaction that writes locks the file at once: one that finds out later cannot wait for another any more.

        Its own statements begin and end it, since the driver begins one only with the first change.
        """
        with self.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("BEGIN IMMEDIATE" if is_writing else "BEGIN")
            try:
                yield connection, (self.clock or _utc_now)()
                connection.exec_driver_sql("COMMIT")
            except BaseException:
                driver: Any = connection.connection.dbapi_connection
                if driver is not None and driver.in_transaction:  # a full disk, say, has ended it already
                    connection.exec_driver_sql("ROLLBACK")
                raise

    @contextmanager
    def _in_postgresql(self, *, is_writing: bool) -> Iterator[tuple[Connection, datetime]]:
        """A transaction under `READ COMMITTED`: whoever waits for a row's lock sees the row as it is then."""
        with (
            self.engine.connect().execution_options(isolation_level="READ COMMITTED") as connection,
            connection.begin(),
        ):
            if not is_writing:
                yield connection, _utc_now()
                return
            now: datetime = connection.execute(_BEGINNING).scalar_one()
            yield connection, now if self.clock is None else self.clock()

    def _reason(self, error: Exception) -> str:
        origin = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
        if self.is_sqlite and (trouble := trouble_with_file(origin, self.engine.url.database)):
            return trouble
        said = str(origin).strip()
        return said.splitlines()[0] if said else type(error).__name__

    def _leave_parents_connections(self) -> None:
        """After a fork: the parent goes on to use its connections, so they are neither used nor closed here."""
        if self._pid == os.getpid():
            return
        with self._lock:
            if self._pid != os.getpid():
                self._inherited.append(self.engine.pool)
                self.engine.dispose(close=False)
                self._pid = os.getpid()


# One statement for all of it: each is a way to the server and back.
_BEGINNING: Final = select(
    func.clock_timestamp(type_=UtcTime),
    *(func.set_config(name, value, True) for name, value in _BOUNDS.items()),  # noqa: FBT003  # SQL has no keywords
)


def _utc_now() -> datetime:
    return datetime.now(UTC)


def _is_outage(error: Exception) -> bool:
    """Whether the database is at fault, not the statement."""
    if isinstance(error, DBAPIError):
        is_of_kind = isinstance(error, OperationalError | InterfaceError)
        is_broken = is_of_broken_file(error.orig)
        return is_of_kind or is_broken or error.connection_invalidated or _state(error).startswith(_PASSING)
    return isinstance(error, PoolTimeoutError)


def _is_passing(error: Exception) -> bool:
    """Whether it may be otherwise in a moment."""
    if not isinstance(error, DBAPIError) or error.connection_invalidated:
        return True
    state = _state(error)
    if state:
        return state.startswith(_PASSING)
    # PostgreSQL gives no state where there is no connection. SQLite has names: SQLITE_BUSY, SQLITE_LOCKED_SHAREDCACHE.
    name = getattr(error.orig, "sqlite_errorname", None)
    return name is None or name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED"))


def _state(error: DBAPIError) -> str:
    return getattr(error.orig, "sqlstate", None) or ""
