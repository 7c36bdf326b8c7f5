"""Jobs go when they are old enough, with all that belongs to them, and not before."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import csvpipe
from csvpipe.jobs import JobStatus
from csvpipe.testing import FaultyStore

pytestmark = pytest.mark.anyio

#: Everything that has ended by now ended before then.
LATER = timedelta(days=-1)


@csvpipe.pipeline
def check(row: csvpipe.Row) -> None:
    """Rejects what is bad, and gives up where it must."""
    if row["id"] == "stop":
        raise csvpipe.Abort("enough")
    if row["id"] == "bad":
        raise csvpipe.Reject("bad")


def files(spool: Path) -> list[str]:
    """What is kept in the spool."""
    return sorted(path.suffix for path in spool.glob("[!.]*"))


async def test_old_jobs_go_with_their_files(tmp_path: Path) -> None:
    """Failed ones and those with rejects keep their uploads until then; batches make no difference."""
    async with csvpipe.WorkerPool(pipelines=[check], spool_dir=tmp_path) as pool:
        jobs = await pool.submit_many(check, [b"id\nstop\n", b"id\nbad\n", b"id\n1\n"] * 3)
        await pool.drain()
        left = tmp_path / f"{pool._services.store_id}-{jobs[1].id}-3-1.errors"
        left.touch()
        kept = files(tmp_path)
        too_young = await pool.purge(older_than=timedelta(hours=1))
        failed = await pool.purge(older_than=LATER, status=JobStatus.FAILED, batch=1)
        without_failed = files(tmp_path)
        others = await pool.purge(older_than=datetime.now(UTC) + timedelta(hours=1), batch=2)
        page = await pool.jobs()

    assert ([".csv"] * 6 + [".errors"], [".csv"] * 3 + [".errors"]) == (kept, without_failed)
    assert (0, 3, 6, 0) == (too_young, failed, others, page.total)
    assert [] == files(tmp_path)


async def test_a_job_that_is_being_mended_stays(tmp_path: Path) -> None:
    """Its rejected rows are needed; those behind it in the queue go all the same."""
    async with csvpipe.WorkerPool(pipelines=[check], spool_dir=tmp_path) as pool:
        parent = await pool.submit(check, b"id,name\nbad,Ana\n")
        await parent.wait()
        await parent.write_rejects(tmp_path / "mended.csv")
        pool._service.claims._is_stopping = True  # the submission waits
        pool._services.wake.ring()
        mended = await pool.submit(check, tmp_path / "mended.csv", parent=parent)
        other = await pool.submit(check, b"id,id\n1,1\n")
        removed = await pool.purge(older_than=LATER, batch=1)
        await mended.cancel()
        assert 1 == removed
        with pytest.raises(csvpipe.JobNotFoundError):
            await other.record()
        assert 2 == await pool.purge(older_than=LATER)


@pytest.mark.parametrize("options", [{"older_than": datetime(2024, 5, 1)}, {"older_than": LATER, "batch": 0}])  # noqa: DTZ001
async def test_misuse(options: dict[str, object]) -> None:
    """A time in no zone is no time."""
    async with csvpipe.WorkerPool(pipelines=[check]) as pool:
        with pytest.raises(ValueError, match=r"older_than|batch"):
            await pool.purge(**options)  # type: ignore[arg-type]


async def test_one_key_for_many_files(tmp_path: Path) -> None:
    """A call that is repeated gives the jobs of the first one, and makes those that it did not get to."""
    async with csvpipe.WorkerPool(pipelines=[check], spool_dir=tmp_path) as pool:
        sources = [b"id\nbad\n", b"id\nbad\n", b"id\n3\n"]
        first = await pool.submit_many(check, sources[:2], owner="ana", idempotency_key="k")
        again = await pool.submit_many(check, sources, owner="ana", idempotency_key="k")
        with pytest.raises(csvpipe.IdempotencyConflictError):
            await pool.submit_many(check, sources[::-1], owner="ana", idempotency_key="k")
        await pool.drain()
        page = await pool.jobs()

    assert [job.id for job in first] == [job.id for job in again[:2]]
    assert 3 == page.total
    assert [".csv", ".csv"] == files(tmp_path)


async def test_a_job_is_looked_up_once(tmp_path: Path) -> None:
    """Where no pipeline has a sink, which pipeline a deleted job was of does not matter."""
    store = FaultyStore(csvpipe.MemoryJobStore())
    async with csvpipe.WorkerPool(store, pipelines=[check], spool_dir=tmp_path) as pool:
        job = await pool.submit(check, b"id\n1\n")
        await job.wait()
        before = store.calls["get"]
        await pool.purge(older_than=LATER)
        looked = store.calls["get"] - before

    assert (0, 1) == (looked, store.calls["delete"])
