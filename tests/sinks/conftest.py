"""Databases for rows, on the server that the tests of stores have."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.pool import NullPool


class Database:
    """A database for one test, and what the test wants to know of it."""

    def __init__(self, url: str, kind: str) -> None:
        self.url = url
        self.kind = kind
        self.engine = sa.create_engine(url, poolclass=NullPool)

    def run(self, *statements: str) -> None:
        """Run statements, each committed."""
        with self.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            for statement in statements:
                connection.exec_driver_sql(statement)

    def rows(self, statement: str) -> Sequence[Any]:
        """What a statement finds."""
        with self.engine.connect() as connection:
            return [tuple(row) for row in connection.exec_driver_sql(statement)]


@pytest.fixture
def make_database(make_url: Callable[[str], str]) -> Callable[[str], Database]:
    """Make an empty one, of this kind."""
    return lambda kind: Database(make_url(kind), kind)


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, make_database: Callable[[str], Database]) -> Database:
    """An empty one, of each kind."""
    return make_database(request.param)


@pytest.fixture
def server(make_database: Callable[[str], Database]) -> Database:
    """An empty one in PostgreSQL, for what only that can do."""
    return make_database("postgresql")
