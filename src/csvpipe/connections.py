"""Connections of the libraries there are, as a transaction wants them; none of these libraries is imported."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Protocol

from csvpipe.errors import PipelineError

if TYPE_CHECKING:
    import sqlite3


class Connection(Protocol):
    """What a transaction is made of, whichever library the connection is from."""

    is_postgresql: bool

    def begin(self) -> None:
        """Begin a transaction in which nobody can come between a look and a write."""
        ...

    def run(self, statement: str) -> Any:
        """Run a statement without values; what it returns has `fetchall` where it finds rows."""
        ...

    def commit(self) -> None:
        """Make it last."""
        ...

    def rollback(self) -> None:
        """Undo it."""
        ...


def origin_of(error: BaseException) -> BaseException:
    """The driver's error in SQLAlchemy's."""
    return getattr(error, "orig", None) or error


def adapted_to(connection: Any) -> Connection:
    """What a transaction is made of on this connection.

    Raises:
        PipelineError: It is of no library that is known here, or in a transaction.
    """
    if "sqlite3" in sys.modules and isinstance(connection, sys.modules["sqlite3"].Connection):
        return _SQLite(connection)
    if hasattr(connection, "exec_driver_sql") and hasattr(connection, "dialect"):
        if connection.dialect.name in {"postgresql", "sqlite"} and not connection.dialect.is_async:
            return _SQLAlchemy(connection)
    elif type(connection).__module__.partition(".")[0] == "psycopg" and not hasattr(connection, "__aenter__"):
        return _Psycopg(connection)
    raise PipelineError(
        "Context.transaction takes a synchronous connection to PostgreSQL or SQLite: one of SQLAlchemy, psycopg or "
        f"sqlite3, not {connection!r}"
    )


def _check_free(is_free: bool) -> None:  # noqa: FBT001  # the one thing that it is about
    if not is_free:
        raise PipelineError(
            "Context.transaction begins a transaction, but the connection is in one already; commit it first"
        )


class _Driver:
    """What the two drivers have in common."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    def commit(self) -> None:
        self._connection.commit()

    def rollback(self) -> None:
        self._connection.rollback()


class _SQLite(_Driver):
    is_postgresql = False

    def __init__(self, connection: sqlite3.Connection) -> None:
        _check_free(not connection.in_transaction)
        super().__init__(connection)

    def begin(self) -> None:
        self._connection.execute("BEGIN IMMEDIATE")

    def run(self, statement: str) -> Any:
        cursor = self._connection.cursor()
        cursor.row_factory = None  # the application's may be anything
        return cursor.execute(statement)


class _Psycopg(_Driver):
    is_postgresql = True

    def __init__(self, connection: Any) -> None:
        _check_free(int(connection.info.transaction_status) == 0)
        super().__init__(connection)

    def begin(self) -> None:
        if self._connection.autocommit:  # else the first statement does so by itself
            self._connection.execute("BEGIN")

    def run(self, statement: str) -> Any:
        cursor = self._connection.cursor(row_factory=sys.modules["psycopg"].rows.tuple_row)
        return cursor.execute(statement)


class _SQLAlchemy:
    def __init__(self, connection: Any) -> None:
        _check_free(not connection.in_transaction())
        self._connection = connection
        self.is_postgresql = connection.dialect.name == "postgresql"

    def begin(self) -> None:
        self._connection.begin()
        if not self.is_postgresql:
            self._connection.exec_driver_sql("BEGIN IMMEDIATE")

    def run(self, statement: str) -> Any:
        return self._connection.exec_driver_sql(statement)

    def commit(self) -> None:
        self._connection.commit()

    def rollback(self) -> None:
        self._connection.rollback()
