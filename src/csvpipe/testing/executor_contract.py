"""What `executor=` asks of a `concurrent.futures.Executor`, as tests that every executor must pass.

Subclass `ExecutorContract`, say how to make your executor, and let pytest collect the subclass::

    from csvpipe.testing import ExecutorContract, ExecutorHarness

    class TestMyExecutor(ExecutorContract):
        @pytest.fixture
        def harness(self):
            return ExecutorHarness(make=lambda: MyExecutor(2), in_processes=True)
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import attrs
import pytest

from csvpipe.blocking import BlockingJob, BlockingWorkerPool
from csvpipe.errors import FileCode
from csvpipe.jobs import JobRecord, JobStatus
from csvpipe.store.memory import MemoryJobStore
from csvpipe.testing import _errands

__all__ = ["ExecutorContract", "ExecutorHarness"]


@attrs.frozen(kw_only=True)
class ExecutorHarness:
    """How the contract gets at executors of a kind.

    Attributes:
        make: Makes a new one; it is entered, and left when the test is over. One that has failed is not used again.
        in_processes: Whether tasks run in other processes, one of which may be killed.
        workers: How many chunks are handed over at a time; None for as many as the executor is known to do at once.
    """

    make: Callable[[], AbstractContextManager[Executor]]
    in_processes: bool = True
    workers: int | None = 2


class ExecutorContract:
    """Tests of what an executor must guarantee.

    A subclass overrides the fixture `harness`. The rows of the files have numbers; what is asked for beside the
    executor is pytest alone.
    """

    @pytest.fixture
    def harness(self) -> ExecutorHarness:
        """To be overridden."""
        raise NotImplementedError("override the fixture `harness`: it says how to make your executor")

    def test_rows_are_those_of_threads(self, harness: ExecutorHarness, tmp_path: Path) -> None:
        """Every task is done and its result comes back: counts, errors and rejects are those of the serial run."""
        path = _file(tmp_path, 6_000, {5: "reject", 6: "skip", 3_000: "raise", 5_999: "reject"})

        serial = _import(path, "thread", workers=1)
        with harness.make() as executor:
            found = _import(path, executor, workers=harness.workers)

        assert serial == found
        assert (JobStatus.COMPLETED, 5_996, 3, 1) == found.counts
        assert [*range(1, 6_001)] == sorted({*_handled(tmp_path), 5, 6, 3_000, 5_999})

    def test_row_errors_that_are_too_many_for_a_result(self, harness: ExecutorHarness, tmp_path: Path) -> None:
        """They come back from wherever the task was done."""
        path = _file(tmp_path, 12_000, dict.fromkeys(range(400, 12_001), "reject"))

        serial = _import(path, "thread", workers=1)
        with harness.make() as executor:
            found = _import(path, executor, workers=harness.workers)

        assert (serial.counts, serial.totals, serial.rejects) == (found.counts, found.totals, found.rejects)
        assert 11_601 == found.counts[2]

    def test_a_handler_may_end_the_job(self, harness: ExecutorHarness, tmp_path: Path) -> None:
        """What a task returns is taken for what it is, also where it is a failure."""
        path = _file(tmp_path, 9, {5: "abort"})

        with harness.make() as executor, BlockingWorkerPool(pipelines=[_errands.handle], executor=executor) as pool:
            record = pool.submit(_errands.handle, path).wait()

        assert (JobStatus.FAILED, FileCode.ABORTED, 4) == (record.status, record.error_code, record.processed_rows)

    def test_a_job_is_cancelled(self, harness: ExecutorHarness, tmp_path: Path) -> None:
        """Progress is seen while tasks run, and a request ends the job within a chunk; what is done is counted."""
        path = _file(tmp_path, 20_000, dict.fromkeys(range(1, 20_001), "linger"))

        with (
            harness.make() as executor,
            BlockingWorkerPool(pipelines=[_errands.handle], executor=executor, workers=harness.workers) as pool,
        ):
            job = pool.submit(_errands.handle, path)
            with job.events() as events:
                next(event for event in events if event.job.processed_rows)
            job.cancel()
            record = job.wait()

        assert JobStatus.CANCELLED is record.status
        assert 0 < record.processed_rows < 20_000
        assert record.processed_rows <= len({*_handled(tmp_path)})

    def test_several_jobs_at_once(self, harness: ExecutorHarness, tmp_path: Path) -> None:
        """Tasks may be submitted from any thread, and more of them than are done at once."""
        paths = [_file(tmp_path, 2_000, {number: "reject"}, name=f"{number}.csv") for number in range(1, 6)]

        with (
            harness.make() as executor,
            BlockingWorkerPool(pipelines=[_errands.handle], executor=executor, workers=4) as pool,
        ):
            jobs = [pool.submit(_errands.handle, path) for path in paths]
            records = [job.wait() for job in jobs]

        assert [(JobStatus.COMPLETED, 1_999, 1)] * 5 == [
            (record.status, record.processed_rows, record.failed_rows) for record in records
        ]

    def test_an_executor_that_was_shut_down(self, harness: ExecutorHarness, tmp_path: Path) -> None:
        """It refuses tasks, and the job says so."""
        path = _file(tmp_path, 9, {})

        with harness.make() as executor:
            executor.shutdown()
            with BlockingWorkerPool(pipelines=[_errands.handle], executor=executor, workers=1) as pool:
                record = pool.submit(_errands.handle, path).wait()

        assert (JobStatus.FAILED, FileCode.CRASH_LOOP, 0) == (record.status, record.error_code, record.processed_rows)

    def test_a_worker_is_lost(self, harness: ExecutorHarness, tmp_path: Path) -> None:
        """Its task is done again, or its future raises and a retry with a new executor goes on: no row is lost."""
        if not harness.in_processes:
            pytest.skip("tasks run in this process")
        path, store = _file(tmp_path, 6_000, {5: "reject", 2_500: "lose", 5_999: "reject"}), MemoryJobStore()
        settings: dict[str, Any] = {
            "pipelines": [_errands.handle],
            "spool_dir": tmp_path / "spool",
            "workers": harness.workers,
        }

        with harness.make() as executor, BlockingWorkerPool(store, executor=executor, **settings) as pool:
            job = pool.submit(_errands.handle, path)
            record, seen = job.wait(), _seen(job)
        if record.status is JobStatus.FAILED:
            assert FileCode.CRASH_LOOP == record.error_code
            with harness.make() as executor, BlockingWorkerPool(store, executor=executor, **settings) as pool:
                job = pool.job(record.id)
                job.retry()
                job.wait()
                seen = _seen(job)

        assert (tmp_path / "lost").exists()
        assert {*range(1, 6_001)} - {5, 5_999} == {*_handled(tmp_path)}
        assert _import(path, "thread", workers=1) == seen


@attrs.frozen
class _Seen:
    """All that is known of a job at its end, but for its id and the time it took."""

    counts: tuple[JobStatus, int, int, int]
    errors: list[dict[str, object]]
    totals: list[tuple[str, int]]
    rejects: bytes


def _import(path: Path, executor: Any, *, workers: int | None) -> _Seen:
    with BlockingWorkerPool(pipelines=[_errands.handle], executor=executor, workers=workers) as pool:
        job = pool.submit(_errands.handle, path)
        job.wait()
        return _seen(job)


def _seen(job: BlockingJob) -> _Seen:
    errors = [error.to_dict() for error in job.row_errors(limit=1_000)]
    totals = sorted((total.code, total.errors) for total in job.error_summary())
    with tempfile.TemporaryDirectory() as folder:
        rejects = Path(folder, "rejects.csv")
        job.write_rejects(rejects)
        return _Seen(_counts(job.record()), errors, totals, rejects.read_bytes())


def _file(folder: Path, rows: int, what: Mapping[int, str], *, name: str = "numbers.csv") -> Path:
    path = folder / name
    with path.open("w", encoding="utf-8") as file:
        file.write("id,what,folder\n")
        file.writelines(f"{row},{what.get(row, 'tell')},{folder}\n" for row in range(1, rows + 1))
    return path


def _handled(folder: Path) -> list[int]:
    return [int(line) for line in (folder / "handled").read_text("ascii").split()]


def _counts(record: JobRecord) -> tuple[JobStatus, int, int, int]:
    return record.status, record.processed_rows, record.failed_rows, record.skipped_rows
