"""A database that dies under a job: no row is rejected for it, none is lost, none is doubled."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from durable_scene import Scene, Server, write_people

pytestmark = [pytest.mark.timeout(600), pytest.mark.long]

_ROWS = 400_000

_MINUTE = 60.0


def test_postgresql_is_killed_and_comes_back(server: Server, postgresql_scene: Scene, tmp_path: Path) -> None:
    """Store and table are on a server whose postmaster is killed in mid-job, twice; the job goes on by itself."""
    process = postgresql_scene.start(write_people(tmp_path / "people.csv", _ROWS))
    for _ in range(2):
        before = postgresql_scene.markers()
        while process.poll() is None and postgresql_scene.markers() <= before:
            time.sleep(0.01)
        assert process.poll() is None, "the job ended before the server did"
        server.kill()
        server.start()
    said, _ = process.communicate()
    assert process.returncode == 0
    assert " completed " in said
    postgresql_scene.check(rows=_ROWS)


@pytest.mark.parametrize("how", ["killed", "stopped"])
def test_postgresql_is_away_for_a_minute(server: Server, postgresql_scene: Scene, tmp_path: Path, how: str) -> None:
    """Far longer than a lease, and than the store's patience: the process that had the job goes on with it."""
    process = postgresql_scene.start(write_people(tmp_path / "people.csv", _ROWS), lease_seconds=5.0)
    while process.poll() is None and postgresql_scene.markers() < 1:
        time.sleep(0.01)
    assert process.poll() is None, "the job ended before the server did"
    if how == "killed":
        server.kill()
        time.sleep(_MINUTE)
        server.start()
    else:
        go_on = server.stop()
        time.sleep(_MINUTE)
        go_on()
    said, _ = process.communicate()
    assert process.returncode == 0
    assert " completed " in said
    postgresql_scene.check(rows=_ROWS)
