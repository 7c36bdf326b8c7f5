"""Several processes, one database."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable

import pytest

from csvpipe import JobStatus, SQLJobStore
from csvpipe.testing._store_contract.harness import a_draft, claim_all

pytestmark = pytest.mark.parametrize("kind", ["sqlite", "postgresql"])

PROCESSES = 4
JOBS = 60

#: Takes jobs, a few at a time, until there is none; does half of each, and finishes it.
WORKER = """
import sys
from csvpipe import SQLJobStore
from csvpipe.jobs import Verb
from csvpipe.store.protocol import WorkerId
from csvpipe.testing._store_contract.harness import PIPELINE, a_result

with SQLJobStore(sys.argv[1]) as store:
    print("ready", flush=True)
    sys.stdin.readline()
    while claims := store.claim(WorkerId(sys.argv[2]), pipelines=[PIPELINE], limit=2, lease_seconds=60.0):
        for claim in claims:
            print(claim.record.id, claim.lease.token)
            store.commit(claim.lease, [a_result(1, 5)], total_rows=10)
            store.renew([claim.lease], lease_seconds=60.0)
            store.settle(claim.lease, Verb.COMPLETE, results=[a_result(6, 5)])
"""


def test_each_job_goes_to_one_process(kind: str, make_url: Callable[[str], str]) -> None:
    """Processes that claim, commit and settle at the same time share the jobs, and every job is done once."""
    url = make_url(kind)
    with SQLJobStore(url) as store:
        jobs = {str(store.create(a_draft(owner=f"owner {number % 3}")).id) for number in range(JOBS)}
        workers = [
            subprocess.Popen(
                [sys.executable, "-c", WORKER, url, f"worker {number}"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            for number in range(PROCESSES)
        ]
        for worker in workers:
            assert worker.stdout is not None
            assert "ready\n" == worker.stdout.readline()
        for worker in workers:
            assert worker.stdin is not None
            worker.stdin.write("\n")
            worker.stdin.flush()
        said = [worker.communicate(timeout=90)[0].split("\n") for worker in workers]
        assert [0] * PROCESSES == [worker.returncode for worker in workers]
        taken = Counter(line.split()[0] for lines in said for line in lines if line)
        assert dict.fromkeys(jobs, 1) == dict(taken)
        page = store.list_jobs(limit=JOBS)
        assert {(JobStatus.COMPLETED, 10, 1)} == {(job.status, job.processed_rows, job.attempt) for job in page.jobs}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
@pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning")
def test_a_forked_child_has_connections_of_its_own(kind: str, make_url: Callable[[str], str]) -> None:
    """Parent and child go on at the same time with the store that was open when they parted."""
    with SQLJobStore(make_url(kind)) as store:
        first = store.create(a_draft())
        reading, writing = os.pipe()
        pid = os.fork()
        if not pid:  # only what cannot raise out of here: pytest is in this process, too
            status = 1
            try:
                for _ in range(20):
                    store.create(a_draft())
                    store.get(first.id)
                os.write(writing, str(store.list_jobs().total).encode())
                status = 0
            finally:
                os._exit(status)
        for _ in range(20):
            store.create(a_draft())
            assert first == store.get(first.id)
        assert 0 == os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        assert 21 <= int(os.read(reading, 20)) <= 41
        os.close(reading)
        os.close(writing)
        assert 41 == store.list_jobs().total == len(claim_all(store, limit=100))
