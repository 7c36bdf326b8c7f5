"""What happens when the store, the disk, or a lease fails in the middle of a job."""

import errno
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import pytest
from lost_lease import ForgetfulStore, imported_in_spite

import csvpipe
from csvpipe._process.work import ChunkWork
from csvpipe.errors import FileCode, LeaseLostError
from csvpipe.jobs import JobStatus
from csvpipe.store.protocol import Lease

pytestmark = pytest.mark.anyio

MakeCsv = Callable[..., Path]


@csvpipe.pipeline
def do_nothing(row: csvpipe.Row) -> None:
    """Every row is fine."""


class FailingStore(csvpipe.MemoryJobStore):
    """Raises at the calls that a test names, as often as it says."""

    def fail(self, method: str, times: int, error: Exception | None = None) -> None:
        """Let the next so many calls of a method raise."""
        original = getattr(self, method)
        left = [times]

        def failing(*args: Any, **options: Any) -> Any:
            if left[0] > 0:
                left[0] -= 1
                raise error or ConnectionError(f"{method} failed")
            return original(*args, **options)

        object.__setattr__(self, method, failing)


@pytest.mark.parametrize("method", ["claim", "commit", "settle", "committed"])
async def test_a_store_that_fails_for_a_moment(
    make_csv: MakeCsv, method: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Calls are repeated: the job completes, and every row is counted once."""
    store = FailingStore()
    store.fail(method, 1)
    go = threading.Event()

    @csvpipe.pipeline
    def handle(row: csvpipe.Row) -> None:
        if row.number == 400:
            go.wait(60)

    async with csvpipe.WorkerPool(store, pipelines=[handle], flush_interval=0.001) as pool:
        object.__setattr__(pool._settings, "poll_seconds", 0.001)
        object.__setattr__(pool._settings, "chunk_bytes", 2_000)
        job = await pool.submit(handle, make_csv(500))
        if method == "commit":
            while not caplog.records:  # until the failure was met
                await anyio.lowlevel.checkpoint()
        go.set()
        record = await job.wait()

    assert (JobStatus.COMPLETED, 500) == (record.status, record.processed_rows)
    assert method == "committed" or [f"{method} failed"] == [str(r.exc_info[1]) for r in caplog.records if r.exc_info]


async def test_a_store_that_stays_away_leaves_the_job_to_its_lease(
    make_csv: MakeCsv, caplog: pytest.LogCaptureFixture
) -> None:
    """A job that cannot be settled is not lost: it is claimed again when its lease has run out."""

    class Store(csvpipe.MemoryJobStore):
        def settle(self, lease: Lease, *args: Any, **options: Any) -> csvpipe.JobRecord:
            if lease.token == 1:
                raise ConnectionError
            return super().settle(lease, *args, **options)

    async with csvpipe.WorkerPool(Store(), pipelines=[do_nothing], lease_seconds=0.2) as pool:
        object.__setattr__(pool._settings, "poll_seconds", 0.01)
        record = await (await pool.submit(do_nothing, make_csv(50))).wait()

    assert (JobStatus.COMPLETED, 50) == (record.status, record.processed_rows)
    assert record.attempt > 1
    assert "another attempt follows" in caplog.text


@pytest.mark.parametrize("method", ["commit", "settle"])
async def test_a_worker_that_was_replaced_writes_nothing(
    make_csv: MakeCsv, method: str, caplog: pytest.LogCaptureFixture
) -> None:
    """When the store refuses a write, the run ends, and the submitter goes on by what the store says."""
    store = FailingStore()
    go = threading.Event()
    refused = LeaseLostError("it")
    store.fail(method, 1, refused)

    @csvpipe.pipeline
    def handle(row: csvpipe.Row) -> None:
        if row.number == 400:
            go.wait(60)

    async with csvpipe.WorkerPool(
        store, pipelines=[handle], lease_seconds=0.2, flush_interval=0.001, on_exit="stop"
    ) as pool:
        object.__setattr__(pool._settings, "poll_seconds", 0.01)
        object.__setattr__(pool._settings, "chunk_bytes", 2_000)
        job = await pool.submit(handle, make_csv(500))
        go.set()
        record = await job.wait()

    assert (JobStatus.COMPLETED, 500) == (record.status, record.processed_rows)
    assert record.attempt in (1, 2)


async def test_a_lost_lease_stops_the_run(make_csv: MakeCsv, caplog: pytest.LogCaptureFixture) -> None:
    """Told by a renewal that somebody else has the job, the pool lets go of it."""
    record = await imported_in_spite(make_csv(50), caplog, ForgetfulStore())

    assert (JobStatus.COMPLETED, 50) == (record.status, record.processed_rows)
    assert record.attempt > 1


async def test_a_verb_from_another_process_arrives_with_the_renewal(make_csv: MakeCsv) -> None:
    """Whoever has only the store may pause a job: its owner hears of it."""
    store = csvpipe.MemoryJobStore()
    reached, go = threading.Event(), threading.Event()

    @csvpipe.pipeline
    def handle(row: csvpipe.Row) -> None:
        if row.number == 3:
            reached.set()
            go.wait(60)

    async with (
        csvpipe.WorkerPool(store, pipelines=[handle], lease_seconds=0.3) as owner,
        csvpipe.WorkerPool(store, pipelines=[]) as other,
    ):
        object.__setattr__(owner._settings, "poll_seconds", 0.01)
        job = await owner.submit(handle, make_csv(50))
        await anyio.to_thread.run_sync(reached.wait, 60)
        asked = await (await other.job(job.id)).cancel()
        [run] = owner._service.claims._runs.values()
        while run._ending is None:
            await anyio.sleep(0.001)
        go.set()
        record = await job.wait()

    assert JobStatus.PROCESSING is asked.status
    assert (JobStatus.CANCELLED, 3) == (record.status, record.processed_rows)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), FileCode.DISK_FULL),
        (OSError(errno.EIO, "Input/output error"), FileCode.SOURCE_FAILED),
        (AssertionError("a defect"), FileCode.INTERNAL),
    ],
)
@pytest.mark.parametrize("is_async", [False, True])
async def test_what_nobody_expects_fails_the_job(
    make_csv: MakeCsv, monkeypatch: pytest.MonkeyPatch, error: Exception, code: FileCode, *, is_async: bool
) -> None:
    """A defect or a broken disk ends the job with a reason; the pool goes on."""

    async def handle_async(row: csvpipe.Row) -> None: ...

    pipeline: Any = csvpipe.pipeline(handle_async) if is_async else do_nothing

    def broken(*_: object) -> None:
        raise error

    async with csvpipe.WorkerPool(pipelines=[pipeline]) as pool:
        with monkeypatch.context() as patch:
            patch.setattr(ChunkWork, "slices", broken)
            record = await (await pool.submit(pipeline, make_csv(5))).wait()
        after = await (await pool.submit(pipeline, make_csv(5))).wait()

    assert (JobStatus.FAILED, code) == (record.status, record.error_code)
    assert str(error) in (record.error_message or "")
    assert JobStatus.COMPLETED is after.status


async def test_a_file_cut_short_fails_the_job(make_csv: MakeCsv, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever goes wrong while the file is cut is the job's failure."""

    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("cannot cut")

    monkeypatch.setattr("csvpipe.pool.cutting.cut_chunks", broken)
    async with csvpipe.WorkerPool(pipelines=[do_nothing]) as pool:
        record = await (await pool.submit(do_nothing, make_csv(5))).wait()

    assert (JobStatus.FAILED, FileCode.INTERNAL) == (record.status, record.error_code)
    assert "cannot cut" in (record.error_message or "")
