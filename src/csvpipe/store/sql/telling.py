"""How those who look at jobs hear of changes: PostgreSQL passes a word on when a transaction is committed.

The word goes with the statement that writes the job, so it costs no way to the server, and is never passed on for what
was rolled back. Each store has a channel of its own. One connection listens for all who look through a store; where it
is lost it is made anew, and what was said meanwhile is missing: everybody looks by themselves from time to time.
"""

from __future__ import annotations

import logging
import os
import selectors
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final
from uuid import UUID

import attrs
from sqlalchemy import Engine, Text, func, literal, select

from csvpipe.jobs import JobId
from csvpipe.store.sql.schema import csv_schema
from csvpipe.store.sql.transactions import Transaction

logger = logging.getLogger("csvpipe")

#: Begins the name of a channel; the store's identity ends it.
_CHANNEL: Final = "csvpipe_"

#: Ends what is said of a job for which somebody is called for.
_CALL: Final = "!"

_FIRST_PAUSE_SECONDS: Final = 0.5
_LONGEST_PAUSE_SECONDS: Final = 30.0

#: How often a silent connection is seen to be there still.
_SILENCE_SECONDS: Final = 60.0

_channel = literal(_CHANNEL, Text).concat(
    select(csv_schema.c.identity).where(csv_schema.c.version == 1).scalar_subquery()
)


def telling(transaction: Transaction, statement: Any, job_id: JobId, *, is_call: bool = False) -> Any:
    """The statement, which tells of a job when its transaction is committed; in SQLite there is nobody to tell.

    Args:
        transaction: That is to run it.
        statement: An insert, an update or a delete of the job.
        job_id: The job.
        is_call: Whether somebody is called for: see `Listening.listen`.
    """
    if transaction.is_alone:
        return statement
    return statement.returning(func.pg_notify(_channel, literal(f"{job_id}{_CALL if is_call else ''}", Text)))


@attrs.frozen(eq=False)
class _Listener:
    """One who wants to hear."""

    callback: Callable[[JobId], object]
    calls_only: bool


class Ear:
    """Hears of changed jobs, in a thread with a connection of its own, for as long as anybody wants to know.

    Args:
        engine: Makes the connection. With a driver that cannot listen nothing is ever heard.
        identity: Finds out the store's.
        first_pause_seconds: Before a lost connection is made anew.
    """

    def __init__(
        self, engine: Engine, identity: Callable[[], str], *, first_pause_seconds: float = _FIRST_PAUSE_SECONDS
    ) -> None:
        self._engine = engine
        self._identity = identity
        self._first_pause_seconds = first_pause_seconds
        self._lock = threading.Lock()
        self._listeners: tuple[_Listener, ...] = ()
        self._hearing: _Hearing | None = None
        self._pid = os.getpid()
        self._inherited: list[object] = []

    def __repr__(self) -> str:
        return f"<Ear of {len(self._listeners)} listeners>"

    def listen(self, callback: Callable[[JobId], object], *, calls_only: bool) -> Callable[[], None]:
        """See `Listening.listen`."""
        listener = _Listener(callback, calls_only)
        with self._lock:
            if self._pid != os.getpid():  # forked: the parent's connection is neither used nor closed here
                self._inherited.append(self._hearing)
                self._pid, self._hearing, self._listeners = os.getpid(), None, ()
            self._listeners = (*self._listeners, listener)
            if self._hearing is None:
                self._hearing = _Hearing(self._engine, self._identity, self._tell, self._first_pause_seconds)
        return lambda: self._leave(listener)

    def close(self) -> None:
        """Hear nothing more."""
        with self._lock:
            self._listeners, hearing, self._hearing = (), self._hearing, None
        if hearing is not None and self._pid == os.getpid():
            hearing.close()
            hearing.join()

    def _leave(self, listener: _Listener) -> None:
        with self._lock:
            self._listeners = tuple(each for each in self._listeners if each is not listener)
            if self._listeners or self._hearing is None or self._pid != os.getpid():
                return
            self._hearing.close()
            self._hearing = None

    def _tell(self, said: str) -> None:
        """In the thread: pass on what was said."""
        is_call = said.endswith(_CALL)
        try:
            job_id = JobId(UUID(said.removesuffix(_CALL)))
        except ValueError:  # anybody who is let into the database may speak on the channel
            return
        for listener in self._listeners:
            if is_call or not listener.calls_only:
                try:
                    listener.callback(job_id)
                except Exception:
                    logger.exception("a listener to changes of jobs raised")


class _Hearing:
    """The thread, from its beginning until it is closed."""

    def __init__(
        self, engine: Engine, identity: Callable[[], str], tell: Callable[[str], object], first_pause_seconds: float
    ) -> None:
        self._engine = engine
        self._identity = identity
        self._tell = tell
        self._first_pause_seconds = first_pause_seconds
        self._closed = threading.Event()
        # A byte on it ends a wait for what the server says.
        self._inner, self._outer = socket.socketpair()
        self._thread = threading.Thread(target=self._run, name="csvpipe-ear", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End the thread; does not wait."""
        self._closed.set()
        with suppress(OSError):
            self._outer.send(b".")

    def join(self) -> None:
        """Wait for its end; not for long: a server that is stopped keeps whoever asks it."""
        if self._thread is not threading.current_thread():
            self._thread.join(1.0)

    def _run(self) -> None:
        pause = self._first_pause_seconds
        try:
            while not self._closed.is_set():
                try:
                    with self._engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                        connection.detach()  # this one is no longer the pool's: others have as many as before
                        driver = connection.connection.dbapi_connection
                        if not callable(getattr(driver, "notifies", None)):
                            return
                        connection.exec_driver_sql(f'LISTEN "{_CHANNEL}{self._identity()}"')
                        pause = self._first_pause_seconds
                        self._hear(driver)
                except Exception as error:  # noqa: BLE001  # whatever a database raises that is away
                    if not self._closed.is_set():
                        logger.warning("changes of jobs are not heard of until the database is back: %r", error)
                self._closed.wait(pause)
                pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)
        finally:
            self._inner.close()
            self._outer.close()

    def _hear(self, driver: Any) -> None:
        """Pass on what is said until closed.

        Raises:
            Exception: The driver's, when the connection is lost.
        """
        with selectors.DefaultSelector() as selector:
            selector.register(driver.fileno(), selectors.EVENT_READ)
            selector.register(self._inner, selectors.EVENT_READ)
            while not self._closed.is_set():
                for notice in driver.notifies(timeout=0):
                    self._tell(notice.payload)
                if not selector.select(_SILENCE_SECONDS):
                    driver.execute("SELECT 1").close()
