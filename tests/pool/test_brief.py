"""Small files: done in one go, with everything that is promised of any file; and many of them submitted at once."""

import threading
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import anyio
import pytest

import csvpipe
from csvpipe.errors import FileCode
from csvpipe.jobs import JobStatus, Verb
from csvpipe.pool.run import JobRun

pytestmark = pytest.mark.anyio

MakeCsv = Callable[..., Path]


@csvpipe.pipeline
def do_nothing(row: list[str]) -> None:
    """Every row is fine."""


class OpenStore(csvpipe.MemoryJobStore):
    """One whose methods a test may replace."""


async def events_of(pipeline: csvpipe.Pipeline[..., Any], path: Path, **options: Any) -> list[csvpipe.JobEvent]:
    """Import a file by itself and note what is told of it."""
    events: list[csvpipe.JobEvent] = []
    async with csvpipe.WorkerPool(pipelines=[pipeline], on_event=events.append, **options) as pool:
        await (await pool.submit(pipeline, path)).wait()
    return events


@pytest.fixture
def driven(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the files that were not done in one go."""
    names: list[str] = []
    drive = JobRun._drive

    async def noted(run: JobRun) -> None:
        names.append(run.claim.record.filename)
        await drive(run)

    monkeypatch.setattr(JobRun, "_drive", noted)
    return names


async def test_a_small_file_needs_no_task(make_csv: MakeCsv, driven: list[str]) -> None:
    """It is told of like any other: submitted, started, completed, with all that is counted."""
    events = await events_of(do_nothing, make_csv(10))

    assert ["submitted", "started", "completed"] == [event.kind.value for event in events]
    record = events[-1].job
    assert (10, 10, 0, 1) == (record.total_rows, record.processed_rows, record.failed_rows, record.attempt)
    assert record.bytes_total == record.bytes_processed
    assert [] == driven


async def test_bad_rows_of_a_small_file_are_recorded(make_csv: MakeCsv, driven: list[str]) -> None:
    """Rejected and skipped rows are no reason to do anything again."""
    calls: list[int] = []

    @csvpipe.pipeline
    def handle(row: csvpipe.Row) -> None:
        calls.append(row.number)
        if row.number == 3:
            raise csvpipe.Reject("no", code="no")
        if row.number == 4:
            raise csvpipe.Skip("not this one")

    async with csvpipe.WorkerPool(pipelines=[handle]) as pool:
        job = await pool.submit(handle, make_csv(10))
        record = await job.wait()
        errors = await job.row_errors()

    assert (JobStatus.COMPLETED, 8, 1, 1) == (
        record.status,
        record.processed_rows,
        record.failed_rows,
        record.skipped_rows,
    )
    assert [(3, "no")] == [(error.row, error.code) for error in errors]
    assert list(range(1, 11)) == calls
    assert [] == driven


@pytest.mark.parametrize(
    ("options", "error", "ended"),
    [
        ({}, csvpipe.Abort("enough"), (FileCode.ABORTED, 4)),
        ({"on_error": "fail"}, ValueError("bad"), (FileCode.ROW_ERROR, 4)),
        ({"reject_limit": 0}, ValueError("bad"), (FileCode.REJECT_LIMIT, 9)),  # limits act on chunks
    ],
)
async def test_a_small_file_may_fail(
    make_csv: MakeCsv, options: dict[str, Any], error: Exception, ended: tuple[FileCode, int], driven: list[str]
) -> None:
    """What ends a job ends this one, with the rows before it counted."""

    @csvpipe.pipeline(**options)
    def handle(given: csvpipe.Row) -> None:
        if given.number == 5:
            raise error

    events = await events_of(handle, make_csv(10))

    record = events[-1].job
    assert (JobStatus.FAILED, "failed") == (record.status, events[-1].kind.value)
    assert ended == (record.error_code, record.processed_rows)
    assert 1 == len(driven)


async def test_a_small_file_that_changes_meanwhile_does_not_complete(make_csv: MakeCsv) -> None:
    """It is looked at once more before it may count as completed."""
    path = make_csv(10)

    @csvpipe.pipeline
    def handle(row: csvpipe.Row) -> None:
        if row.number == 10:
            path.write_bytes(path.read_bytes() + b"11,x\n")

    record = (await events_of(handle, path))[-1].job

    assert (JobStatus.FAILED, FileCode.SOURCE_CHANGED.value) == (record.status, record.error_code)


async def test_a_small_file_that_is_gone_fails(make_csv: MakeCsv, driven: list[str]) -> None:
    """What is wrong before a row is handled is told as for any file."""
    path = make_csv(10)
    store = OpenStore()
    claim = store.claim

    def claimed(*args: Any, **options: Any) -> Any:
        claims = claim(*args, **options)
        if claims:
            path.unlink()
        return claims

    object.__setattr__(store, "claim", claimed)
    async with csvpipe.WorkerPool(store, pipelines=[do_nothing]) as pool:
        record = await (await pool.submit(do_nothing, path)).wait()

    assert (JobStatus.FAILED, FileCode.NOT_FOUND.value) == (record.status, record.error_code)
    assert [path.name] == driven


async def test_too_many_rows_for_the_limit(make_csv: MakeCsv) -> None:
    """The limit on rows holds for small files."""

    @csvpipe.pipeline(limits=csvpipe.Limits(rows=5))
    def handle(row: list[str]) -> None:
        raise AssertionError(row)

    record = (await events_of(handle, make_csv(10)))[-1].job

    assert (JobStatus.FAILED, FileCode.TOO_LARGE.value, 0) == (record.status, record.error_code, record.processed_rows)


@pytest.mark.parametrize("verb", [Verb.PAUSE, Verb.CANCEL])
async def test_a_small_file_stops_at_the_next_row(make_csv: MakeCsv, verb: Verb, driven: list[str]) -> None:
    """What is asked of it while its handler is at work is obeyed, and a paused one goes on where it was."""
    reached, go = threading.Event(), threading.Event()
    rows: list[int] = []

    @csvpipe.pipeline
    def handle(row: csvpipe.Row) -> None:
        rows.append(row.number)
        if row.number == 3:
            reached.set()
            go.wait(60)

    async with csvpipe.WorkerPool(pipelines=[handle]) as pool:
        job = await pool.submit(handle, make_csv(10))
        await anyio.to_thread.run_sync(reached.wait, 60)
        await (job.pause() if verb is Verb.PAUSE else job.cancel())
        go.set()
        async for event in job.events():
            if event.job.status is JobStatus.PAUSED:
                await job.resume()
        record = await job.wait()

    is_paused = verb is Verb.PAUSE
    assert (JobStatus.COMPLETED if is_paused else JobStatus.CANCELLED) is record.status
    assert (list(range(1, 11)) if is_paused else [1, 2, 3]) == rows
    assert 3 == record.processed_rows or is_paused
    assert driven


async def test_a_small_file_whose_handler_hangs_is_left_to_its_lease(
    make_csv: MakeCsv, caplog: pytest.LogCaptureFixture
) -> None:
    """The pool comes to its end; the job stays `processing`, for whoever comes when the lease has run out."""
    reached, go = threading.Event(), threading.Event()

    @csvpipe.pipeline
    def handle(row: csvpipe.Row) -> None:
        reached.set()
        go.wait(60)

    store = csvpipe.MemoryJobStore()
    async with csvpipe.WorkerPool(store, pipelines=[handle], shutdown_grace=0.01, on_exit="stop") as pool:
        job = await pool.submit(handle, make_csv(10))
        await anyio.to_thread.run_sync(reached.wait, 60)
    go.set()

    assert JobStatus.PROCESSING is store.get(job.id).status
    assert "1 chunks do not come back from workers" in caplog.text


class TestSubmitMany:
    """`submit_many` takes files in several at a time, and keeps their order."""

    async def test_the_jobs_stand_in_the_order_of_the_sources(self, make_csv: MakeCsv) -> None:
        """Whatever the sources are, and however many."""

        async def stream() -> AsyncIterator[bytes]:
            yield b"id\n1\n"

        paths = [make_csv(number, f"{number}.csv") for number in range(1, 40)]
        sources = [*paths, b"id\n1\n", stream(), (paths[0]).open("rb"), b"", paths[1]]
        async with csvpipe.WorkerPool(pipelines=[do_nothing]) as pool:
            jobs = await pool.submit_many(do_nothing, sources)
            records = [await job.wait() for job in jobs]
            page = await pool.jobs(limit=100)
        sources[41].close()

        assert [*range(1, 40), 1, 1, 1, None, 2] == [record.total_rows for record in records]
        assert [job.id for job in jobs] == [record.id for record in reversed(page.jobs)]

    async def test_the_files_before_the_one_at_fault_are_submitted(self, make_csv: MakeCsv) -> None:
        """What is no source ends the submission; what came before it does not suffer."""
        async with csvpipe.WorkerPool(pipelines=[do_nothing]) as pool:
            with pytest.raises(TypeError, match="a source is"):
                await pool.submit_many(do_nothing, [make_csv(1, "a.csv"), make_csv(2, "b.csv"), 3, b"id\n"])  # type: ignore[list-item]
            await pool.drain()
            page = await pool.jobs()

        assert ["b.csv", "a.csv"] == [record.filename for record in page.jobs]

    async def test_so_are_those_before_an_iterable_that_raises(self, make_csv: MakeCsv) -> None:
        """What the caller's iterable raises passes, after what it gave was submitted."""

        def sources() -> Iterator[Path]:
            yield make_csv(1)
            raise LookupError("no more")

        async with csvpipe.WorkerPool(pipelines=[do_nothing]) as pool:
            with pytest.raises(LookupError, match="no more"):
                await pool.submit_many(do_nothing, sources())
            page = await pool.jobs()

        assert 1 == page.total

    async def test_so_are_those_before_a_job_that_the_store_refuses(self, make_csv: MakeCsv, tmp_path: Path) -> None:
        """And the uploads of those behind it do not stay."""
        store = OpenStore()
        create, made = store.create, []

        def refusing(draft: Any) -> Any:
            made.append(draft)
            if len(made) == 2:
                raise ConnectionError("down")
            return create(draft)

        object.__setattr__(store, "create", refusing)
        go = threading.Event()

        @csvpipe.pipeline
        def handle(row: list[str]) -> None:
            go.wait(60)

        spool = tmp_path / "spool"
        async with csvpipe.WorkerPool(store, pipelines=[handle], spool_dir=spool) as pool:
            with pytest.raises(ConnectionError, match="down"):
                await pool.submit_many(handle, [b"id\n1\n", b"id\n2\n", b"id\n3\n"])
            page = await pool.jobs()
            kept = [path.name for path in spool.glob("*.csv")]
            go.set()

        assert (1, [f"{store.identity}-{page.jobs[0].id}.csv"]) == (page.total, kept)
