"""The tables with which a sink keeps order are made by whoever comes first, in whichever process."""

from __future__ import annotations

import threading
from uuid import uuid4

import pytest
import sqlalchemy as sa

from csvpipe import fencing
from csvpipe.context import Context
from csvpipe.jobs import JobId
from csvpipe.sinks import SQLTable

_AT_ONCE = 8


def _begin(table: SQLTable, together: threading.Barrier, errors: list[BaseException]) -> None:
    together.wait()
    try:
        table.take_over(JobId(uuid4()), 1)
    except BaseException as error:  # noqa: BLE001  # whatever it is
        errors.append(error)


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_many_begin_at_once(kind: str, request: pytest.FixtureRequest) -> None:
    """Each of them finds the tables, though they are made in a race."""
    make_url = request.getfixturevalue("make_url")
    for _ in range(5):
        url = make_url(kind)
        engine = sa.create_engine(url)
        with engine.begin() as connection:
            connection.exec_driver_sql("CREATE TABLE people (id bigint)")
        engine.dispose()
        tables = [SQLTable(url, "people") for _ in range(_AT_ONCE)]
        together, errors = threading.Barrier(_AT_ONCE), list[BaseException]()

        threads = [threading.Thread(target=_begin, args=[table, together, errors]) for table in tables]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for table in tables:
            table.engine.dispose()

        assert [] == errors


def test_whoever_comes_second_is_content() -> None:
    """That a table cannot be made is no matter where somebody else has made it meanwhile."""
    there: set[str] = set()

    def make(statement: str) -> None:
        there.update(name for name in fencing.TABLES if f" {name} " in statement)
        raise RuntimeError("somebody was quicker")

    fencing.make_tables(there.__contains__, make)

    assert set(fencing.TABLES) == there


def test_what_cannot_be_made_is_told() -> None:
    """Nobody goes on without the tables."""

    def make(_statement: str) -> None:
        raise PermissionError("no right to")

    with pytest.raises(PermissionError):
        fencing.make_tables(lambda _name: False, make)


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_many_transactions_of_handlers_begin_at_once(kind: str, request: pytest.FixtureRequest) -> None:
    """The first calls of all workers make the tables in a race, and none of their rows pays for it."""
    make_url = request.getfixturevalue("make_url")
    for _ in range(5):
        engine = sa.create_engine(make_url(kind))
        together, errors = threading.Barrier(_AT_ONCE), list[BaseException]()
        threads = [threading.Thread(target=_write, args=[engine, together, errors]) for _ in range(_AT_ONCE)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        engine.dispose()

        assert [] == errors


def _write(engine: sa.Engine, together: threading.Barrier, errors: list[BaseException]) -> None:
    job_id = JobId(uuid4())
    context = Context(
        job_id=job_id,
        root_id=job_id,
        filename="people.csv",
        owner=None,
        attempt=1,
        dry_run=False,
        rows=(1,),
        lines=(2,),
    )
    with engine.connect() as connection:
        together.wait()
        try:
            with context.transaction(connection):
                pass
        except BaseException as error:  # noqa: BLE001  # whatever it is
            errors.append(error)
