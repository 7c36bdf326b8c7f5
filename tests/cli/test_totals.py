"""Sums over jobs, and the exit code that follows from them."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from csvpipe.cli.exit_codes import ExitCode, exit_code_of
from csvpipe.cli.totals import totals_of
from csvpipe.jobs import JobRecord, JobStatus

MakeJob = Callable[..., JobRecord]


def test_totals_add_up(job: MakeJob) -> None:
    """Rows are summed, the time runs from the first start to the last change, files not yet opened are left to do."""
    first = job(1, status=JobStatus.COMPLETED, processed_rows=70, failed_rows=20, bytes_total=100, bytes_processed=100)
    second = job(2, elapsed=20.0, processed_rows=8, skipped_rows=2, bytes_total=300, bytes_processed=100)

    totals = totals_of([first, second], files=4)

    assert (1, 0, 1) == (totals.completed, totals.failed, totals.ended)
    assert (78, 20, 2, 100) == (totals.processed_rows, totals.failed_rows, totals.skipped_rows, totals.handled_rows)
    assert 0.25 == totals.fraction
    assert 20.0 == totals.elapsed_seconds
    assert 5.0 == totals.rows_per_second
    assert 60.0 == totals.eta_seconds


def test_totals_of_nothing_promise_nothing(job: MakeJob) -> None:
    """Before the first file, and before the first byte, there is neither a pace nor an end in sight."""
    waiting = job(status=JobStatus.PENDING, started_at=None, bytes_total=10)

    for records in ([], [waiting]):
        totals = totals_of(records, files=1)
        assert (0.0, 0.0, None, None) == (
            totals.fraction,
            totals.elapsed_seconds,
            totals.rows_per_second,
            totals.eta_seconds,
        )


def test_failed_file_is_done(job: MakeJob) -> None:
    """The bytes of a file that failed are not waited for."""
    failed = job(status=JobStatus.FAILED, bytes_total=100, bytes_processed=10, completed_at=None)

    totals = totals_of([failed], files=1)

    assert (1.0, 1, 0.0) == (totals.fraction, totals.failed, totals.eta_seconds)


def test_time_ends_with_the_job(job: MakeJob) -> None:
    """A change after a job's end, such as its deletion, does not count as work."""
    done = job(status=JobStatus.COMPLETED, elapsed=50.0)
    done = job(status=JobStatus.COMPLETED, elapsed=50.0, completed_at=done.created_at + timedelta(seconds=5))

    assert 5.0 == totals_of([done], files=1).elapsed_seconds


@pytest.mark.parametrize(
    ("jobs", "code"),
    [
        ([], ExitCode.OK),
        ([{"status": JobStatus.COMPLETED, "skipped_rows": 1}], ExitCode.OK),
        ([{"status": JobStatus.COMPLETED, "failed_rows": 1}, {"status": JobStatus.COMPLETED}], ExitCode.REJECTED),
        ([{"status": JobStatus.COMPLETED, "failed_rows": 1}, {"status": JobStatus.FAILED}], ExitCode.FAILED),
        ([{"status": JobStatus.CANCELLED}, {"status": JobStatus.COMPLETED}], ExitCode.FAILED),
    ],
)
def test_exit_code_is_the_worst_that_happened(job: MakeJob, jobs: list[dict[str, object]], code: ExitCode) -> None:
    """A failed file outweighs failed rows, failed rows outweigh success."""
    assert code == exit_code_of([job(number, **changes) for number, changes in enumerate(jobs)])
