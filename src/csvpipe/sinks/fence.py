"""Keeps earlier attempts of a job from writing, and reads what they have written."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from csvpipe import fencing
from csvpipe.errors import TakenOverError, Unavailable
from csvpipe.jobs import JobId
from csvpipe.sinks.refusals import trouble_of

if TYPE_CHECKING:
    from csvpipe.sinks.table import SQLTable

#: How often transactions of earlier attempts are ended that hold the fence, and how long it is waited for before.
_ROUNDS: Final = 5
_LOCK_SECONDS: Final = 2


def take_over(table: SQLTable, job_id: JobId, attempt: int) -> list[str]:
    """See `Sink.take_over`."""
    with _connected(table) as connection:
        _make_tables(connection, table)
        if connection.dialect.name == "postgresql":
            _raise_in_postgresql(connection, job_id, attempt)
        else:
            connection.exec_driver_sql(fencing.raised(job_id, attempt))
        if connection.exec_driver_sql(fencing.present(job_id)).scalar_one() != attempt:
            raise TakenOverError(job_id)
        return [] if attempt == 1 else list(connection.exec_driver_sql(fencing.results(job_id)).scalars())


def forget(table: SQLTable, job_id: JobId) -> None:
    """See `Sink.forget`."""
    with _connected(table) as connection:
        if not sa.inspect(connection).has_table(fencing.FENCE):  # nothing but dry runs
            return
        for statement in fencing.forgotten(job_id):
            connection.exec_driver_sql(statement)


@contextmanager
def _connected(table: SQLTable) -> Iterator[sa.Connection]:
    table.see_file()
    try:
        with table.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            yield connection
    except SQLAlchemyError as error:
        origin: Any = getattr(error, "orig", None) or error
        raise trouble_of(origin, table.address) from error


def _make_tables(connection: sa.Connection, table: SQLTable) -> None:
    """Once for each process, and only what is missing: an application may not let its user do so."""
    if table.has_tables:
        return
    fencing.make_tables(lambda name: sa.inspect(connection).has_table(name), connection.exec_driver_sql)
    table.has_tables = True


def _raise_in_postgresql(connection: sa.Connection, job_id: JobId, attempt: int) -> None:
    """A client that is frozen holds its lock past every time-out: what is left is to end its connection."""
    connection.exec_driver_sql(f"SET lock_timeout = '{_LOCK_SECONDS}s'")
    for _ in range(_ROUNDS):
        try:
            connection.exec_driver_sql(fencing.raised(job_id, attempt))
        except DBAPIError as error:
            if getattr(error.orig, "sqlstate", None) != fencing.LOCKED:
                raise
            connection.exec_driver_sql(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "  # noqa: S608  # digits
                f"WHERE application_name LIKE 'csvpipe {job_id.hex} %%' "
                f"AND split_part(application_name, ' ', 3)::bigint < {attempt:d} AND pid <> pg_backend_pid()"
            )
        else:
            return
    raise Unavailable(f"job {job_id}: earlier attempts hold its row in {fencing.FENCE} and cannot be ended")
