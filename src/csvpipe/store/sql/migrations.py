"""From whatever the database holds to the tables of `schema`, one version after the other.

What a table, a column (`info`) or an index (`info`) says of itself with `{"since": 3}` is added by version 3; the
others are there from the first one. Nothing is ever taken away or renamed within a major version of csvpipe, so that
programs of before and after go on side by side; a version after which older ones must not write raises `min_reader`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final
from uuid import uuid4

import attrs
from sqlalchemy import Column, Connection, MetaData, Table, func, inspect, select, text, true
from sqlalchemy.schema import CreateColumn, CreateIndex, CreateTable

from csvpipe.errors import StoreVersionError
from csvpipe.store.sql.schema import csv_jobs, csv_schema, metadata
from csvpipe.store.sql.transactions import Database, Transaction

#: One migration at a time in a database: the key of an advisory lock of PostgreSQL, the bytes of "csvpipe" as a number.
_LOCK: Final = int.from_bytes(b"csvpipe")


@attrs.frozen(kw_only=True)
class Version:
    """One version of the schema.

    Attributes:
        number: Counts from 1.
        min_reader: The oldest version whose programs may use the database after this one.
        fill: What is done besides what the tables say, such as to fill a new column.
    """

    number: int
    min_reader: int = 1
    fill: Callable[[Connection], None] | None = None


def _tell_dry_runs(connection: Connection) -> None:
    """Fill `csv_jobs.dry_run` from the plans.

    They are looked at as texts, which needs no functions for JSON: within a string quotes would be escaped.
    """
    is_dry = csv_jobs.c.plan.contains('"dry_run":true', autoescape=True)
    connection.execute(csv_jobs.update().where(is_dry).values(dry_run=true()))


#: All there are, oldest first.
VERSIONS: Final = (Version(number=1), Version(number=2, fill=_tell_dry_runs))


def migrate(
    database: Database, *, versions: tuple[Version, ...] = VERSIONS, tables: MetaData = metadata
) -> tuple[int, ...]:
    """Bring the database up to the last of `versions`; tell which had to be applied.

    A database that is ahead is used as it is, where its `min_reader` allows that.

    Raises:
        StoreVersionError: It does not.
    """
    if database.is_sqlite:  # a property of the file, which no transaction may change
        database.read(_look)
        database.set_up("PRAGMA journal_mode=WAL")  # waits only for so long by itself
    known = versions[-1].number
    # Most of the time there is nothing to do, and nobody need wait for that; nor need the program have a right to.
    if database.read(lambda transaction: _version(transaction.connection, known)) >= known:
        return ()
    return database.write(lambda transaction: _apply(transaction, versions, tables))


def _look(transaction: Transaction) -> None:
    """Wait until the file can be read, or say what is wrong with it."""
    transaction.connection.exec_driver_sql("SELECT count(*) FROM sqlite_master")


def _version(connection: Connection, known: int) -> int:
    """Which version the database is at; 0 where it has none.

    Raises:
        StoreVersionError: It is not for programs that know versions up to `known`.
    """
    if not inspect(connection).has_table(csv_schema.name):
        return 0
    found = connection.execute(select(func.max(csv_schema.c.version), func.max(csv_schema.c.min_reader))).one()
    version, min_reader = found[0] or 0, found[1] or 0
    if min_reader > known:
        raise StoreVersionError(version, known)
    return version


def _apply(transaction: Transaction, versions: tuple[Version, ...], tables: MetaData) -> tuple[int, ...]:
    connection = transaction.connection
    if connection.dialect.name == "postgresql":
        connection.execute(select(func.pg_advisory_xact_lock(_LOCK)))
    before = _version(connection, versions[-1].number)
    lacking = [version for version in versions if version.number > before]
    for version in lacking:
        _add(connection, tables, version.number)
        if version.fill is not None:
            version.fill(connection)
        connection.execute(
            csv_schema.insert(),
            {
                "version": version.number,
                "min_reader": version.min_reader,
                "applied_at": transaction.now,
                "identity": uuid4().hex if version.number == 1 else None,
            },
        )
    return tuple(version.number for version in lacking)


def _add(connection: Connection, tables: MetaData, number: int) -> None:
    """All that is there since a version."""
    for table in tables.sorted_tables:
        if _since(table.info) == number:
            connection.execute(CreateTable(_as_of(table, number)))
        elif _since(table.info) < number:
            for column in table.columns:
                if _since(column.info) == number:
                    _add_column(connection, table, column)
        for index in sorted(table.indexes, key=lambda index: str(index.name)):
            if max(_since(index.info), _since(table.info)) == number:
                connection.execute(CreateIndex(index))


def _since(info: Mapping[str, int]) -> int:
    return info.get("since", 1)


def _as_of(table: Table, number: int) -> Table:
    """A table without the columns that came after a version."""
    copied = table.to_metadata(MetaData())
    for column in copied.columns:
        column.system = _since(column.info) > number  # such columns are not the statement's to make
    return copied


def _add_column(connection: Connection, table: Table, column: Column[object]) -> None:
    defined = CreateColumn(column).compile(dialect=connection.dialect)
    name = connection.dialect.identifier_preparer.format_table(table)
    connection.execute(text(f"ALTER TABLE {name} ADD COLUMN {defined}"))
