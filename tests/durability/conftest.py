"""Where durability is tried: on SQLite, and on a real PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from durable_scene import TABLE, Scene, Server
from sql_databases import running


def _made(scene: Scene) -> Iterator[Scene]:
    with scene.target() as connection:
        connection.execute(sa.text(TABLE))
    try:
        yield scene
    finally:
        scene.close()


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """A PostgreSQL of one's own, which may be killed."""
    with running() as started:
        yield Server(started)


@pytest.fixture
def sqlite_scene(tmp_path: Path) -> Iterator[Scene]:
    """Store and table in two SQLite files."""
    yield from _made(
        Scene(store_url=f"sqlite:///{tmp_path}/jobs.db", target_url=f"sqlite:///{tmp_path}/target.db", folder=tmp_path)
    )


@pytest.fixture
def postgresql_scene(server: Server, tmp_path: Path) -> Iterator[Scene]:
    """Store and table in one database of a server that may be killed."""
    url = server.new_database()
    yield from _made(Scene(store_url=url, target_url=url, folder=tmp_path))


@pytest.fixture
def scene(request: pytest.FixtureRequest) -> Scene:
    """Store and table in SQLite, or in a real PostgreSQL."""
    found: Scene = request.getfixturevalue(f"{request.param}_scene")
    return found


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run whatever wants a `scene` on both databases."""
    if "scene" in metafunc.fixturenames:
        metafunc.parametrize("scene", ["sqlite", "postgresql"], indirect=True)
