"""A host that is killed in the middle of a delivery, and the next one, which goes on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sink_handlers
from process_handlers import told

import csvpipe

PEOPLE = "CREATE TABLE people (id INTEGER PRIMARY KEY, name VARCHAR(20) NOT NULL)"

#: Submits the file where it has not been, and waits for the job's end.
HOST = """
import sys, anyio, csvpipe, sink_handlers
async def main():
    with csvpipe.SQLJobStore(sys.argv[1]) as store:
        pipelines = [sink_handlers.into_people]
        options = {"workers": 2, "lease_seconds": 1.0, "flush_interval": 60}
        async with csvpipe.WorkerPool(store, pipelines=pipelines, **options) as pool:
            job = await pool.submit("into_people", sys.argv[2], idempotency_key="people")
            record = await job.wait()
            print(record.status, record.processed_rows, record.failed_rows, record.attempt)
anyio.run(main)
"""


@pytest.mark.parametrize("where", ["amid the rows", "after a commit"])
def test_the_next_host_goes_on(
    database: Any,
    make_url: Callable[[str], str],
    shared: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    where: str,
) -> None:
    """What the first one has committed to the table and not told is told by the second; no row is missing or twice."""
    database.run(PEOPLE, "INSERT INTO people VALUES (2500, 'here')")
    monkeypatch.setenv(sink_handlers.URL, database.url)
    monkeypatch.setenv("CSVPIPE_TEST_DEATH", where)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, sys.path)))
    file = tmp_path / "people.csv"
    file.write_text("id,name\n" + "".join(f"{number},name {number}\n" for number in range(1, 5_001)), "utf-8")
    store = make_url("sqlite")
    command = [sys.executable, "-c", HOST, store, str(file)]

    first = subprocess.run(command, capture_output=True, text=True, check=False)
    second = subprocess.run(command, capture_output=True, text=True, check=False)

    assert -signal.SIGKILL == first.returncode, first.stderr
    assert [where] == told(shared, "deaths")
    assert "completed 4999 1 2" == second.stdout.strip(), second.stderr
    assert [(5_000, 5_000 * 5_001 // 2)] == database.rows("SELECT count(*), sum(id) FROM people")
    with csvpipe.SQLJobStore(store) as jobs:
        [record] = jobs.list_jobs().jobs
        assert [(2_500, "unique")] == [(error.row, error.code) for _, error in jobs.row_errors(record.id)]
