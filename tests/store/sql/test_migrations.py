"""From one version of the tables to the next, with programs of both at work."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

import attrs
import pytest
from sqlalchemy import Column, Connection, Engine, Index, Integer, MetaData, String, Table, inspect, select, text

from csvpipe import SQLJobStore, StoreVersionError
from csvpipe.store._changes import created
from csvpipe.store.protocol import JobDraft
from csvpipe.store.sql.address import open_engine
from csvpipe.store.sql.codec import job_values
from csvpipe.store.sql.columns import UtcTime
from csvpipe.store.sql.migrations import VERSIONS, Version, migrate
from csvpipe.store.sql.schema import csv_jobs, csv_schema, metadata
from csvpipe.store.sql.transactions import Database, Transaction
from csvpipe.testing._store_contract.harness import a_draft, a_plan

pytestmark = pytest.mark.parametrize("kind", ["sqlite", "postgresql"])


@pytest.fixture
def databases(kind: str, make_url: Callable[[str], str]) -> Iterator[Callable[[], Database]]:
    """Makes databases with nothing in them."""
    made: list[Database] = []

    def make() -> Database:
        made.append(Database(open_engine(make_url(kind)), 10.0))
        return made[-1]

    yield make
    for database in made:
        database.engine.dispose()


@pytest.fixture
def database(databases: Callable[[], Database]) -> Database:
    """A database with nothing in it."""
    return databases()


def reflected(engine: Engine) -> dict[str, Any]:
    """All that the database knows of its tables, whatever the order of columns."""
    with engine.connect() as connection:
        inspector = inspect(connection)
        return {
            table: {
                "columns": {
                    column["name"]: (str(column["type"]), column["nullable"], column.get("default"))
                    for column in inspector.get_columns(table)
                },
                "key": inspector.get_pk_constraint(table)["constrained_columns"],
                "checks": sorted(check["sqltext"] for check in inspector.get_check_constraints(table)),
                "indexes": {
                    index["name"]: (
                        index["column_names"],
                        index["unique"],
                        sorted((name, str(value)) for name, value in index.get("dialect_options", {}).items()),
                    )
                    for index in inspector.get_indexes(table)
                },
            }
            for table in inspector.get_table_names()
        }


#: The version that comes next, and the one after that.
_NEXT: Final = VERSIONS[-1].number + 1
_AFTER: Final = _NEXT + 1


def later_tables() -> MetaData:
    """The tables as two versions more might have them: a column, an index and a table, and then a table."""
    later = MetaData()
    for table in metadata.sorted_tables:
        table.to_metadata(later)
    jobs = later.tables["csv_jobs"]
    jobs.append_column(Column("priority", Integer, info={"since": _NEXT}))
    Index("csv_jobs_priority", jobs.c.priority, info={"since": _NEXT})
    Table(
        "csv_notes", later, Column("id", Integer, primary_key=True), Column("note", String(9)), info={"since": _AFTER}
    )
    Table("csv_marks", later, Column("id", Integer, primary_key=True), info={"since": _NEXT})
    return later


class TestFresh:
    """A database with nothing in it."""

    def test_migrations_lead_to_the_schema(self, databases: Callable[[], Database]) -> None:
        """What the versions make, one after the other, is what `schema` says, down to the indexes."""
        migrated, made = databases(), databases()
        assert tuple(version.number for version in VERSIONS) == migrate(migrated)
        metadata.create_all(made.engine)
        assert reflected(made.engine) == reflected(migrated.engine)

    def test_a_second_time_there_is_nothing_to_do(self, database: Database) -> None:
        """Opening a store changes nothing where the tables are there."""
        migrate(database)
        assert () == migrate(database)

    def test_however_many_open_it_at_once(self, kind: str, make_url: Callable[[str], str]) -> None:
        """Processes that start together make the tables once, and none of them fails."""
        url = make_url(kind)

        def submit(_: int) -> None:
            with SQLJobStore(url) as store:
                store.create(a_draft())

        with ThreadPoolExecutor(6) as threads:
            list(threads.map(submit, range(6)))
        with SQLJobStore(url) as store:
            assert 6 == store.list_jobs().total


class TestLater:
    """A database of an earlier version, or of a later one."""

    VERSIONS = (*VERSIONS, Version(number=_NEXT), Version(number=_AFTER))

    def test_step_by_step_is_the_same_as_at_once(self, databases: Callable[[], Database]) -> None:
        """An upgraded database and a new one do not differ."""
        upgraded, fresh = databases(), databases()
        numbers = tuple(version.number for version in self.VERSIONS)
        for last in numbers:
            assert (last,) == migrate(upgraded, versions=self.VERSIONS[:last], tables=later_tables())
        assert numbers == migrate(fresh, versions=self.VERSIONS, tables=later_tables())
        assert reflected(fresh.engine) == reflected(upgraded.engine)
        assert {"csv_notes", "csv_marks"} < set(reflected(fresh.engine))
        assert "priority" in reflected(fresh.engine)["csv_jobs"]["columns"]

    def test_older_programs_go_on(self, kind: str, make_url: Callable[[str], str]) -> None:
        """What is only added disturbs no program that does not know it, with jobs in the tables."""
        url = make_url(kind)
        with SQLJobStore(url) as older:
            first = older.create(a_draft())
            database = Database(open_engine(url), 10.0)
            assert (_NEXT, _AFTER) == migrate(database, versions=self.VERSIONS, tables=later_tables())
            database.engine.dispose()
            assert first == older.get(first.id)
            older.create(a_draft())
        with SQLJobStore(url) as older_too:
            assert 2 == older_too.list_jobs().total

    def test_what_is_not_additive_shuts_older_programs_out(self, kind: str, make_url: Callable[[str], str]) -> None:
        """A version may say which programs are too old for it: they refuse to start, and say why."""
        url = make_url(kind)
        database = Database(open_engine(url), 10.0)
        migrate(database, versions=(*VERSIONS, Version(number=_NEXT, min_reader=_NEXT)))
        database.engine.dispose()
        with pytest.raises(StoreVersionError, match=rf"of version {_NEXT}.*up to {_NEXT - 1}.*newer csvpipe"):
            SQLJobStore(url)

    def test_a_version_may_fill_what_it_adds(self, database: Database) -> None:
        """In the same transaction: a version that fails leaves nothing behind."""

        def fill(connection: Connection) -> None:
            connection.execute(text("UPDATE csv_jobs SET priority = 1"))
            raise RuntimeError("enough")

        migrate(database)
        before = reflected(database.engine)
        failing = (*VERSIONS, Version(number=_NEXT, fill=fill))
        with pytest.raises(RuntimeError, match="enough"):
            migrate(database, versions=failing, tables=later_tables())
        assert before == reflected(database.engine)
        assert (_NEXT, _AFTER) == migrate(database, versions=self.VERSIONS, tables=later_tables())

    def test_versions_are_dated(self, database: Database) -> None:
        """The database says when each version came."""
        migrate(database, versions=self.VERSIONS, tables=later_tables())
        with database.engine.connect() as connection:
            rows = connection.execute(select(csv_schema).order_by(csv_schema.c.version)).all()
        assert [(version.number, 1) for version in self.VERSIONS] == [row[:2] for row in rows]
        assert isinstance(csv_schema.c.applied_at.type, UtcTime)
        assert all(row.applied_at.utcoffset() is not None for row in rows)


class TestDryRuns:
    """Jobs say since version 2 whether they are dry runs."""

    def test_jobs_of_before_say_it_as_their_plans_do(self, kind: str, make_url: Callable[[str], str]) -> None:
        """Whatever their files and columns are called."""
        url = make_url(kind)
        database = Database(open_engine(url), 10.0)
        migrate(database, versions=VERSIONS[:1])
        inspection = a_plan().inspection
        assert inspection is not None
        confusing = attrs.evolve(inspection, columns=('"dry_run":true', '","dry_run":true,"'))
        drafts = [
            attrs.evolve(a_draft(), plan=attrs.evolve(a_plan(), inspection=found, dry_run=is_dry))
            for found in (inspection, confusing)
            for is_dry in (True, False)
        ]
        for draft in drafts:
            database.write(lambda transaction, draft=draft: as_version_1_did(transaction, draft))
        database.engine.dispose()
        with SQLJobStore(url) as store:
            assert [True, False, True, False] == [store.get(draft.id).dry_run for draft in drafts]
            assert [draft.plan for draft in drafts] == [store.plan(draft.id) for draft in drafts]

    def test_programs_of_before_leave_it_out(self, kind: str, make_url: Callable[[str], str]) -> None:
        """What they submit meanwhile is taken to be none."""
        with SQLJobStore(make_url(kind)) as store:
            draft = a_draft()
            store._database.write(lambda transaction: as_version_1_did(transaction, draft))
            assert not store.get(draft.id).dry_run


def as_version_1_did(transaction: Transaction, draft: JobDraft) -> None:
    """Submit a job."""
    values = job_values(created(draft, now=transaction.now), draft)
    del values["dry_run"]
    transaction.connection.execute(csv_jobs.insert(), values)


def test_a_file_of_sqlite_is_in_wal_mode(kind: str, make_url: Callable[[str], str], tmp_path: Path) -> None:
    """Readers do not wait for writers; PostgreSQL needs no such thing."""
    with SQLJobStore(make_url(kind)) as store, store._database.engine.connect() as connection:
        if kind == "sqlite":
            assert "wal" == connection.exec_driver_sql("PRAGMA journal_mode").scalar_one()
            assert 2 == connection.exec_driver_sql("PRAGMA synchronous").scalar_one()
        assert kind == connection.dialect.name
