"""However a pool is left, no job is lost and none is stuck."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import pytest
from anyio.abc import TaskGroup

import csvpipe
from csvpipe.jobs import JobStatus

pytestmark = pytest.mark.anyio

MakeCsv = Callable[..., Path]


class Brake:
    """Stops a handler at a row until it is let go."""

    def __init__(self, at: int) -> None:
        self.at = at
        self.reached = threading.Event()
        self.go = threading.Event()

    def handle(self, row: csvpipe.Row) -> None:
        """The handler."""
        if row.number == self.at:
            self.reached.set()
            self.go.wait(60)


async def until(event: threading.Event) -> None:
    """Wait for what happens in a thread."""
    await anyio.to_thread.run_sync(event.wait, 60)


async def let_go_when_stopping(pool: csvpipe.WorkerPool, brake: Brake) -> None:
    """Let the handler return once the pool has begun to end."""
    await pool._service._stop_wanted.wait()
    brake.go.set()


@csvpipe.pipeline(name="handle")
def do_nothing(row: csvpipe.Row) -> None:
    """The same pipeline in another process."""


async def finish(store: csvpipe.MemoryJobStore) -> list[csvpipe.JobRecord]:
    """Another pool on the same store runs whatever is left."""
    async with csvpipe.WorkerPool(store, pipelines=[do_nothing]) as pool:
        for record in (await pool.jobs(limit=100)).jobs:
            await (await pool.job(record.id)).wait()
        return list((await pool.jobs(limit=100)).jobs)


async def test_leaving_the_block_waits_for_what_was_submitted(make_csv: MakeCsv) -> None:
    """By default the end of the block is the end of all jobs."""
    store = csvpipe.MemoryJobStore()
    async with csvpipe.WorkerPool(store, pipelines=[do_nothing]) as pool:
        jobs = await pool.submit_many(do_nothing, [make_csv(rows, f"{rows}.csv") for rows in range(1, 9)])

    records = [await job.record() for job in jobs]
    assert [JobStatus.COMPLETED] * 8 == [record.status for record in records]


async def test_stop_on_exit_releases_what_is_not_done(make_csv: MakeCsv) -> None:
    """Rows in hand are finished and committed; the next pool does the others, and only them."""
    store, brake = csvpipe.MemoryJobStore(), Brake(at=100)
    handle = csvpipe.pipeline(name="handle")(brake.handle)
    async with (
        anyio.create_task_group() as group,
        csvpipe.WorkerPool(store, pipelines=[handle], workers=1, on_exit="stop") as pool,
    ):
        job = await pool.submit(handle, make_csv(50_000))
        await until(brake.reached)
        group.start_soon(let_go_when_stopping, pool, brake)

    released = await job.record()
    assert (JobStatus.PENDING, 1) == (released.status, released.attempt)
    assert 100 <= released.processed_rows < 50_000
    [record] = await finish(store)
    assert (JobStatus.COMPLETED, 50_000, 2) == (record.status, record.processed_rows, record.attempt)


async def test_an_exception_passes_as_it_is(make_csv: MakeCsv) -> None:
    """What the block raises comes out bare, and the jobs are released."""
    store, brake = csvpipe.MemoryJobStore(), Brake(at=1)
    handle = csvpipe.pipeline(name="handle")(brake.handle)

    async def host(group: TaskGroup) -> None:
        async with csvpipe.WorkerPool(store, pipelines=[handle]) as pool:
            await pool.submit(handle, make_csv(500))
            await until(brake.reached)
            group.start_soon(let_go_when_stopping, pool, brake)
            raise ZeroDivisionError

    async with anyio.create_task_group() as group:
        with pytest.raises(ZeroDivisionError):
            await host(group)

    assert {JobStatus.COMPLETED} == {record.status for record in await finish(store)}


async def test_stop_within_the_block(make_csv: MakeCsv) -> None:
    """A stopped pool takes nothing more, and its block is left without waiting."""
    store, path = csvpipe.MemoryJobStore(), make_csv(5)
    async with csvpipe.WorkerPool(store, pipelines=[do_nothing]) as pool:
        await pool.submit(do_nothing, path)
        await pool.stop()
        await pool.stop()
        with pytest.raises(csvpipe.PoolClosedError, match="stopping"):
            await pool.submit(do_nothing, path)

    assert {JobStatus.COMPLETED} == {record.status for record in await finish(store)}


async def test_a_handler_that_hangs_keeps_its_job_from_others(make_csv: MakeCsv) -> None:
    """While somebody may still be at work on a job, its lease is not given back."""
    store, brake = csvpipe.MemoryJobStore(), Brake(at=3)
    handle = csvpipe.pipeline(name="handle")(brake.handle)
    async with csvpipe.WorkerPool(store, pipelines=[handle], on_exit="stop", shutdown_grace=0) as pool:
        job = await pool.submit(handle, make_csv(5))
        await until(brake.reached)

    assert JobStatus.PROCESSING is (await job.record()).status
    brake.go.set()


@pytest.mark.parametrize("pause", range(0, 60, 3))
@pytest.mark.parametrize("is_async", [False, True])
async def test_the_host_may_be_cancelled_anywhere(make_csv: MakeCsv, pause: int, *, is_async: bool) -> None:
    """Cancelled at any await point, a pool leaves no job that another cannot finish, and counts no row twice."""
    store = csvpipe.MemoryJobStore()

    def handle(row: csvpipe.Row) -> None: ...

    async def handle_async(row: csvpipe.Row) -> None:
        await anyio.lowlevel.checkpoint()

    handler: Any = handle_async if is_async else handle
    pipeline: csvpipe.Pipeline[..., Any] = csvpipe.pipeline(name="handle")(handler)
    paths = [make_csv(50, "a.csv"), make_csv(50, "b.csv")]

    async def host() -> None:
        async with csvpipe.WorkerPool(store, pipelines=[pipeline]) as pool:
            await pool.submit_many(pipeline, paths)

    async with anyio.create_task_group() as group:
        group.start_soon(host)
        for _ in range(pause):
            await anyio.lowlevel.checkpoint()
            await anyio.to_thread.run_sync(int)
        group.cancel_scope.cancel()

    before = store.list_jobs(limit=10).jobs
    assert not [record for record in before if record.status is JobStatus.PROCESSING]
    for record in await finish(store):
        assert (JobStatus.COMPLETED, 50, 50) == (record.status, record.total_rows, record.processed_rows)


async def test_two_pools_share_a_store(make_csv: MakeCsv) -> None:
    """Each job is run by one of them, and each submitter hears of all of it."""
    store = csvpipe.MemoryJobStore()
    async with (
        csvpipe.WorkerPool(store, pipelines=[do_nothing], max_files=2) as first,
        csvpipe.WorkerPool(store, pipelines=[do_nothing], max_files=2) as second,
    ):
        jobs = [
            await pool.submit(do_nothing, make_csv(20, f"{number}.csv"))
            for number, pool in enumerate([first, second] * 10)
        ]
        records = [await job.wait() for job in jobs]

    assert [(20, 1)] * 20 == [(record.processed_rows, record.attempt) for record in records]


async def test_a_pool_without_the_pipeline_leaves_the_job_to_others(make_csv: MakeCsv) -> None:
    """Jobs are claimed by the names of a pool's pipelines."""
    store = csvpipe.MemoryJobStore()

    @csvpipe.pipeline
    def other(row: csvpipe.Row) -> None: ...

    async with csvpipe.WorkerPool(store, pipelines=[do_nothing], on_exit="stop") as pool:
        await pool.stop()
    async with csvpipe.WorkerPool(store, pipelines=[other]) as wrong:
        async with csvpipe.WorkerPool(store, pipelines=[do_nothing]) as right:
            job = await right.submit(do_nothing, make_csv(5))
            record = await job.wait()
        assert 0 == wrong.statistics().running_jobs
    assert 5 == record.processed_rows


async def test_an_unusable_spool_is_the_hosts_to_know(tmp_path: Path) -> None:
    """A pool that could not take uploads does not open."""
    (tmp_path / "file").write_text("")
    with pytest.raises((OSError, BaseExceptionGroup)) as caught:
        async with csvpipe.WorkerPool(pipelines=[do_nothing], spool_dir=tmp_path / "file" / "spool"):
            pass
    assert caught.group_contains(OSError) if isinstance(caught.value, BaseExceptionGroup) else True


async def test_who_follows_a_job_learns_of_the_pools_end(make_csv: MakeCsv) -> None:
    """A handle does not wait for ever for a job that was left to the next process: it ends with its pool."""
    store, brake = csvpipe.MemoryJobStore(), Brake(at=1)
    handle = csvpipe.pipeline(name="handle")(brake.handle)
    seen: list[JobStatus] = []

    async def follow(job: csvpipe.Job) -> None:
        seen.extend([event.job.status async for event in job.events()])

    async with (
        anyio.create_task_group() as group,
        csvpipe.WorkerPool(store, pipelines=[handle], workers=1, on_exit="stop") as pool,
    ):
        job = await pool.submit(handle, make_csv(500))
        await until(brake.reached)
        group.start_soon(follow, job)
        group.start_soon(let_go_when_stopping, pool, brake)
    again = [event.job.status async for event in job.events()]
    with pytest.raises(csvpipe.PoolClosedError, match=r"is pending; .*csvpipe\.watch"):
        await job.wait()
    await finish(store)
    record = await job.wait()

    assert JobStatus.PENDING is seen[-1]
    assert [JobStatus.PENDING] == again
    assert JobStatus.COMPLETED is record.status
