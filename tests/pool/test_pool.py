"""The main job: files in, every row handled, progress out."""

import io
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import anyio
import anyio.lowlevel
import attrs
import pytest

import csvpipe
from csvpipe._intake.sniffer import dialect
from csvpipe._intake.sniffer.dialect import DialectFound, sniff_dialect
from csvpipe.errors import FileCode
from csvpipe.jobs import JobStatus

pytestmark = pytest.mark.anyio

MakeCsv = Callable[..., Path]


@attrs.frozen
class Number:
    """One row of a numbered file."""

    id: int
    name: str


@csvpipe.pipeline
def check_number(number: Number) -> None:
    """Reject every multiple of seven."""
    if number.id % 7 == 0:
        raise csvpipe.Reject("divisible by seven", column="id", code="seven")


@csvpipe.pipeline
async def check_number_async(number: Number) -> None:
    """The same in the event loop."""
    await anyio.lowlevel.checkpoint()
    check_number(number)


@pytest.mark.parametrize("pipeline", [check_number, check_number_async])
async def test_every_row_counts(make_csv: MakeCsv, pipeline: csvpipe.Pipeline[..., Any]) -> None:
    """Good rows are processed, bad ones set aside, and the numbers add up."""
    path = make_csv(1000, bad={3, 500})

    async with csvpipe.WorkerPool(pipelines=[pipeline]) as pool:
        job = await pool.submit(pipeline, path, owner="ana")
        record = await job.wait()
        errors = await job.row_errors(limit=1000)

    assert JobStatus.COMPLETED is record.status
    assert ("numbers.csv", "ana") == (record.filename, record.owner)
    assert (1000, 1000 - 144, 144) == (record.total_rows, record.processed_rows, record.failed_rows)
    assert path.stat().st_size == record.bytes_total == record.bytes_processed
    bad = sorted({*range(7, 1001, 7), 3, 500})
    assert [(row, row + 1) for row in bad] == [(error.row, error.line) for error in errors]
    assert {"int", "seven"} == {error.code for error in errors}


async def test_many_files_at_once(make_csv: MakeCsv) -> None:
    """Each of many files gets a job of its own, in the order of submission."""
    paths = [make_csv(rows, f"{rows}.csv") for rows in range(1, 31)]

    async with csvpipe.WorkerPool(pipelines=[check_number], workers=3, max_files=2) as pool:
        jobs = await pool.submit_many(check_number, paths)
        records = [await job.wait() for job in jobs]

    assert list(range(1, 31)) == [record.total_rows for record in records]


async def _stream(data: bytes, size: int) -> AsyncIterator[bytes]:
    for start in range(0, len(data), size):
        await anyio.lowlevel.checkpoint()
        yield data[start : start + size]


@pytest.mark.parametrize("kind", ["path", "str", "bytes", "file", "stream", "large blocks", "open file"])
async def test_whatever_holds_bytes_is_a_source(make_csv: MakeCsv, tmp_path: Path, kind: str) -> None:
    """Paths are read in place; everything else goes through the spool, of which nothing is left in the end."""
    path = make_csv(10_000)
    data, spool = path.read_bytes(), tmp_path / "spool"
    opened = path.open("rb")
    source: Any = {
        "path": path,
        "str": str(path),
        "bytes": data,
        "file": io.BytesIO(data),
        "stream": _stream(data, 100),
        "large blocks": _stream(data, 300_000),
        "open file": opened,
    }[kind]
    name = "numbers.csv" if kind in ("path", "str", "open file") else "upload.csv"

    async with csvpipe.WorkerPool(pipelines=[check_number], spool_dir=spool) as pool:
        job = await pool.submit(check_number, source)
        record = await job.wait()
        rejects = await job.write_rejects(tmp_path / "rejects.csv")
        await job.delete()
    opened.close()

    assert (name, 10_000, 1428) == (record.filename, record.total_rows, record.failed_rows)
    assert 1428 == rejects
    assert [] == list(spool.glob("[!.]*"))


async def test_a_clean_upload_is_removed_at_once(tmp_path: Path) -> None:
    """Nobody needs the bytes of an upload that was imported without a reject."""
    async with csvpipe.WorkerPool(pipelines=[check_number], spool_dir=tmp_path) as pool:
        job = await pool.submit(check_number, b"id,name\n1,Ana\n")
        await job.wait()

        assert [] == list(tmp_path.glob("[!.]*"))


BROKEN: list[tuple[Any, FileCode, str]] = [
    ("missing.csv", FileCode.NOT_FOUND, "missing.csv"),
    (".", FileCode.SOURCE_FAILED, "this is a folder"),
    (b"", FileCode.EMPTY, "empty"),
    (b"id,name\n", FileCode.EMPTY, "no row"),
    (b"id,id\n1,2\n", FileCode.HEADER_DUPLICATE, "'id'"),
    (b"id,\n1,2\n", FileCode.HEADER_MISSING, "column 2"),
    (b"nummer,name\n1,2\n", FileCode.COLUMNS_MISSING, "'id'"),
    ("id,n\udcffme\n1,José Gómez Ñuñoa\n".encode("utf-8", "surrogateescape"), FileCode.ENCODING, "line 1, column 2"),
    (b"PK\x03\x04" + bytes(1000), FileCode.BINARY, "ZIP"),
]


@pytest.mark.parametrize(("source", "code", "words"), BROKEN, ids=[str(code) for _, code, _ in BROKEN])
async def test_a_file_that_cannot_be_imported_is_a_failed_job(
    tmp_path: Path, source: str | bytes, code: FileCode, words: str
) -> None:
    """`submit` raises nothing: code and message say what is wrong, and the spool stays empty."""
    spool = tmp_path / "spool"
    async with csvpipe.WorkerPool(pipelines=[check_number], spool_dir=spool) as pool:
        job = await pool.submit(check_number, tmp_path / source if isinstance(source, str) else source)
        record = await job.wait()

    assert (JobStatus.FAILED, code.value) == (record.status, record.error_code)
    assert words in (record.error_message or "")
    assert [] == list(spool.glob("[!.]*"))
    with pytest.raises(csvpipe.JobFailedError, match=code.value):
        record.raise_for_status()


async def _failing_stream() -> AsyncIterator[bytes]:
    yield b"id,name\n1,Ana\n"
    raise ConnectionResetError("the client is gone")


async def test_a_stream_that_fails_half_way_leaves_nothing(tmp_path: Path) -> None:
    """What the stream raises is the job's failure, and what arrived of it is removed."""
    async with csvpipe.WorkerPool(pipelines=[check_number], spool_dir=tmp_path) as pool:
        record = await (await pool.submit(check_number, _failing_stream(), filename="up.csv")).wait()

        assert [] == list(tmp_path.glob("[!.]*"))
    assert FileCode.SOURCE_FAILED == record.error_code
    assert "up.csv" in (record.error_message or "")
    assert "the client is gone" in (record.error_message or "")


async def test_a_stream_of_something_else_is_refused(tmp_path: Path) -> None:
    """A stream of text is told to be one of bytes."""

    async def words() -> AsyncIterator[Any]:
        yield "id,name\n"

    async with csvpipe.WorkerPool(pipelines=[check_number], spool_dir=tmp_path) as pool:
        record = await (await pool.submit(check_number, words())).wait()

        assert [] == list(tmp_path.glob("[!.]*"))
    assert FileCode.SOURCE_FAILED == record.error_code
    assert "str" in (record.error_message or "")


async def test_an_upload_that_is_too_large_is_stopped_as_it_arrives(tmp_path: Path) -> None:
    """The limit is judged block by block: the rest of the stream is not even asked for."""
    asked = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal asked
        yield b"id,name\n"
        while True:
            asked += 1
            yield b"1,Ana\n" * 50_000

    @csvpipe.pipeline(limits=csvpipe.Limits(file_bytes=1_000_000))
    def handle(row: csvpipe.Row) -> None: ...

    async with csvpipe.WorkerPool(pipelines=[handle], spool_dir=tmp_path) as pool:
        record = await (await pool.submit(handle, endless())).wait()

        assert [] == list(tmp_path.glob("[!.]*"))
    assert FileCode.TOO_LARGE == record.error_code
    assert asked < 10


async def test_a_cancelled_upload_leaves_nothing(tmp_path: Path) -> None:
    """Whoever stops waiting for `submit` leaves neither a job nor a file."""
    started = anyio.Event()

    async def stuck() -> AsyncIterator[bytes]:
        yield b"id,name\n" * 100_000
        started.set()
        await anyio.sleep_forever()

    async with csvpipe.WorkerPool(pipelines=[check_number], spool_dir=tmp_path) as pool:
        async with anyio.create_task_group() as group:
            group.start_soon(pool.submit, check_number, stuck())
            await started.wait()
            group.cancel_scope.cancel()

        assert [] == list(tmp_path.glob("[!.]*"))
        assert 0 == (await pool.jobs()).total


class BlockedFile(io.BytesIO):
    """A file object whose `read` returns when it is told to."""

    def __init__(self, go: threading.Event) -> None:
        super().__init__(b"id,name\n1,a\n")
        self.reading = threading.Event()
        self._go = go

    def read(self, size: int | None = -1, /) -> bytes:
        """Block, then read."""
        self.reading.set()
        self._go.wait(60)
        return super().read(size)


async def test_sources_that_block_hold_up_nobody_else(tmp_path: Path, make_csv: MakeCsv) -> None:
    """However many file objects do not answer, jobs run; who stops waiting for them leaves nothing behind."""
    go = threading.Event()
    files = [BlockedFile(go) for _ in range(8)]

    async with csvpipe.WorkerPool(pipelines=[check_number], spool_dir=tmp_path / "spool") as pool:
        async with anyio.create_task_group() as group:
            for file in files:
                group.start_soon(pool.submit, check_number, file)
            for file in files:
                await anyio.to_thread.run_sync(file.reading.wait, 60)
            job = await pool.submit(check_number, make_csv(3))
            record = await job.wait()
            group.cancel_scope.cancel()
        go.set()
        for thread in threading.enumerate():
            if thread.name.startswith("csvpipe-reader"):  # left behind, and now on its way out
                await anyio.to_thread.run_sync(thread.join, 60)
        total = (await pool.jobs()).total

    assert (3, 1) == (record.processed_rows, total)
    assert [] == list((tmp_path / "spool").glob("*.csv"))


async def test_a_source_that_raises_at_once(tmp_path: Path) -> None:
    """A stream that cannot even begin, or a buffer that is released, is a failed job."""

    class NoStream:
        def __aiter__(self) -> AsyncIterator[bytes]:
            raise ConnectionError("never connected")

    buffer = memoryview(bytearray(b"id,name\n1,a\n"))
    buffer.release()
    async with csvpipe.WorkerPool(pipelines=[check_number], spool_dir=tmp_path) as pool:
        records = [await (await pool.submit(check_number, source)).wait() for source in (NoStream(), buffer)]

    assert [FileCode.SOURCE_FAILED] * 2 == [record.error_code for record in records]
    assert "never connected" in (records[0].error_message or "")


async def test_a_header_of_ones_own(make_csv: MakeCsv) -> None:
    """Encoding and dialect may be stated for a single file."""
    dialect = csvpipe.Dialect(delimiter=";")

    async with csvpipe.WorkerPool(pipelines=[check_number]) as pool:
        data = "id;name\n1;José\n2;Bo\n".encode("cp1252")
        record = await (await pool.submit(check_number, data, encoding="cp1252", dialect=dialect)).wait()

    assert (JobStatus.COMPLETED, 2) == (record.status, record.processed_rows)


async def test_dry_run_calls_only_who_can_know_of_it() -> None:
    """Rows are converted and validated; a handler without a context is left alone."""
    called: list[bool] = []

    @csvpipe.pipeline
    def blind(number: Number) -> None:
        called.append(False)

    @csvpipe.pipeline
    def seeing(number: Number, context: csvpipe.Context) -> None:
        called.append(context.dry_run)

    async with csvpipe.WorkerPool(pipelines=[blind, seeing]) as pool:
        records = [
            await (await pool.submit(pipeline, b"id,name\n1,a\nx,b\n", dry_run=True)).wait()
            for pipeline in (blind, seeing)
        ]

    assert [True] == called
    assert [(1, 1), (1, 1)] == [(record.processed_rows, record.failed_rows) for record in records]


class TestIdempotency:
    async def test_a_repeat_gives_the_first_job(self, tmp_path: Path) -> None:
        """The same key and content are the same job, and the second upload is removed."""
        data = b"id,name\n7,a\n"
        async with csvpipe.WorkerPool(pipelines=[check_number], spool_dir=tmp_path) as pool:
            first = await pool.submit(check_number, data, idempotency_key="k")
            await first.wait()
            second = await pool.submit(check_number, data, idempotency_key="k")

            assert first.id == second.id
            assert 1 == len(list(tmp_path.glob("[!.]*")))

    async def test_other_content_under_the_same_key_is_a_conflict(self, tmp_path: Path) -> None:
        """A key stands for one content."""
        async with csvpipe.WorkerPool(pipelines=[check_number], spool_dir=tmp_path) as pool:
            first = await pool.submit(check_number, b"id,name\n1,a\n", idempotency_key="k")
            await first.wait()
            with pytest.raises(csvpipe.IdempotencyConflictError, match=str(first.id)):
                await pool.submit(check_number, b"id,name\n2,a\n", idempotency_key="k")

            assert [] == list(tmp_path.glob("[!.]*"))

    async def test_a_path_is_known_by_its_place_and_time(self, make_csv: MakeCsv) -> None:
        """A file that is read in place is not hashed: path, size and time stand for its content."""
        path = make_csv(3)
        async with csvpipe.WorkerPool(pipelines=[check_number]) as pool:
            first = await pool.submit(check_number, path, idempotency_key="k")
            second = await pool.submit(check_number, path, idempotency_key="k")

        assert first.id == second.id

    async def test_what_did_not_arrive_may_come_under_the_same_key(self, make_csv: MakeCsv, tmp_path: Path) -> None:
        """A file that is not there yet and a stream that breaks leave the key free; what is no CSV takes it."""

        async def broken() -> AsyncIterator[bytes]:
            yield b"id,name\n1,"
            raise ConnectionError("lost")

        path = tmp_path / "people.csv"
        async with csvpipe.WorkerPool(pipelines=[check_number]) as pool:
            jobs = [
                await pool.submit(check_number, source, idempotency_key=key)
                for source, key in [(path, "a"), (make_csv(3), "a"), (broken(), "b"), (b"id,name\n1,a\n", "b")]
            ]
            records = [await job.wait() for job in jobs]
            empty = [await pool.submit(check_number, b"", idempotency_key="c") for _ in range(2)]

        failed, completed = JobStatus.FAILED, JobStatus.COMPLETED
        assert [failed, completed, failed, completed] == [record.status for record in records]
        assert empty[0].id == empty[1].id

    @pytest.mark.parametrize(
        "options", [{"dry_run": True}, {"encoding": "cp1252"}, {"dialect": csvpipe.Dialect(delimiter=";")}]
    )
    async def test_other_options_are_a_conflict(self, options: dict[str, Any]) -> None:
        """Whoever tries a file out and then imports it under the same key does not get the trial for an answer."""
        data = b"id,name\n7,a\n"
        async with csvpipe.WorkerPool(pipelines=[check_number]) as pool:
            trial = await pool.submit(check_number, data, idempotency_key="k", **options)
            again = await pool.submit(check_number, data, idempotency_key="k", **options)
            with pytest.raises(csvpipe.IdempotencyConflictError, match="use another key"):
                await pool.submit(check_number, data, idempotency_key="k")

        assert trial.id == again.id

    async def test_an_encoding_has_many_names(self) -> None:
        """It is the same one under any of them."""
        async with csvpipe.WorkerPool(pipelines=[check_number]) as pool:
            jobs = [
                await pool.submit(check_number, b"id,name\n7,a\n", idempotency_key="k", encoding=name)
                for name in ("utf8", "UTF-8")
            ]

        assert jobs[0].id == jobs[1].id


class TestMisuse:
    @pytest.mark.parametrize("name", ["owner", "idempotency_key"])
    async def test_what_stands_in_an_index_is_bounded(self, name: str) -> None:
        """By bytes, as databases have it; the message says what to give instead."""
        async with csvpipe.WorkerPool(pipelines=[check_number]) as pool:
            await pool.submit(check_number, b"id,name\n7,a\n", **{name: "\u00fc" * 500})
            with pytest.raises(ValueError, match=f"{name} has 1,001 bytes.*a hash of it"):
                await pool.submit(check_number, b"id,name\n7,a\n", **{name: "\u00fc" * 500 + "x"})

    async def test_a_pipeline_must_be_the_pools(self) -> None:
        """A pipeline that the pool does not have is named, together with those that it has."""

        @csvpipe.pipeline
        def other(row: csvpipe.Row) -> None: ...

        async with csvpipe.WorkerPool(pipelines=[check_number]) as pool:
            with pytest.raises(csvpipe.PipelineNotFoundError, match=r"other.*check_number"):
                await pool.submit(other, b"")
            with pytest.raises(csvpipe.PipelineNotFoundError, match="nameless"):
                await pool.submit("nameless", b"")

    async def test_a_namesake_is_not_the_pools(self) -> None:
        """The name alone does not make a pipeline known."""
        namesake = csvpipe.pipeline(name="check_number")(lambda_of_rows)

        async with csvpipe.WorkerPool(pipelines=[check_number]) as pool:
            with pytest.raises(csvpipe.PipelineNotFoundError):
                await pool.submit(namesake, b"")

    async def test_a_name_will_do(self) -> None:
        """A pipeline may be given by its name."""
        async with csvpipe.WorkerPool(pipelines=[check_number]) as pool:
            record = await (await pool.submit("check_number", b"id,name\n1,a\n")).wait()

        assert 1 == record.processed_rows

    async def test_encodings_and_sources_are_checked(self) -> None:
        """What can never work raises at once."""
        async with csvpipe.WorkerPool(pipelines=[check_number]) as pool:
            with pytest.raises(csvpipe.EncodingUnknownError, match="utf-9"):
                await pool.submit(check_number, b"", encoding="utf-9")
            with pytest.raises(TypeError, match="not int"):
                await pool.submit(check_number, 7)  # type: ignore[arg-type]

    async def test_a_pool_is_used_while_it_is_open(self) -> None:
        """Before and after its block a pool says that it is not open, and it opens once only."""
        pool = csvpipe.WorkerPool(pipelines=[check_number])
        with pytest.raises(csvpipe.PoolClosedError, match="not open yet"):
            await pool.submit(check_number, b"")
        with pytest.raises(csvpipe.PoolClosedError):
            await pool.stop()
        async with pool:
            pass
        for use in (pool.events, pool.statistics):
            with pytest.raises(csvpipe.PoolClosedError, match="closed"):
                use()
        for wait in (pool.jobs, pool.history, pool.drain):
            with pytest.raises(csvpipe.PoolClosedError, match="closed"):
                await wait()
        with pytest.raises(csvpipe.PoolClosedError, match="once"):
            await pool.__aenter__()

    async def test_a_pool_is_dead_in_a_forked_child(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A child of `fork` has none of the pool's threads, so it is told to open one of its own."""
        async with csvpipe.WorkerPool(pipelines=[check_number]) as pool:
            with monkeypatch.context() as child:
                child.setattr("os.getpid", lambda: -1)
                with pytest.raises(csvpipe.PoolClosedError, match="forked"):
                    await pool.submit(check_number, b"")
                with pytest.raises(csvpipe.PoolClosedError):
                    await pool.stop()

    @pytest.mark.parametrize(
        ("options", "error"),
        [
            ({"workers": 0}, ValueError),
            ({"max_files": 0}, ValueError),
            ({"flush_interval": 0}, ValueError),
            ({"executor": "magic"}, ValueError),
            ({"on_exit": "run away"}, ValueError),
            ({"pipelines": [check_number, check_number]}, csvpipe.PipelineError),
            ({"pipelines": [print]}, csvpipe.PipelineError),
        ],
    )
    def test_options_are_checked(self, options: dict[str, Any], error: type[Exception]) -> None:
        """A pool that cannot work is not made."""
        with pytest.raises(error):
            csvpipe.WorkerPool(**options)

    async def test_a_job_that_does_not_exist(self) -> None:
        """Unknown ids, and texts that are none, are not found."""
        async with csvpipe.WorkerPool(pipelines=[check_number]) as pool:
            for unknown in (uuid4(), str(uuid4()), "nonsense"):
                with pytest.raises(csvpipe.JobNotFoundError):
                    await pool.job(unknown)


def lambda_of_rows(row: csvpipe.Row) -> None:
    """Do nothing."""


async def test_jobs_are_found_again(make_csv: MakeCsv) -> None:
    """By id, as it is or as text, and in pages by owner and status."""
    async with csvpipe.WorkerPool(pipelines=[check_number]) as pool:
        job = await pool.submit(check_number, make_csv(3), owner="ana")
        await pool.submit(check_number, b"", owner="bo")
        await pool.drain()

        assert job.id == (await pool.job(job.id)).id == (await pool.job(str(job.id))).id
        assert ["numbers.csv"] == [record.filename for record in (await pool.jobs(owner="ana")).jobs]
        assert 1 == (await pool.jobs(status=JobStatus.FAILED)).total
        assert 2 == (await pool.jobs()).total
        assert 0 == (await pool.jobs(owner=None)).total


async def test_the_history_is_read_on_and_on() -> None:
    """Newest first, from where the slice before ended, by owner and status; what is no such place is misuse."""
    async with csvpipe.WorkerPool(pipelines=[check_number]) as pool:
        jobs = [await pool.submit(check_number, b"", owner=owner) for owner in ("ana", "bo", "ana", "ana")]
        await pool.drain()
        first = await pool.history(limit=2, owner="ana", status=JobStatus.FAILED)
        second = await pool.history(limit=2, owner="ana", status=JobStatus.FAILED, after=first.following)

        assert [jobs[3].id, jobs[2].id] == [record.id for record in first.jobs]
        assert ([jobs[0].id], None) == ([record.id for record in second.jobs], second.following)
        assert 4 == len((await pool.history()).jobs)
        with pytest.raises(ValueError, match="after"):
            await pool.history(after="yesterday")


async def test_statistics_and_reprs_show_the_state() -> None:
    """A pool at rest has nothing in hand."""
    async with csvpipe.WorkerPool(pipelines=[check_number], workers=4) as pool:
        job = await pool.submit(check_number, b"id,name\n1,a\n")
        await pool.drain()
        while pool.statistics().busy_workers:  # the worker that has settled the job in its thread
            await anyio.lowlevel.checkpoint()

        assert csvpipe.PoolStatistics(workers=4, busy_workers=0, running_jobs=0, waiting_chunks=0) == pool.statistics()
        assert "<WorkerPool open, workers=4, pipelines: check_number>" == repr(pool)
        assert f"<Job {job.id} of 'upload.csv'>" == repr(job)


async def test_error_summary_and_pages(make_csv: MakeCsv) -> None:
    """Totals by code and column; pages that never part a row's errors."""

    @attrs.frozen
    class Pair:
        a: int
        b: int

    @csvpipe.pipeline
    def handle(pair: Pair) -> None: ...

    async with csvpipe.WorkerPool(pipelines=[handle]) as pool:
        job = await pool.submit(handle, b"a,b\n" + b"x,y\n" * 5 + b"1,2\n")
        await job.wait()
        summary = await job.error_summary()
        pages = [await job.row_errors(limit=3), await job.row_errors(limit=3, after=2), await job.row_errors(after=5)]
        with pytest.raises(ValueError, match="limit"):
            await job.row_errors(limit=0)

    assert [("int", "a", 5), ("int", "b", 5)] == [(total.code, total.column, total.errors) for total in summary]
    assert [[1, 1, 2, 2], [3, 3, 4, 4], []] == [[error.row for error in page] for page in pages]


async def test_misuse_is_told_in_terms_of_the_caller(tmp_path: Path) -> None:
    """Arguments in the wrong place are named, with the right one."""
    with pytest.raises(csvpipe.PipelineError, match=r"WorkerPool\(pipelines="):
        csvpipe.WorkerPool(check_number)  # type: ignore[arg-type]
    with pytest.raises(csvpipe.PipelineError, match=r"a list of pipelines: \[check_number\]"):
        csvpipe.WorkerPool(pipelines=check_number)  # type: ignore[arg-type]
    async with csvpipe.WorkerPool(pipelines=[check_number]) as pool:
        with pytest.raises(TypeError, match=r"write dialect=csvpipe.Dialect\(delimiter=';'\)"):
            await pool.submit(check_number, b"", dialect=";")  # type: ignore[arg-type]


async def test_a_file_of_some_size_is_for_all_workers(make_csv: MakeCsv) -> None:
    """Workers that wait in their handlers share a file long before it has the size of a chunk."""
    both = threading.Barrier(2, timeout=60)
    met: set[int] = set()

    @csvpipe.pipeline
    def handle(row: csvpipe.Row) -> None:
        if threading.get_ident() not in met:
            met.add(threading.get_ident())
            both.wait()

    async with csvpipe.WorkerPool(pipelines=[handle], workers=2) as pool:
        record = await (await pool.submit(handle, make_csv(5_000))).wait()

    assert (5_000, 2) == (record.processed_rows, len(met))


async def test_a_file_that_was_tried_is_not_inspected_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a dry run found holds for the real run, as long as file and statements are the same."""
    looks: list[str] = []

    def look(text: str, **options: Any) -> DialectFound:
        looks.append(text)
        return sniff_dialect(text, **options)

    monkeypatch.setattr(dialect, "sniff_dialect", look)
    path = tmp_path / "people.csv"
    path.write_bytes(b"id;name\n1;Ana\n2;Bo\n")
    async with csvpipe.WorkerPool(pipelines=[check_number]) as pool:
        tried = await pool.submit(check_number, path, dry_run=True)
        await tried.wait()
        real = await pool.submit(check_number, path)
        record = await real.wait()
        assert (2, 1) == (record.processed_rows, len(looks))
        await (await pool.submit(check_number, path.read_bytes())).wait()
        assert 2 == len(looks)
        await (await pool.submit(check_number, path.read_bytes())).wait()
        await (await pool.submit(check_number, path, encoding="cp1252")).wait()
        assert 3 == len(looks)
        path.write_bytes(b"id;name\n1;Ana\n2;Bo\n3;Cy\n")
        await (await pool.submit(check_number, path)).wait()
        assert 4 == len(looks)
