"""A pool runs what it can read: uploads that lie in another place are left to those who are there."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import csvpipe
from csvpipe._intake.arrival import spool as module
from csvpipe._intake.arrival.spool import Spool
from csvpipe.errors import FileCode
from csvpipe.jobs import JobStatus
from csvpipe.pool.reaching import tell_of_unreachable

MakeCsv = Callable[..., Path]

DATA = b"id,name\n1,Ana\n2,Bo\n"


@csvpipe.pipeline
def do_nothing(row: csvpipe.Row) -> None:
    """Every row is fine."""


@csvpipe.pipeline
def reject_all(row: csvpipe.Row) -> None:
    """No row is fine."""
    raise csvpipe.Reject("no")


def identified(folder: Path) -> str | None:
    """The id of a spool, as a pool finds it out."""
    spool = Spool(folder)
    spool.identify()
    return spool.id


class TestIds:
    """A directory has one id."""

    def test_it_stays_the_same(self, tmp_path: Path) -> None:
        """Whoever comes, and by whatever path; another directory has another one."""
        (tmp_path / "link").symlink_to(tmp_path / "spool")
        first = identified(tmp_path / "spool")
        assert first == identified(tmp_path / "spool") == identified(tmp_path / "link")
        assert first != identified(tmp_path / "other")

    def test_it_is_made_once(self, tmp_path: Path) -> None:
        """However many come first at the same time."""
        with ThreadPoolExecutor(8) as threads:
            ids = set(threads.map(identified, [tmp_path] * 32))
        assert 1 == len(ids)
        assert ["id"] == [path.name for path in (tmp_path / ".csvpipe").iterdir()]

    def test_it_is_made_without_links(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Some file systems have none."""

        def refusing(*_: object) -> None:
            raise PermissionError

        monkeypatch.setattr(module.os, "link", refusing)
        assert identified(tmp_path) == identified(tmp_path)
        assert ["id"] == [path.name for path in (tmp_path / ".csvpipe").iterdir()]

    def test_temporary_ones_are_the_hosts(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Their uploads are within reach of every pool on this host, and of none on another."""
        spool = Spool()
        spool.identify()
        assert {spool.id} == spool.reach
        monkeypatch.setattr(module.socket, "gethostname", lambda: "elsewhere")
        assert spool.id not in Spool().reach
        spool.close()


@pytest.mark.anyio
async def test_uploads_elsewhere_are_left_alone(make_csv: MakeCsv, tmp_path: Path) -> None:
    """A pool with another spool does not touch the job; a path in place is anybody's."""
    store = csvpipe.MemoryJobStore()
    here, there = tmp_path / "here", tmp_path / "there"
    async with csvpipe.WorkerPool(store, pipelines=[do_nothing], spool_dir=there, on_exit="stop") as pool:
        pool._service.claims._is_stopping = True  # takes files in, and runs none
        upload = await pool.submit(do_nothing, DATA)
        path = await pool.submit(do_nothing, make_csv(5))
    async with csvpipe.WorkerPool(store, pipelines=[do_nothing], spool_dir=here) as pool:
        in_place = await (await pool.job(path.id)).wait()
        left = await upload.record()
    async with csvpipe.WorkerPool(store, pipelines=[do_nothing], spool_dir=there) as pool:
        record = await (await pool.job(upload.id)).wait()

    assert (JobStatus.COMPLETED, JobStatus.PENDING, 0) == (in_place.status, left.status, left.attempt)
    assert (JobStatus.COMPLETED, 2) == (record.status, record.processed_rows)


@pytest.mark.anyio
async def test_what_nobody_here_reaches_is_told_of(
    make_csv: MakeCsv, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """When it has waited for a while: which spool it is, and what to do; of other jobs nothing is said."""
    store = csvpipe.MemoryJobStore()
    async with csvpipe.WorkerPool(
        store, pipelines=[do_nothing, reject_all], spool_dir=tmp_path / "there", on_exit="stop"
    ) as pool:
        pool._service.claims._is_stopping = True  # takes files in, and runs none
        await pool.submit_many(do_nothing, [DATA, make_csv(5), DATA])
        await pool.submit(reject_all, DATA)
        spool_id = pool._services.spool.id
        at_home = tell_of_unreachable(pool._services, now=datetime.now(UTC) + timedelta(hours=1))
    async with csvpipe.WorkerPool(store, pipelines=[do_nothing], spool_dir=tmp_path / "here", on_exit="stop") as pool:
        too_soon = tell_of_unreachable(pool._services)
        told = tell_of_unreachable(pool._services, now=datetime.now(UTC) + timedelta(hours=1))

    assert (0, 0, 2) == (at_home, too_soon, told)
    assert [f"2 pending jobs wait for a worker that reaches the spool {spool_id}"] == [
        record.getMessage().partition(":")[0] for record in caplog.records if "pending" in record.getMessage()
    ]


@pytest.mark.anyio
async def test_one_spool_by_two_paths(tmp_path: Path) -> None:
    """A shared disk may be mounted elsewhere on another host: uploads are found where they are from there."""
    store, go = csvpipe.MemoryJobStore(), threading.Event()

    @csvpipe.pipeline(name="reject_all")
    def handle(row: csvpipe.Row) -> None:
        go.wait(60)
        raise csvpipe.Reject("no")

    async with csvpipe.WorkerPool(
        store, pipelines=[handle], spool_dir=tmp_path / "old", on_exit="stop", workers=1
    ) as pool:
        job = await pool.submit(handle, DATA)
        await job.pause()
        go.set()
    (tmp_path / "old").rename(tmp_path / "new")
    async with csvpipe.WorkerPool(store, pipelines=[reject_all], spool_dir=tmp_path / "new") as pool:
        again = await pool.job(job.id)
        if not (await again.record()).status.is_terminal:
            await again.resume()
        record = await again.wait()
        rows = await again.write_rejects(tmp_path / "rejects.csv")
        await again.delete()

    assert (JobStatus.COMPLETED, 2, 2) == (record.status, record.failed_rows, rows)
    assert [] == list((tmp_path / "new").glob("[!.]*"))


@pytest.mark.anyio
async def test_a_path_that_is_not_here_fails_the_job(make_csv: MakeCsv, tmp_path: Path) -> None:
    """Nobody can tell a file on another host from one that is gone: the job says so, and can be retried."""
    store, path = csvpipe.MemoryJobStore(), make_csv(5)
    async with csvpipe.WorkerPool(store, pipelines=[do_nothing], on_exit="stop") as pool:
        pool._service.claims._is_stopping = True
        job = await pool.submit(do_nothing, path)
    path.rename(tmp_path / "away.csv")
    async with csvpipe.WorkerPool(store, pipelines=[do_nothing]) as pool:
        handle = await pool.job(job.id)
        failed = await handle.wait()
        (tmp_path / "away.csv").rename(path)
        await handle.retry()
        record = await handle.wait()

    assert (JobStatus.FAILED, FileCode.NOT_FOUND) == (failed.status, failed.error_code)
    assert (JobStatus.COMPLETED, 5) == (record.status, record.processed_rows)
