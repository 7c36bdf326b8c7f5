"""Pause, resume, cancel, retry and delete; limits, failures and who may go on after them."""

import threading
from collections.abc import Callable
from pathlib import Path

import anyio
import pytest

import csvpipe
from csvpipe.errors import FileCode
from csvpipe.jobs import JobStatus

pytestmark = pytest.mark.anyio

MakeCsv = Callable[..., Path]


#: More than a worker handles between two looks at whether it is to stop.
ROWS = 50_000


class Brake:
    """Stops a handler at a row until it is let go."""

    def __init__(self, at: int) -> None:
        self.at = at
        self.reached = threading.Event()
        self.go = threading.Event()
        self.rows: list[int] = []

    def handle(self, row: csvpipe.Row) -> None:
        """The handler."""
        self.rows.append(row.number)
        if row.number == self.at:
            self.reached.set()
            self.go.wait(60)


async def until(event: threading.Event) -> None:
    """Wait for what happens in a thread."""
    await anyio.to_thread.run_sync(event.wait, 60)


async def status_of(job: csvpipe.Job, *wanted: JobStatus) -> csvpipe.JobRecord:
    """Follow the job until it has one of these statuses."""
    async with job.events() as events:
        async for event in events:
            if event.job.status in wanted:
                return event.job
    raise AssertionError(f"the job ended otherwise: {await job.record()}")


async def test_pause_and_resume(make_csv: MakeCsv) -> None:
    """A paused job stops at the next row and goes on there: each row is handled once."""
    brake = Brake(at=100)
    handle = csvpipe.pipeline(name="handle")(brake.handle)
    async with csvpipe.WorkerPool(pipelines=[handle], workers=1) as pool:
        job = await pool.submit(handle, make_csv(ROWS))
        await until(brake.reached)
        asked = await job.pause()
        again = await job.pause()
        brake.go.set()
        paused = await status_of(job, JobStatus.PAUSED)
        await pool.drain()
        resumed = await job.resume()
        done = await job.wait()

    assert (JobStatus.PROCESSING, asked.revision) == (asked.status, again.revision)
    assert 100 <= paused.processed_rows < ROWS
    assert JobStatus.PENDING is resumed.status
    assert (JobStatus.COMPLETED, ROWS, 2) == (done.status, done.processed_rows, done.attempt)
    assert list(range(1, ROWS + 1)) == brake.rows


async def test_resume_takes_back_a_pause(make_csv: MakeCsv) -> None:
    """Whatever is asked in whichever moment, the last word counts: the job is not left paused."""
    brake = Brake(at=100)
    handle = csvpipe.pipeline(name="handle")(brake.handle)
    async with csvpipe.WorkerPool(pipelines=[handle], workers=1) as pool:
        job = await pool.submit(handle, make_csv(ROWS))
        await until(brake.reached)
        await job.pause()
        await job.resume()
        brake.go.set()
        done = await job.wait()

    assert (JobStatus.COMPLETED, ROWS) == (done.status, done.processed_rows)
    assert list(range(1, ROWS + 1)) == brake.rows


async def test_cancel(make_csv: MakeCsv, tmp_path: Path) -> None:
    """A cancelled job ends at the next row; what is done counts, and its upload is removed."""
    brake = Brake(at=100)
    handle = csvpipe.pipeline(name="handle")(brake.handle)
    spool = tmp_path / "spool"
    async with csvpipe.WorkerPool(pipelines=[handle], workers=1, spool_dir=spool) as pool:
        job = await pool.submit(handle, make_csv(ROWS).read_bytes())
        await until(brake.reached)
        await job.cancel()
        brake.go.set()
        record = await job.wait()
        after = await job.cancel()

    assert JobStatus.CANCELLED is record.status
    assert 100 <= record.processed_rows == len(brake.rows) < ROWS
    assert record == after
    assert [] == list(spool.glob("[!.]*"))


async def test_a_paused_upload_that_is_cancelled(make_csv: MakeCsv, tmp_path: Path) -> None:
    """Nobody is at work on a paused job: whoever cancels it removes its upload."""
    brake = Brake(at=100)
    handle = csvpipe.pipeline(name="handle")(brake.handle)
    async with csvpipe.WorkerPool(pipelines=[handle], workers=1, spool_dir=tmp_path / "spool") as pool:
        job = await pool.submit(handle, make_csv(ROWS).read_bytes())
        await until(brake.reached)
        await job.pause()
        brake.go.set()
        await status_of(job, JobStatus.PAUSED)
        record = await job.cancel()

        assert JobStatus.CANCELLED is record.status
        assert [] == list((tmp_path / "spool").glob("[!.]*"))


async def test_cancel_before_the_start(make_csv: MakeCsv) -> None:
    """A job that waits for its turn is cancelled at once."""
    brake = Brake(at=1)
    handle = csvpipe.pipeline(name="handle")(brake.handle)
    async with csvpipe.WorkerPool(pipelines=[handle], workers=1, max_files=1) as pool:
        first = await pool.submit(handle, make_csv(5))
        await until(brake.reached)
        others = await pool.submit_many(handle, [make_csv(5, f"{name}.csv") for name in "abc"])
        cancelled = [await other.cancel() for other in others]
        brake.go.set()
        records = [await other.wait() for other in others]
        done = await first.wait()

    assert 5 == done.processed_rows
    assert {JobStatus.CANCELLED} == {record.status for record in records}
    assert 3 == len(cancelled)


async def test_cancel_does_not_wait_for_ever(make_csv: MakeCsv) -> None:
    """A handler that does not come back costs a thread, not the worker, and the job ends after the grace."""
    brake = Brake(at=3)
    handle = csvpipe.pipeline(name="handle")(brake.handle)
    async with csvpipe.WorkerPool(pipelines=[handle], workers=1, shutdown_grace=0) as pool:
        job = await pool.submit(handle, make_csv(5))
        await until(brake.reached)
        await job.cancel()
        record = await job.wait()
        brake.at = 0
        other = await (await pool.submit(handle, make_csv(5, "other.csv"))).wait()
        brake.go.set()

    assert JobStatus.CANCELLED is record.status
    assert (JobStatus.COMPLETED, 5) == (other.status, other.processed_rows)


async def test_cancel_interrupts_async_handlers_after_the_grace(make_csv: MakeCsv) -> None:
    """An async handler that does not come back is cancelled."""
    started, ended = anyio.Event(), anyio.Event()

    @csvpipe.pipeline
    async def handle(row: csvpipe.Row) -> None:
        started.set()
        try:
            await anyio.sleep_forever()
        finally:
            ended.set()

    async with csvpipe.WorkerPool(pipelines=[handle], shutdown_grace=0) as pool:
        job = await pool.submit(handle, make_csv(5))
        await started.wait()
        await job.cancel()
        record = await job.wait()
        await ended.wait()

    assert (JobStatus.CANCELLED, 0) == (record.status, record.processed_rows)


async def test_retry_goes_on_from_the_checkpoint(make_csv: MakeCsv) -> None:
    """An outage that outlasts the retries fails the job; `retry` handles the rest alone."""
    rows: list[int] = []
    is_down = True

    @csvpipe.pipeline(retry=csvpipe.Retry(attempts=2, backoff_seconds=0))
    def handle(row: csvpipe.Row) -> None:
        if is_down and row.number > 300:
            raise csvpipe.Unavailable("no database")
        rows.append(row.number)

    async with csvpipe.WorkerPool(pipelines=[handle]) as pool:
        job = await pool.submit(handle, make_csv(500))
        failed = await job.wait()
        is_down = False
        retried = await job.retry()
        done = await job.wait()
        with pytest.raises(csvpipe.TransitionError, match="retry"):
            await job.retry()

    assert (JobStatus.FAILED, FileCode.RETRY_EXHAUSTED) == (failed.status, failed.error_code)
    assert "no database" in (failed.error_message or "")
    assert (300, None) == (failed.processed_rows, retried.error_code)
    assert (JobStatus.COMPLETED, 500) == (done.status, done.processed_rows)
    assert list(range(1, 501)) == rows


@pytest.mark.parametrize("is_async", [False, True])
async def test_abort_ends_the_job(make_csv: MakeCsv, *, is_async: bool) -> None:
    """What a handler says of the file is the job's failure, with the line."""

    def handle(row: csvpipe.Row) -> None:
        if row.number == 5:
            raise csvpipe.Abort("this is last year's file")

    async def handle_async(row: csvpipe.Row) -> None:
        handle(row)

    pipeline = csvpipe.pipeline(handle)
    if is_async:
        pipeline = csvpipe.pipeline(name="handle", concurrency=1)(handle_async)
    async with csvpipe.WorkerPool(pipelines=[pipeline]) as pool:
        record = await (await pool.submit(pipeline, make_csv(500))).wait()

    assert (JobStatus.FAILED, FileCode.ABORTED, 4) == (record.status, record.error_code, record.processed_rows)
    assert "line 6" in (record.error_message or "")
    assert "last year" in (record.error_message or "")


async def test_the_reject_limit(make_csv: MakeCsv) -> None:
    """One row more than the limit ends the job; as many as the limit do not."""

    @csvpipe.pipeline(reject_limit=2)
    def handle(row: csvpipe.Row) -> None:
        if row["id"] == "x":
            raise csvpipe.Reject("bad")

    async with csvpipe.WorkerPool(pipelines=[handle]) as pool:
        good = await (await pool.submit(handle, make_csv(9, bad={1, 2}))).wait()
        bad = await (await pool.submit(handle, make_csv(9, bad={1, 2, 9}))).wait()

    assert (JobStatus.COMPLETED, 2) == (good.status, good.failed_rows)
    assert (JobStatus.FAILED, FileCode.REJECT_LIMIT) == (bad.status, bad.error_code)


async def test_the_reject_rate(make_csv: MakeCsv) -> None:
    """The share of rejected rows is judged once there are enough rows."""

    @csvpipe.pipeline(reject_rate_limit=0.5, reject_rate_min_rows=4)
    def handle(row: csvpipe.Row) -> None:
        if row["id"] == "x":
            raise csvpipe.Reject("bad")

    async with csvpipe.WorkerPool(pipelines=[handle]) as pool:
        few = await (await pool.submit(handle, make_csv(3, bad={1, 2, 3}))).wait()
        half = await (await pool.submit(handle, make_csv(4, bad={1, 2}))).wait()
        most = await (await pool.submit(handle, make_csv(4, bad={1, 2, 3}))).wait()

    assert [JobStatus.COMPLETED, JobStatus.COMPLETED, JobStatus.FAILED] == [r.status for r in (few, half, most)]
    assert "75.0%" in (most.error_message or "")


async def test_fail_at_the_first_bad_row(make_csv: MakeCsv) -> None:
    """With `on_error="fail"` a bad row is the file's failure."""

    @csvpipe.pipeline(on_error="fail")
    def handle(row: csvpipe.Row) -> None:
        if row["id"] == "x":
            raise csvpipe.Reject("bad", column="id")

    async with csvpipe.WorkerPool(pipelines=[handle]) as pool:
        record = await (await pool.submit(handle, make_csv(9, bad={4}))).wait()

    assert (JobStatus.FAILED, FileCode.ROW_ERROR, 3) == (record.status, record.error_code, record.processed_rows)
    assert "row 4, line 5, column 'id'" in (record.error_message or "")


async def test_too_many_rows(make_csv: MakeCsv) -> None:
    """A file with more rows than allowed fails when that is found out."""

    @csvpipe.pipeline(limits=csvpipe.Limits(rows=8))
    def handle(row: csvpipe.Row) -> None: ...

    async with csvpipe.WorkerPool(pipelines=[handle]) as pool:
        record = await (await pool.submit(handle, make_csv(9))).wait()
        within = await (await pool.submit(handle, make_csv(8))).wait()

    assert (JobStatus.FAILED, FileCode.TOO_LARGE) == (record.status, record.error_code)
    assert JobStatus.COMPLETED is within.status


async def test_a_file_that_changes_during_its_import(make_csv: MakeCsv) -> None:
    """A mixture of two versions would be worse than either: the job fails."""
    path = make_csv(5)

    @csvpipe.pipeline
    def handle(row: csvpipe.Row) -> None:
        if row.number == 1:
            with path.open("a") as file:
                file.write("6,late\n")

    async with csvpipe.WorkerPool(pipelines=[handle]) as pool:
        record = await (await pool.submit(handle, path)).wait()

    assert (JobStatus.FAILED, FileCode.SOURCE_CHANGED) == (record.status, record.error_code)


async def test_a_file_that_vanishes_before_its_import(make_csv: MakeCsv) -> None:
    """A job that finds its file gone fails, and its rejects cannot be written."""
    brake, path = Brake(at=1), make_csv(5, "second.csv")
    handle = csvpipe.pipeline(name="handle")(brake.handle)

    async with csvpipe.WorkerPool(pipelines=[handle], workers=1) as pool:
        await pool.submit(handle, make_csv(5))
        await until(brake.reached)
        job = await pool.submit(handle, path)
        path.unlink()
        brake.go.set()
        record = await job.wait()

    assert (JobStatus.FAILED, FileCode.NOT_FOUND) == (record.status, record.error_code)


async def test_delete(make_csv: MakeCsv) -> None:
    """A running job is not deleted; one that has ended is gone for good."""
    brake = Brake(at=1)
    handle = csvpipe.pipeline(name="handle")(brake.handle)
    async with csvpipe.WorkerPool(pipelines=[handle]) as pool:
        job = await pool.submit(handle, make_csv(5))
        await until(brake.reached)
        with pytest.raises(csvpipe.TransitionError, match="delete"):
            await job.delete()
        brake.go.set()
        await job.wait()
        await job.delete()
        for use in (job.record, job.wait, job.delete, job.pause, job.error_summary, job.row_errors):
            with pytest.raises(csvpipe.JobNotFoundError):
                await use()


async def test_ordered_pipelines_see_the_file_from_top_to_bottom(make_csv: MakeCsv) -> None:
    """With `ordered` one chunk follows the other, whoever handles it."""
    rows: list[int] = []

    @csvpipe.pipeline(ordered=True)
    def handle(row: csvpipe.Row) -> None:
        rows.append(row.number)

    async with csvpipe.WorkerPool(pipelines=[handle]) as pool:
        pool._service._settings = pool._settings  # the chunks of the next line are the point
        object.__setattr__(pool._settings, "chunk_bytes", 500)
        await (await pool.submit(handle, make_csv(1000))).wait()

    assert list(range(1, 1001)) == rows


async def test_a_small_file_does_not_wait_for_large_ones(make_csv: MakeCsv) -> None:
    """While all slots are taken by large files, one of a single chunk is imported all the same."""
    brake = Brake(at=1)
    slow = csvpipe.pipeline(name="slow")(brake.handle)

    @csvpipe.pipeline
    def quick(row: csvpipe.Row) -> None: ...

    async with csvpipe.WorkerPool(pipelines=[slow, quick], max_files=1, workers=2) as pool:
        object.__setattr__(pool._settings, "chunk_bytes", 5_000)
        large = await pool.submit(slow, make_csv(2_000, "large.csv"))
        await until(brake.reached)
        small = await (await pool.submit(quick, make_csv(3, "small.csv"))).wait()
        brake.go.set()
        record = await large.wait()

    assert (3, 2_000) == (small.processed_rows, record.processed_rows)


async def test_a_large_file_does_not_hold_every_worker(make_csv: MakeCsv) -> None:
    """Chunks of different jobs take turns, and a long one is given back: with one worker both files end."""
    both = threading.Barrier(2, timeout=60)
    seen: set[str] = set()

    @csvpipe.pipeline
    def handle(row: csvpipe.Row, context: csvpipe.Context) -> None:
        if context.filename not in seen:
            seen.add(context.filename)
            both.wait()

    async with csvpipe.WorkerPool(pipelines=[handle], workers=2) as pool:
        jobs = await pool.submit_many(handle, [make_csv(500, "a.csv"), make_csv(500, "b.csv")])
        records = [await job.wait() for job in jobs]

    assert [500, 500] == [record.processed_rows for record in records]


async def test_a_file_that_was_refused_is_not_tried_again(tmp_path: Path) -> None:
    """There is nothing to go on with: the job keeps its reason, and who retries is told to submit the file again."""

    @csvpipe.pipeline
    def handle(row: csvpipe.Row) -> None:
        """Takes any rows."""

    async with csvpipe.WorkerPool(pipelines=[handle]) as pool:
        for job in (await pool.submit(handle, b"\x00\x01" * 100), await pool.submit(handle, tmp_path / "nothing.csv")):
            before = await job.record()
            with pytest.raises(csvpipe.TransitionError, match="submit the file again"):
                await job.retry()
            assert before == await job.record()
