"""Several processes that share jobs, one of which falls silent and comes back."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import pytest
from durable_scene import Scene, write_people

pytestmark = [pytest.mark.timeout(600), pytest.mark.long]

_ROWS = 200_000
_FILES = 4
_LEASE_SECONDS = 2.0
_SQLITE_SECONDS = 4 * _LEASE_SECONDS


def test_instances_share_the_jobs_and_a_zombie_writes_nothing(scene: Scene, tmp_path: Path) -> None:
    """Three processes and four files; the one that has the jobs is frozen past its lease, and woken as a zombie."""
    paths = [
        write_people(tmp_path / f"people-{number}.csv", _ROWS, first=1 + number * _ROWS) for number in range(_FILES)
    ]
    owner = scene.start(*paths, lease_seconds=_LEASE_SECONDS)
    while scene.markers() < 1:
        time.sleep(0.01)
    owner.send_signal(signal.SIGSTOP)
    owned = [record for record in scene.records() if not record.status.is_terminal]
    others = [scene.start(*paths, lease_seconds=_LEASE_SECONDS) for _ in range(2)]
    # Who is frozen within a transaction of SQLite keeps all others out until it goes on: then nobody has its jobs.
    patience = time.monotonic() + _SQLITE_SECONDS
    is_sqlite = scene.target_url.startswith("sqlite")
    while any(not record.status.is_terminal for record in scene.records()):
        if is_sqlite and time.monotonic() > patience:
            break
        time.sleep(0.05)
    owner.send_signal(signal.SIGCONT)
    for process in [owner, *others]:
        said, _ = process.communicate()
        assert process.returncode == 0
        assert said.count(" completed ") == _FILES, said
    scene.check(rows=_ROWS, files=_FILES)
    assert owned
    if not is_sqlite:
        attempts = {record.id: record.attempt for record in scene.records()}
        assert all(attempts[record.id] > record.attempt for record in owned)
