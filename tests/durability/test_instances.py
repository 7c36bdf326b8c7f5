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


def test_instances_share_the_jobs_and_a_zombie_writes_nothing(scene: Scene, tmp_path: Path) -> None:
    """Three processes and four files; one process is frozen past its lease, and woken when others have its jobs."""
    paths = [
        write_people(tmp_path / f"people-{number}.csv", _ROWS, first=1 + number * _ROWS) for number in range(_FILES)
    ]
    processes = [scene.start(*paths, lease_seconds=_LEASE_SECONDS) for _ in range(3)]
    frozen = processes[0]
    while scene.markers() < 3:
        time.sleep(0.01)
    before = {record.id: record.attempt for record in scene.records()}
    frozen.send_signal(signal.SIGSTOP)
    # The others end all jobs, those of the frozen one among them: it takes its lease to run out.
    while any(not record.status.is_terminal for record in scene.records()):
        time.sleep(0.05)
    frozen.send_signal(signal.SIGCONT)
    for process in processes:
        said, _ = process.communicate()
        assert process.returncode == 0
        assert said.count("completed") == _FILES, said
    scene.check(rows=_ROWS, files=_FILES)
    assert any(record.attempt > before[record.id] for record in scene.records())
