"""Processes over one SQLite file that are killed while they open it, submit, retry or purge."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import anyio
import pytest
from durable_odd import FAILS_EVERY, KEYS, content, odd
from durable_scene import IMPORTABLE

import csvpipe
from csvpipe.errors import FileCode
from csvpipe.jobs import JobRecord, JobStatus
from csvpipe.pool.sweep import sweep
from csvpipe.store.protocol import JobStore

pytestmark = [pytest.mark.timeout(300), pytest.mark.long]

_KILLS = 24


def start(url: str, spool: Path, seed: int) -> subprocess.Popen[bytes]:
    """A process that does all of that at once, with others that do so as well."""
    path = os.pathsep.join([str(IMPORTABLE), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, "PYTHONPATH": path}
    environment.pop("COVERAGE_PROCESS_CONFIG", None)
    command = [sys.executable, str(IMPORTABLE / "durable_odd.py"), url, str(spool), str(seed)]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def kill(process: subprocess.Popen[bytes]) -> bytes:
    """End a process; what it has said of errors. That it still ran is the point."""
    assert process.poll() is None, process.communicate()
    process.send_signal(signal.SIGKILL)
    return process.communicate()[1]


def test_whatever_they_were_about(tmp_path: Path) -> None:
    """Each key has one job at most, each job comes to its end, and nothing is left in the spool that is of no job."""
    chance = random.Random(20_261)
    url, spool = f"sqlite:///{tmp_path}/jobs.db", tmp_path / "spool"
    running = [start(url, spool, seed) for seed in range(2)]
    for seed in range(2, _KILLS):
        # Some of them before they are up: while the tables are made, or the spool.
        time.sleep(chance.uniform(0, 0.4) if chance.random() < 1 / 3 else chance.uniform(0.8, 1.6))
        assert b"Traceback" not in kill(running.pop(0))
        running.append(start(url, spool, seed))
    for process in running:
        kill(process)

    with csvpipe.SQLJobStore(url) as store:
        found, left = anyio.run(finished, store, spool)

    assert {f"{key}.csv": 1 for key in range(KEYS)} == Counter(record.filename for record in found)
    for key, record in ((int(record.filename.removesuffix(".csv")), record) for record in found):
        fails = key % FAILS_EVERY == 0
        assert (JobStatus.FAILED if fails else JobStatus.COMPLETED) is record.status, record
        assert fails or 100 * (key + 1) == record.processed_rows == record.total_rows
    assert {str(record.id) for record in found if record.status is JobStatus.FAILED} == left


async def finished(store: JobStore, spool: Path) -> tuple[list[JobRecord], set[str]]:
    """All jobs when nothing is left to do, and those whose files are still in the spool."""
    async with csvpipe.WorkerPool(store, pipelines=[odd], spool_dir=spool) as pool:
        for key in range(KEYS):
            job = await pool.submit(odd, content(key), idempotency_key=str(key), filename=f"{key}.csv")
            if (await job.wait()).error_code == FileCode.CRASH_LOOP:  # so often was it killed
                await job.retry()
                await job.wait()
        return list(store.history(limit=1_000).jobs), left_in(spool, store, pool)


def left_in(spool: Path, store: JobStore, pool: csvpipe.WorkerPool) -> set[str]:
    """The jobs whose files are in the spool, once what is old enough has been swept: all of it, a day later."""
    sweep(pool._services.spool, store, pool._services.store_id, now=lambda: time.time() + 24 * 3600)
    return {path.name.partition("-")[2].partition(".")[0] for path in spool.iterdir() if path.name != ".csvpipe"}
