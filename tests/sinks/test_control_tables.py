"""The tables with which a sink keeps order are made by whoever comes first, in whichever process."""

from __future__ import annotations

import threading
from uuid import uuid4

import pytest
import sqlalchemy as sa

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
