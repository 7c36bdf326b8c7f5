"""What crashes leave in a spool is removed, and nothing else is."""

import os
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import attrs
import pytest

import csvpipe
from csvpipe._intake.arrival.spool import Spool
from csvpipe.errors import FileCode, FileFailure
from csvpipe.jobs import JobId, JobStatus, Verb
from csvpipe.pool.spooled import Spooled, read_name, spill_name, upload_name
from csvpipe.pool.sweep import GRACE_SECONDS, sweep
from csvpipe.testing._store_contract.harness import a_draft, a_result, claim_all, claim_new

MakeCsv = Callable[..., Path]

NOW = 1_700_000_000.0


@pytest.fixture
def store() -> csvpipe.MemoryJobStore:
    """An empty store."""
    return csvpipe.MemoryJobStore()


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    """A spool that outlives its pools."""
    return Spool(tmp_path)


def left(spool: Spool, name: str, *, age: float = GRACE_SECONDS + 1) -> Path:
    """A file that was last written to so long ago."""
    path = spool.path(name)
    path.write_text("id\n1\n")
    os.utime(path, (NOW - age, NOW - age))
    return path


def remaining(spool: Spool, store: csvpipe.MemoryJobStore) -> list[str]:
    """What a sweep leaves."""
    before = len(spool.kept("*"))
    removed = sweep(spool, store, store.identity, now=lambda: NOW)
    names = [path.name for path in spool.kept("*")]
    assert before - removed == len(names)
    return names


def test_names_say_what_a_file_is() -> None:
    """Names are read as they are made; others are none of ours."""
    job_id = JobId(uuid4())
    upload, spill = upload_name("abcdefgh", job_id), spill_name("abcdefgh", job_id, start=17, attempt=3)
    assert Spooled(store_id="abcdefgh", job_id=job_id, kind="upload") == read_name(upload)
    assert Spooled(store_id="abcdefgh", job_id=job_id, kind="part") == read_name(f"{upload}.part")
    assert Spooled(store_id="abcdefgh", job_id=job_id, kind="spill", attempt=3) == read_name(spill)
    assert [None] * 4 == [
        read_name(name) for name in ("people.csv", f"{job_id}.csv", f"{upload}.bak", "abcdefgh-x.csv")
    ]


def test_an_upload_without_a_job_goes(store: csvpipe.MemoryJobStore, spool: Spool) -> None:
    """Its process died before the job was created, or the job was deleted from afar."""
    left(spool, upload_name(store.identity, JobId(uuid4())))
    left(spool, upload_name(store.identity, JobId(uuid4())) + ".part")
    assert [] == remaining(spool, store)


def test_what_is_on_its_way_stays(store: csvpipe.MemoryJobStore, spool: Spool) -> None:
    """A file that was written to a moment ago may be about to become a job's."""
    name = upload_name(store.identity, JobId(uuid4()))
    left(spool, name, age=GRACE_SECONDS - 1)
    left(spool, name + ".part", age=GRACE_SECONDS - 1)
    assert [name, name + ".part"] == remaining(spool, store)


def test_other_files_stay(store: csvpipe.MemoryJobStore, spool: Spool) -> None:
    """Those of other stores, and whatever else somebody keeps there."""
    other = upload_name("0123456789abcdef", JobId(uuid4()))
    for name in (other, "people.csv", f"{store.identity}-notes.txt"):
        left(spool, name)
    assert sorted([other, "people.csv", f"{store.identity}-notes.txt"]) == remaining(spool, store)


@pytest.mark.parametrize("status", [JobStatus.PENDING, JobStatus.PROCESSING, JobStatus.PAUSED, JobStatus.FAILED])
def test_an_upload_of_a_job_stays(store: csvpipe.MemoryJobStore, spool: Spool, status: JobStatus) -> None:
    """As long as it may be read: to go on, or to retry what failed."""
    draft = a_draft()
    store.create(draft)
    if status is JobStatus.PAUSED:
        store.request(draft.id, Verb.PAUSE)
    elif status is not JobStatus.PENDING:
        (claim,) = claim_all(store)
        if status is JobStatus.FAILED:
            store.settle(claim.lease, Verb.FAIL, failure=FileFailure(code=FileCode.ABORTED, message="enough"))
    assert status is store.get(draft.id).status
    left(spool, name := upload_name(store.identity, draft.id))
    assert [name] == remaining(spool, store)


@pytest.mark.parametrize("failed", [0, 1])
def test_an_upload_that_is_imported(store: csvpipe.MemoryJobStore, spool: Spool, failed: int) -> None:
    """Goes if its process died before removing it; stays while the raw text of its rejects may be asked for."""
    claim = claim_new(store)
    store.settle(claim.lease, Verb.COMPLETE, results=[a_result(1, 10, failed=failed)], total_rows=10)
    left(spool, name := upload_name(store.identity, claim.record.id))
    assert [name] * failed == remaining(spool, store)


def test_spills_that_no_commit_names_go(store: csvpipe.MemoryJobStore, spool: Spool) -> None:
    """A spill of an attempt that is over belongs to a commit, or to nobody."""
    claim = claim_new(store)
    named, lost, running = (
        spill_name(store.identity, claim.record.id, start=start, attempt=attempt)
        for start, attempt in [(10, 1), (50, 1), (50, 2)]
    )
    store.settle(claim.lease, Verb.RELEASE, results=[attrs.evolve(a_result(1, 4, failed=1), spill=named)])
    claim_all(store)
    for name in (named, lost, running, spill_name(store.identity, JobId(uuid4()), start=0, attempt=1)):
        left(spool, name)
    assert sorted([named, running]) == remaining(spool, store)


class StoreThatIsAway(csvpipe.MemoryJobStore):
    """Knows its name, and nothing else."""

    def get(self, job_id: JobId) -> csvpipe.JobRecord:
        """Raise."""
        raise ConnectionError(str(job_id))


def test_a_store_that_is_away_says_nothing(spool: Spool) -> None:
    """Whether a job exists is known, or its files stay."""
    store = StoreThatIsAway()
    left(spool, upload_name(store.identity, JobId(uuid4())))
    with pytest.raises(ConnectionError):
        sweep(spool, store, store.identity, now=lambda: NOW)
    assert 1 == len(spool.kept("*"))


@pytest.mark.anyio
async def test_a_pool_sweeps_its_spool(tmp_path: Path) -> None:
    """When it is opened, and at long intervals."""

    @csvpipe.pipeline
    def do_nothing(row: csvpipe.Row) -> None: ...

    store, spool = csvpipe.MemoryJobStore(), Spool(tmp_path)
    left(spool, upload_name(store.identity, JobId(uuid4())))
    async with csvpipe.WorkerPool(store, pipelines=[do_nothing], spool_dir=tmp_path) as pool:
        while spool.kept("*.csv"):
            await pool._services.threads.call(int)
    assert [] == spool.kept("[!.]*")
