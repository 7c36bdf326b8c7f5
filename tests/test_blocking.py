"""The pool without `await`."""

import inspect
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

import csvpipe
from csvpipe.blocking import BlockingEvents, BlockingJob, BlockingWorkerPool
from csvpipe.pool import Job, WorkerPool

MakeCsv = Callable[..., Path]


@csvpipe.pipeline
def check(row: csvpipe.Row) -> None:
    """Reject rows whose id is no number."""
    if not row["id"].isdigit():
        raise csvpipe.Reject("no number", column="id")


def public(service: type) -> dict[str, Any]:
    """What users may call, by name."""
    return {name: value for name, value in vars(service).items() if not name.startswith("_")}


@pytest.mark.parametrize(("mirror", "original"), [(BlockingWorkerPool, WorkerPool), (BlockingJob, Job)])
def test_a_mirror_has_all_that_there_is(mirror: type, original: type) -> None:
    """Every public name is there, and a method is made of the method of the same name, with its arguments and words."""
    assert set(public(original)) == set(public(mirror))
    for name, method in public(mirror).items():
        there = getattr(original, name)
        if not isinstance(there, property):
            assert there is method.__wrapped__, name
            assert inspect.getdoc(there) == inspect.getdoc(method), name
    assert inspect.signature(WorkerPool) == inspect.signature(BlockingWorkerPool)


def test_signatures_are_the_same() -> None:
    """A bound method takes what the original takes."""
    with BlockingWorkerPool(pipelines=[check]) as pool:
        job = pool.submit(check, b"id\n1\n")
        for bound, original in ((pool, WorkerPool), (job, Job)):
            for name, there in public(original).items():
                if not isinstance(there, property):
                    expected = list(inspect.signature(there).parameters.values())[1:]
                    assert expected == list(inspect.signature(getattr(bound, name)).parameters.values()), name


def test_files_are_imported(make_csv: MakeCsv, tmp_path: Path) -> None:
    """What a pool does it does here, and jobs are followed by an ordinary loop."""
    with BlockingWorkerPool(pipelines=[check]) as pool:
        job = pool.submit(check, make_csv(9, bad={3}), owner="ana")
        events = [event.kind.value for event in job.events()]
        record = job.wait()

        assert "completed" == events[-1]
        assert (8, 1) == (record.processed_rows, record.failed_rows)
        assert [3] == [error.row for error in job.row_errors()]
        assert [1] == [total.errors for total in job.error_summary()]
        assert 1 == job.write_rejects(tmp_path / "rejects.csv")
        assert (record,) == pool.jobs(owner="ana").jobs == pool.history(owner="ana").jobs
        assert job.id == pool.job(str(job.id)).id
        assert (check,) == pool.pipelines
        child = pool.submit(check, tmp_path / "rejects.csv", parent=job.id, owner="ana")
        assert job.id == child.wait().parent_id
        job.delete()
        with pytest.raises(csvpipe.JobNotFoundError):
            job.record()


def test_a_job_of_here_is_taken_as_one_of_there(make_csv: MakeCsv, tmp_path: Path) -> None:
    """A job's handle may be given where the pool takes one."""
    with BlockingWorkerPool(pipelines=[check]) as pool:
        job = pool.submit(check, make_csv(3, bad={3}))
        job.wait()
        job.write_rejects(tmp_path / "rejects.csv")
        parent: Any = job

        assert job.id == pool.submit(check, tmp_path / "rejects.csv", parent=parent).wait().parent_id


def test_many_files_are_drained(make_csv: MakeCsv) -> None:
    """Leaving the block waits for all jobs, as a pool does."""
    ended: list[str] = []

    def on_event(event: csvpipe.JobEvent) -> None:
        if event.is_terminal:
            ended.append(event.kind.value)

    with BlockingWorkerPool(pipelines=[check], on_event=on_event) as pool:
        jobs = pool.submit_many(check, [make_csv(3), make_csv(5)])
        assert all(isinstance(job, BlockingJob) for job in jobs)

    assert ["completed", "completed"] == ended


def test_the_events_of_all_jobs_are_followed(make_csv: MakeCsv) -> None:
    """Events of the pool end when it is stopped."""
    with BlockingWorkerPool(pipelines=[check]) as pool:
        events = pool.events()
        pool.submit(check, make_csv(3)).wait()
        pool.stop()

        assert "completed" == [event.kind.value for event in events][-1]


def test_events_may_be_left(make_csv: MakeCsv) -> None:
    """Within `with`, or by `close`, a reader is given up before the end."""
    with BlockingWorkerPool(pipelines=[check]) as pool:
        job = pool.submit(check, make_csv(3))
        with job.events() as events:
            assert job.id == next(events).job.id

        assert isinstance(events, BlockingEvents)
        assert [] == list(events)


@pytest.mark.anyio
async def test_it_works_under_a_running_loop(make_csv: MakeCsv) -> None:
    """Where an event loop runs in the calling thread, it blocks that one and uses its own."""
    with BlockingWorkerPool(pipelines=[check]) as pool:
        assert 3 == pool.submit(check, make_csv(3)).wait().processed_rows


def test_threads_may_share_a_pool(make_csv: MakeCsv) -> None:
    """Several threads submit and wait at once."""
    counts: list[int] = []
    with BlockingWorkerPool(pipelines=[check]) as pool:

        def work(rows: int) -> None:
            counts.append(pool.submit(check, make_csv(rows)).wait().processed_rows)

        threads = [threading.Thread(target=work, args=(rows,)) for rows in range(1, 6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert [1, 2, 3, 4, 5] == sorted(counts)


def test_a_stream_is_iterated_in_the_pools_loop() -> None:
    """An async iterable may be submitted."""

    async def stream() -> AsyncIterator[bytes]:
        yield b"id\n1\n"
        yield b"2\n"

    with BlockingWorkerPool(pipelines=[check]) as pool:
        assert 2 == pool.submit(check, stream()).wait().processed_rows


def test_misuse_is_told() -> None:
    """Outside its block a pool is not open; what is raised there is raised here, and ends the block as it is."""
    pool = BlockingWorkerPool(pipelines=[check])

    with pytest.raises(csvpipe.PoolClosedError):
        pool.submit(check, b"")
    with pytest.raises(csvpipe.PipelineNotFoundError), pool:
        pool.submit("nothing", b"")
    with pytest.raises(csvpipe.PoolClosedError), pool:
        pass
    with pytest.raises(csvpipe.PoolClosedError):
        pool.statistics()
    assert "<BlockingWorkerPool closed" in repr(pool)


def test_a_forked_child_has_no_pool(make_csv: MakeCsv, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever was forked from the pool's process is told, instead of waiting for a thread that is not there."""
    with BlockingWorkerPool(pipelines=[check]) as pool:
        job = pool.submit(check, make_csv(1))
        with monkeypatch.context() as forked:
            forked.setattr("csvpipe.blocking.os.getpid", lambda: -1)
            for call in (job.record, pool.statistics):
                with pytest.raises(csvpipe.PoolClosedError, match="forked"):
                    call()


def test_who_is_called_by_the_pool_cannot_wait_for_it(make_csv: MakeCsv) -> None:
    """In `on_event`, which the pool's own event loop calls, nothing can be waited for: that is told, not hung."""
    errors: list[type[Exception]] = []
    pools: list[BlockingWorkerPool] = []

    def on_event(_event: csvpipe.JobEvent) -> None:
        try:
            pools[0].statistics()
        except csvpipe.PoolClosedError as error:
            errors.append(type(error))

    with BlockingWorkerPool(pipelines=[check], on_event=on_event) as pool:
        pools.append(pool)
        pool.submit(check, make_csv(1)).wait()

    assert {csvpipe.PoolClosedError} == set(errors)


def test_it_says_what_it_is(make_csv: MakeCsv) -> None:
    """The mirrors show what they stand for."""
    with BlockingWorkerPool(pipelines=[check], workers=2) as pool:
        job = pool.submit(check, make_csv(1))

        assert "<BlockingWorkerPool open, workers=2, pipelines: check>" == repr(pool)
        assert repr(job).startswith("<BlockingJob ")
        assert repr(job.events()).startswith("<BlockingEvents of <JobEvents ")
        assert 2 == pool.statistics().workers
