"""How a pool calls handlers: in threads and in the loop, with resources, time limits and outages."""

import asyncio
import logging
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest

import csvpipe
from csvpipe.errors import FileCode
from csvpipe.jobs import JobStatus

pytestmark = pytest.mark.anyio

MakeCsv = Callable[..., Path]


async def test_async_batches_are_bisected(make_csv: MakeCsv) -> None:
    """One bad row of a batch costs itself alone, in the loop as in a thread."""
    seen: list[int] = []

    @csvpipe.pipeline(batch_size=10)
    async def handle(rows: list[csvpipe.Row], context: csvpipe.Context) -> None:
        await anyio.lowlevel.checkpoint()
        if any(row["id"] == "x" for row in rows):
            raise ValueError("cannot")
        context.skip([row.number % 10 == 0 for row in rows])
        seen.extend(row.number for row in rows)

    async with csvpipe.WorkerPool(pipelines=[handle]) as pool:
        job = await pool.submit(handle, make_csv(35, bad={7, 22}))
        record = await job.wait()
        errors = await job.row_errors()

    assert (30, 2, 3) == (record.processed_rows, record.failed_rows, record.skipped_rows)
    assert [(7, "handler"), (22, "handler")] == [(error.row, error.code) for error in errors]
    assert sorted({*range(1, 36)} - {7, 22}) == sorted(seen)


async def test_concurrency_bounds_the_calls_in_flight(make_csv: MakeCsv) -> None:
    """As many as allowed are in flight at once, over all files of the pipeline, and no more."""
    running = most = 0
    full = anyio.Event()

    @csvpipe.pipeline(concurrency=5)
    async def handle(row: csvpipe.Row) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        if running == 5:
            full.set()
        await full.wait()
        running -= 1

    async with csvpipe.WorkerPool(pipelines=[handle]) as pool:
        jobs = await pool.submit_many(handle, [make_csv(20) for _ in range(3)])
        records = [await job.wait() for job in jobs]

    assert [20, 20, 20] == [record.processed_rows for record in records]
    assert 5 == most


async def test_async_handlers_time_out(make_csv: MakeCsv) -> None:
    """A call that takes too long is cancelled, and its row rejected."""

    @csvpipe.pipeline(timeout=0.01)
    async def handle(row: csvpipe.Row) -> None:
        if row["id"] == "x":
            await anyio.sleep_forever()

    async with csvpipe.WorkerPool(pipelines=[handle]) as pool:
        job = await pool.submit(handle, make_csv(5, bad={2}))
        record = await job.wait()
        [error] = await job.row_errors()

    assert (4, 1) == (record.processed_rows, record.failed_rows)
    message = "the handler took longer than 0.01 seconds; submit the row again, or raise timeout="
    assert (2, "timeout", message) == (error.row, error.code, error.message)


async def test_handlers_in_threads_time_out(make_csv: MakeCsv) -> None:
    """A call that takes too long is left behind with its thread, and its row rejected."""
    go = threading.Event()

    @csvpipe.pipeline(timeout=0.2)
    def handle(row: csvpipe.Row) -> None:
        if row["id"] == "x":
            go.wait(60)

    async with csvpipe.WorkerPool(pipelines=[handle], workers=1) as pool:
        job = await pool.submit(handle, make_csv(5, bad={2, 4}))
        record = await job.wait()
        errors = await job.row_errors()
    go.set()

    assert (3, 2) == (record.processed_rows, record.failed_rows)
    assert [(2, "timeout"), (4, "timeout")] == [(error.row, error.code) for error in errors]


async def test_outages_are_retried_in_the_loop(make_csv: MakeCsv) -> None:
    """A row is handed over again after a pause, and never blamed."""
    calls: list[int] = []

    @csvpipe.pipeline(retry=csvpipe.Retry(attempts=3, on=ConnectionError, backoff_seconds=0.001))
    async def handle(row: csvpipe.Row) -> None:
        calls.append(row.number)
        if calls.count(row.number) < 3:
            raise ConnectionError

    async with csvpipe.WorkerPool(pipelines=[handle]) as pool:
        record = await (await pool.submit(handle, make_csv(3))).wait()

    assert (JobStatus.COMPLETED, 3, 9) == (record.status, record.processed_rows, len(calls))


async def test_a_retry_does_not_hold_up_the_end(make_csv: MakeCsv) -> None:
    """A pause between attempts is cut short when the job is to stop; the row stays undone."""
    waiting = anyio.Event()

    @csvpipe.pipeline(retry=csvpipe.Retry(attempts=3, backoff_seconds=3_600, max_backoff_seconds=3_600))
    async def handle(row: csvpipe.Row) -> None:
        waiting.set()
        raise csvpipe.Unavailable

    async with csvpipe.WorkerPool(pipelines=[handle]) as pool:
        job = await pool.submit(handle, make_csv(3))
        await waiting.wait()
        await job.cancel()
        record = await job.wait()

    assert (JobStatus.CANCELLED, 0) == (record.status, record.failed_rows)


async def test_calls_after_a_gap_do_not_count(make_csv: MakeCsv) -> None:
    """Rows behind the one that ended the run are handled again by a retry: only a prefix of the file is done."""
    is_down = True
    seen: list[int] = []

    @csvpipe.pipeline(concurrency=10, retry=csvpipe.Retry(attempts=1))
    async def handle(row: csvpipe.Row) -> None:
        if row.number == 5 and is_down:
            raise csvpipe.Unavailable("no database")
        seen.append(row.number)

    async with csvpipe.WorkerPool(pipelines=[handle]) as pool:
        job = await pool.submit(handle, make_csv(20))
        failed = await job.wait()
        is_down = False
        await job.retry()
        done = await job.wait()

    assert (FileCode.RETRY_EXHAUSTED, 4) == (failed.error_code, failed.processed_rows)
    assert (JobStatus.COMPLETED, 20) == (done.status, done.processed_rows)
    assert set(range(1, 21)) == set(seen)


async def test_a_handler_may_swallow_a_cancellation_of_its_own(make_csv: MakeCsv) -> None:
    """What a handler cancels itself is no cancellation of the pool: the row is bad, the rest goes on."""

    @csvpipe.pipeline
    async def handle(row: csvpipe.Row) -> None:
        if row.number == 2:
            raise SystemExit("no")
        if row.number == 3:
            with anyio.CancelScope() as scope:
                scope.cancel()
                await anyio.sleep_forever()

    async with csvpipe.WorkerPool(pipelines=[handle]) as pool:
        record = await (await pool.submit(handle, make_csv(5))).wait()

    assert (4, 1) == (record.processed_rows, record.failed_rows)


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_a_handler_that_awaits_a_cancelled_future(make_csv: MakeCsv) -> None:
    """On asyncio a cancelled future raises where it is awaited: the row's error, not the pool's end."""

    @csvpipe.pipeline
    async def handle(row: csvpipe.Row) -> None:
        future = asyncio.get_running_loop().create_future()
        future.cancel()
        await future

    async with csvpipe.WorkerPool(pipelines=[handle]) as pool:
        job = await pool.submit(handle, make_csv(1))
        record = await job.wait()
        [error] = await job.row_errors()

    assert (JobStatus.COMPLETED, 1) == (record.status, record.failed_rows)
    assert "CancelledError" in error.message


class Odd(BaseException):
    """No Exception, and nobody's business but the handler's."""


@pytest.mark.parametrize("error", [Odd("odd"), SystemExit(3), BaseExceptionGroup("two", [Odd(), Odd()])])
async def test_whatever_an_async_handler_raises_is_its_rows_fault(make_csv: MakeCsv, error: BaseException) -> None:
    """Also what is no `Exception`: the row is bad, the pool and its other rows go on."""

    @csvpipe.pipeline
    async def handle(row: csvpipe.Row) -> None:
        await anyio.lowlevel.checkpoint()
        if row.number == 2:
            raise error

    async with csvpipe.WorkerPool(pipelines=[handle]) as pool:
        job = await pool.submit(handle, make_csv(5))
        record = await job.wait()
        [found] = await job.row_errors()

    assert (JobStatus.COMPLETED, 4, 1) == (record.status, record.processed_rows, record.failed_rows)
    assert (2, "handler") == (found.row, found.code)


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_an_async_handler_that_cancels_its_own_task(make_csv: MakeCsv) -> None:
    """It has only cancelled its own call: the row is bad, and no other is lost."""

    @csvpipe.pipeline(concurrency=2)
    async def handle(row: csvpipe.Row) -> None:
        await anyio.lowlevel.checkpoint()
        if row.number == 3:
            task = asyncio.current_task()
            assert task is not None
            task.cancel()
            await anyio.lowlevel.checkpoint()

    async with csvpipe.WorkerPool(pipelines=[handle]) as pool:
        record = await (await pool.submit(handle, make_csv(30))).wait()

    assert (JobStatus.COMPLETED, 29, 1) == (record.status, record.processed_rows, record.failed_rows)


class TestResources:
    async def test_a_thread_enters_uses_and_leaves_its_own(self, make_csv: MakeCsv) -> None:
        """Each worker has one, in one thread from beginning to end."""
        order: list[tuple[str, int]] = []

        @contextmanager
        def connect() -> Iterator[list[int]]:
            order.append(("in", threading.get_ident()))
            yield []
            order.append(("out", threading.get_ident()))

        @csvpipe.pipeline(setup=connect)
        def handle(row: csvpipe.Row, resource: list[int]) -> None:
            resource.append(row.number)
            order.append(("use", threading.get_ident()))

        async with csvpipe.WorkerPool(pipelines=[handle], workers=1) as pool:
            await pool.submit_many(handle, [make_csv(2), make_csv(3)])

        assert ["in", *["use"] * 5, "out"] == [what for what, _ in order]
        assert 1 == len({thread for _, thread in order})

    async def test_async_handlers_share_one(self, make_csv: MakeCsv) -> None:
        """Entered when it is first needed and left when the pool ends, in one task."""
        order: list[str] = []

        @asynccontextmanager
        async def connect() -> AsyncIterator[str]:
            async with anyio.create_task_group():
                order.append("in")
                yield "it"
                order.append("out")

        @csvpipe.pipeline(setup=connect)
        async def handle(row: csvpipe.Row, context: csvpipe.Context, resource: str) -> None:
            order.append(resource)

        async with csvpipe.WorkerPool(pipelines=[handle]) as pool:
            await pool.submit_many(handle, [make_csv(2), make_csv(3)])

        assert ["in", *["it"] * 5, "out"] == order

    async def test_async_handlers_may_have_a_plain_one(self, make_csv: MakeCsv) -> None:
        """A context manager that is not async is entered in the loop."""

        @contextmanager
        def connect() -> Iterator[int]:
            yield 7

        seen: set[int] = set()

        @csvpipe.pipeline(setup=connect)
        async def handle(row: csvpipe.Row, resource: int) -> None:
            seen.add(resource)

        async with csvpipe.WorkerPool(pipelines=[handle]) as pool:
            await pool.submit(handle, make_csv(2))

        assert {7} == seen

    @pytest.mark.parametrize("is_async", [False, True])
    async def test_a_setup_that_fails_is_an_outage(self, make_csv: MakeCsv, *, is_async: bool) -> None:
        """It is tried again; when the attempts are used up the job fails, and a retry may find it working."""
        tries = [0]

        @contextmanager
        def connect() -> Iterator[None]:
            tries[0] += 1
            if tries[0] < 4:
                raise ConnectionError("no database")
            yield

        def handle(row: csvpipe.Row, resource: None) -> None: ...

        async def handle_async(row: csvpipe.Row, resource: None) -> None: ...

        handler: Any = handle_async if is_async else handle
        retry = csvpipe.Retry(attempts=3, backoff_seconds=0)
        pipeline: Any = csvpipe.pipeline(name="handle", setup=connect, retry=retry)(handler)
        async with csvpipe.WorkerPool(pipelines=[pipeline], workers=1) as pool:
            job = await pool.submit(pipeline, make_csv(2))
            failed = await job.wait()
            await job.retry()
            done = await job.wait()

        assert (FileCode.RETRY_EXHAUSTED, 0) == (failed.error_code, failed.failed_rows)
        assert "no database" in (failed.error_message or "")
        assert (JobStatus.COMPLETED, 2) == (done.status, done.processed_rows)

    async def test_a_setup_that_hangs_does_not_hold_a_job(self, make_csv: MakeCsv) -> None:
        """A job that waits for its resource can be cancelled, and its pool left."""
        entering = anyio.Event()

        @asynccontextmanager
        async def connect() -> AsyncIterator[None]:
            entering.set()
            await anyio.sleep_forever()
            yield

        @csvpipe.pipeline(setup=connect)
        async def handle(row: csvpipe.Row, resource: None) -> None: ...

        async with csvpipe.WorkerPool(pipelines=[handle]) as pool:
            job = await pool.submit(handle, make_csv(2))
            await entering.wait()
            await job.cancel()
            record = await job.wait()

        assert JobStatus.CANCELLED is record.status

    async def test_a_resource_that_does_not_leave_is_cancelled(self, make_csv: MakeCsv) -> None:
        """The end of a pool waits for resources as long as its grace lasts."""
        ended: list[str] = []

        @asynccontextmanager
        async def connect() -> AsyncIterator[None]:
            yield
            try:
                await anyio.sleep_forever()
            finally:
                ended.append("cancelled")

        @csvpipe.pipeline(setup=connect)
        async def handle(row: csvpipe.Row, resource: None) -> None: ...

        async with csvpipe.WorkerPool(pipelines=[handle], shutdown_grace=0) as pool:
            record = await (await pool.submit(handle, make_csv(2))).wait()

        assert (JobStatus.COMPLETED, ["cancelled"]) == (record.status, ended)

    async def test_whatever_a_setup_raises_is_an_outage(self, make_csv: MakeCsv) -> None:
        """Also what is no `Exception`; the pool goes on."""

        @asynccontextmanager
        async def connect() -> AsyncIterator[None]:
            raise Odd("not today")
            yield

        @asynccontextmanager
        async def refuse() -> AsyncIterator[None]:
            raise csvpipe.Abort("not with this release")
            yield

        retry = csvpipe.Retry(attempts=1)

        @csvpipe.pipeline(setup=connect, retry=retry)
        async def handle(row: csvpipe.Row, resource: None) -> None: ...

        @csvpipe.pipeline(setup=refuse, retry=retry)
        async def handle_not(row: csvpipe.Row, resource: None) -> None: ...

        async with csvpipe.WorkerPool(pipelines=[handle, handle_not]) as pool:
            odd = await (await pool.submit(handle, make_csv(2))).wait()
            aborted = await (await pool.submit(handle_not, make_csv(2))).wait()

        assert (FileCode.RETRY_EXHAUSTED, FileCode.ABORTED) == (odd.error_code, aborted.error_code)
        assert "not today" in (odd.error_message or "")
        assert "not with this release" in (aborted.error_message or "")

    @pytest.mark.parametrize("is_async", [False, True])
    async def test_after_an_outage_resources_are_new(self, make_csv: MakeCsv, *, is_async: bool) -> None:
        """What a lost connection was entered for is left, and a retried job has one that works."""
        entered: list[int] = []
        left: list[int] = []

        @contextmanager
        def connect() -> Iterator[int]:
            number = len(entered)
            entered.append(number)
            yield number
            left.append(number)

        def handle(row: csvpipe.Row, connection: int) -> None:
            if connection == 0:
                raise csvpipe.Unavailable("the connection is lost")

        async def handle_async(row: csvpipe.Row, connection: int) -> None:
            handle(row, connection)

        handler: Any = handle_async if is_async else handle
        retry = csvpipe.Retry(attempts=2, backoff_seconds=0)
        pipeline: Any = csvpipe.pipeline(name="handle", setup=connect, retry=retry)(handler)
        async with csvpipe.WorkerPool(pipelines=[pipeline], workers=1) as pool:
            job = await pool.submit(pipeline, make_csv(2))
            failed = await job.wait()
            await job.retry()
            done = await job.wait()

        assert (FileCode.RETRY_EXHAUSTED, JobStatus.COMPLETED) == (failed.error_code, done.status)
        assert [0, 1] == entered == sorted(left)

    @pytest.mark.parametrize("is_async", [False, True])
    async def test_a_setup_must_return_a_context_manager(self, make_csv: MakeCsv, *, is_async: bool) -> None:
        """Anything else fails the job at once, with a message that says so."""

        def handle(row: csvpipe.Row, resource: object) -> None: ...

        async def handle_async(row: csvpipe.Row, resource: object) -> None: ...

        handler: Any = handle_async if is_async else handle
        setup: Any = object
        pipeline: Any = csvpipe.pipeline(name="handle", setup=setup)(handler)
        async with csvpipe.WorkerPool(pipelines=[pipeline]) as pool:
            record = await (await pool.submit(pipeline, make_csv(2))).wait()

        assert FileCode.ABORTED == record.error_code
        assert "context manager" in (record.error_message or "")

    @pytest.mark.parametrize("is_async", [False, True])
    async def test_a_resource_that_fails_at_the_end_is_logged(
        self, make_csv: MakeCsv, caplog: pytest.LogCaptureFixture, *, is_async: bool
    ) -> None:
        """The rows are handled by then: the application's log is where it belongs."""

        @contextmanager
        def connect() -> Iterator[None]:
            yield
            raise ConnectionError("broken pipe")

        def handle(row: csvpipe.Row, resource: None) -> None: ...

        async def handle_async(row: csvpipe.Row, resource: None) -> None: ...

        handler: Any = handle_async if is_async else handle
        pipeline: Any = csvpipe.pipeline(name="handle", setup=connect)(handler)
        async with csvpipe.WorkerPool(pipelines=[pipeline]) as pool:
            record = await (await pool.submit(pipeline, make_csv(2))).wait()

        assert JobStatus.COMPLETED is record.status
        assert [("csvpipe", logging.ERROR)] == [(name, level) for name, level, _ in caplog.record_tuples]
        assert "its setup failed at the end" in caplog.text


class TestCallbacks:
    async def test_sync_callbacks_hear_of_every_job(self, make_csv: MakeCsv) -> None:
        """Each job's events come in order and end with the terminal one."""
        heard: list[csvpipe.JobEvent] = []

        @csvpipe.pipeline
        def handle(row: csvpipe.Row) -> None: ...

        async with csvpipe.WorkerPool(pipelines=[handle], on_event=heard.append) as pool:
            jobs = await pool.submit_many(handle, [make_csv(2), b"", make_csv(3)])

        for job in jobs:
            events = [event for event in heard if event.job.id == job.id]
            revisions = [event.job.revision for event in events]
            assert sorted(set(revisions)) == revisions
            assert [False] * (len(events) - 1) + [True] == [event.is_terminal for event in events]

    async def test_a_callback_that_raises_harms_nothing(
        self, make_csv: MakeCsv, caplog: pytest.LogCaptureFixture
    ) -> None:
        """It is logged, and called again with the next event."""
        heard: list[str] = []

        async def on_event(event: csvpipe.JobEvent) -> None:
            await anyio.lowlevel.checkpoint()
            heard.append(event.kind.value)
            raise ValueError("not today")

        @csvpipe.pipeline
        def handle(row: csvpipe.Row) -> None: ...

        async with csvpipe.WorkerPool(pipelines=[handle], on_event=on_event) as pool:
            record = await (await pool.submit(handle, make_csv(2))).wait()

        assert JobStatus.COMPLETED is record.status
        assert "completed" == heard[-1]
        assert len(heard) == caplog.text.count("on_event raised")

    async def test_the_events_of_a_pool(self, make_csv: MakeCsv) -> None:
        """`pool.events()` goes on over all jobs and ends with the pool."""
        heard: list[tuple[str, str]] = []

        @csvpipe.pipeline
        def handle(row: csvpipe.Row) -> None: ...

        async def listen(events: csvpipe.PoolEvents) -> None:
            heard.extend([(event.job.filename, event.kind.value) async for event in events])

        async with anyio.create_task_group() as group, csvpipe.WorkerPool(pipelines=[handle]) as pool:
            group.start_soon(listen, pool.events())
            await pool.submit(handle, make_csv(2, "a.csv"))
            await pool.submit(handle, make_csv(2, "b.csv"))

        assert ["a.csv", "b.csv"] == sorted(name for name, kind in heard if kind == "completed")
