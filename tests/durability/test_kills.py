"""Processes that die at any moment: the table holds every row exactly once, and the counters are right."""

from __future__ import annotations

import random
import signal
import subprocess
import time
from pathlib import Path

import pytest
from durable_scene import Scene, write_people

from csvpipe.jobs import JobStatus

pytestmark = [pytest.mark.timeout(900), pytest.mark.long]

_KILLS = 25
_ROWS = 1_000_000

#: A job that is taken over once more after so many deaths of which the store knows no progress ends as a crash loop.
_IDLE_KILLS = 2


def told(scene: Scene) -> int:
    """How many bytes of the file the store knows to be done."""
    return sum(record.bytes_processed for record in scene.records())


def until_told(scene: Scene, process: subprocess.Popen[str], before: int) -> None:
    """Wait until the store knows of more, or the process has ended."""
    while process.poll() is None and told(scene) <= before:
        time.sleep(0.01)


def finished(scene: Scene, process: subprocess.Popen[str]) -> str:
    """Wait for a process to end by itself; what it said."""
    said, _ = process.communicate()
    assert process.returncode == 0
    return said


def test_kills_at_random_moments_lose_and_double_nothing(scene: Scene, tmp_path: Path) -> None:
    """A million rows, and a process that is killed 25 times on the way."""
    chance = random.Random(20_241_127)
    path = write_people(tmp_path / "people.csv", _ROWS)
    idle = 0
    for _ in range(_KILLS):
        before = told(scene)
        process = scene.start(path)
        # Often in mid-chunk, before or after one is delivered; never so often in vain that it looks like a crash loop.
        if idle == _IDLE_KILLS or chance.random() < 2 / 3:
            until_told(scene, process, before)
        time.sleep(chance.uniform(0, 0.05))
        process.send_signal(signal.SIGKILL)
        scene.end(process)
        idle = 0 if told(scene) > before else idle + 1
        [status] = {record.status for record in scene.records()} or {JobStatus.PENDING}
        assert status in (JobStatus.PENDING, JobStatus.PROCESSING)
    finished(scene, scene.start(path))
    scene.check(rows=_ROWS)
