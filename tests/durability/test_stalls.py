"""Processes that stand still, some way or other: who keeps a job, and who gets it."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest
import sqlalchemy as sa
from durable_scene import Scene, write_people

pytestmark = [pytest.mark.timeout(300), pytest.mark.long]

_ROWS = 200_000
_LEASE_SECONDS = 2.0


def test_a_blocked_event_loop_keeps_its_jobs(scene: Scene, tmp_path: Path) -> None:
    """It stands still for four leases, with somebody else waiting for the job: the lease is renewed from a thread."""
    path = write_people(tmp_path / "people.csv", _ROWS)
    owner = scene.start(path, lease_seconds=_LEASE_SECONDS, stall_seconds=4 * _LEASE_SECONDS)
    while scene.markers() < 1:
        time.sleep(0.01)
    other = scene.start(path, lease_seconds=_LEASE_SECONDS)
    assert owner.stdout is not None
    assert owner.stdout.readline() == "moves again\n"
    [record] = scene.records()
    for process in (owner, other):
        said, _ = process.communicate()
        assert process.returncode == 0
        assert " completed " in said
    [last] = scene.records()
    scene.check(rows=_ROWS)
    assert (1, 1) == (record.attempt, last.attempt)


def test_a_client_that_is_frozen_inside_copy_loses_its_job(postgresql_scene: Scene, tmp_path: Path) -> None:
    """No time-out of the server ends such a transaction; its successor does, and goes on where it was committed."""
    scene = postgresql_scene
    engine = sa.create_engine(scene.store_url, isolation_level="AUTOCOMMIT")
    try:
        path = write_people(tmp_path / "people.csv", _ROWS)
        owner = scene.start(path, lease_seconds=_LEASE_SECONDS)
        with engine.connect() as looking:
            frozen = _freeze_inside_copy(looking, owner.pid)
            [before] = scene.records()
            said, _ = scene.start(path, lease_seconds=_LEASE_SECONDS).communicate()
            [record] = scene.records()
            left = _in_copy(looking)
        owner.send_signal(signal.SIGCONT)
        woken, _ = owner.communicate()
        assert " completed " in said
        assert " completed " in woken
        assert owner.returncode == 0
        assert record.attempt == before.attempt + 1
        assert not frozen & left
        scene.check(rows=_ROWS)
    finally:
        engine.dispose()


def _in_copy(connection: sa.Connection) -> set[int]:
    """The back ends that wait for a client to go on with a COPY."""
    statement = "SELECT pid FROM pg_stat_activity WHERE query LIKE 'COPY%' AND state = 'active'"
    return set(connection.scalars(sa.text(statement)))


def _freeze_inside_copy(connection: sa.Connection, pid: int) -> set[int]:
    """Stop a process at a moment when a COPY of its is under way; the back ends that wait for it."""
    while True:
        if not _in_copy(connection):
            continue
        os.kill(pid, signal.SIGSTOP)
        first = _in_copy(connection)
        time.sleep(0.2)  # what the client had sent is read by now
        if waiting := first & _in_copy(connection):
            return waiting
        os.kill(pid, signal.SIGCONT)
