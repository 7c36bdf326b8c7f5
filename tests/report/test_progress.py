"""Chunk results folded into a job."""

import pytest

from csvpipe._partition.chunk import Chunk
from csvpipe._process.result import ChunkResult
from csvpipe._report.progress import STORED_ERRORS, Progress
from csvpipe.errors import ErrorTotal, FileCode, FileFailure, Phase, RowError


def progress(
    committed: tuple[ChunkResult, ...] = (), *, limit: int | None = None, rate: float | None = None
) -> Progress:
    """A run with these limits."""
    return Progress(committed, reject_limit=limit, reject_rate_limit=rate, reject_rate_min_rows=10)


def a_chunk(start: int = 0, rows: int = 10) -> Chunk:
    """A chunk of rows of ten bytes."""
    return Chunk(
        start=start, end=start + rows * 10, first_row=start // 10 + 1, first_line=start // 10 + 2, rows=rows, lines=rows
    )


def a_result(
    chunk: Chunk, rows: int | None = None, *, failed: int = 0, lines: int | None = None, errors: int = 0
) -> ChunkResult:
    """What came of a chunk, or of its first rows."""
    rows = chunk.rows if rows is None else rows
    return ChunkResult(
        start=chunk.start,
        end=chunk.start + rows * 10,
        first_row=chunk.first_row,
        first_line=chunk.first_line,
        lines=rows if lines is None else lines,
        processed=rows - failed,
        failed=failed,
        errors=(an_error(),) * errors,
    )


def an_error() -> RowError:
    """Any error."""
    return RowError(
        row=1, line=2, column=None, code="int", phase=Phase.CONVERT, message="", value=None, start=0, end=10
    )


def test_results_wait_until_they_are_committed() -> None:
    """What was committed is no longer pending; what came meanwhile still is."""
    run, first, second = progress(), a_result(a_chunk(errors := 0)), a_result(a_chunk(100), errors=2)
    run.add(a_chunk(errors), first, allotted=0)
    taken = run.pending
    run.add(a_chunk(100), second, allotted=2)
    run.committed(taken)

    assert ((second,), 2, 20) == (run.pending, run.pending_errors, run.rows)
    assert "<Progress 20 rows, 1 results to commit>" == repr(run)


def test_rows_of_earlier_runs_count() -> None:
    """A job that goes on knows how many rows are done."""
    assert 10 == progress((a_result(a_chunk()),)).rows


def test_a_result_over_nothing_is_not_committed() -> None:
    """A worker that was stopped before its first row has nothing to tell, but may have a failure."""
    run, chunk = progress(), a_chunk()
    failure = FileFailure(code=FileCode.ABORTED, message="no")
    result = ChunkResult(start=0, end=0, first_row=1, first_line=2, lines=0, failure=failure)

    assert failure == run.add(chunk, result, allotted=0)
    assert () == run.pending


@pytest.mark.parametrize(
    ("rows", "lines"), [(9, 10), (10, 9), (11, 11)], ids=["a row less", "a line less", "beyond the end"]
)
def test_two_counts_that_differ_fail_the_job(rows: int, lines: int) -> None:
    """The worker's count of a whole chunk must be the partitioner's."""
    chunk = a_chunk()
    result = ChunkResult(
        start=0, end=rows * 10 if rows > 10 else 100, first_row=1, first_line=2, lines=lines, processed=rows
    )

    failure = progress().add(chunk, result, allotted=0)

    assert failure is not None
    assert FileCode.CONSERVATION is failure.code
    assert f"a worker found {rows} on {lines}" in failure.message


def test_a_part_of_a_chunk_is_no_breach() -> None:
    """A worker may return early."""
    assert None is progress().add(a_chunk(), a_result(a_chunk(), 4), allotted=0)


def test_the_limit_is_the_number_that_is_still_allowed() -> None:
    """Rejected rows of all chunks together are compared with it."""
    run = progress(limit=3)
    outcomes = [run.add(a_chunk(start), a_result(a_chunk(start), failed=2), allotted=0) for start in (0, 100)]

    assert None is outcomes[0]
    assert outcomes[1] is not None
    assert "4 rows are rejected, more than reject_limit=3" in outcomes[1].message


def test_the_rate_is_judged_late_enough() -> None:
    """One bad row of one is no rate."""
    run = progress(rate=0.2)
    few = run.add(a_chunk(0, 2), a_result(a_chunk(0, 2), failed=2), allotted=0)
    enough = run.add(a_chunk(20, 8), a_result(a_chunk(20, 8), failed=1), allotted=0)

    assert None is few
    assert enough is not None
    assert "3 of the first 10 rows are rejected (30.0%)" in enough.message


def test_a_single_row_is_told_as_one() -> None:
    """By both limits."""
    total = progress(limit=0).add(a_chunk(), a_result(a_chunk(), failed=1), allotted=0)
    share = progress(rate=0.0).add(a_chunk(0, 10), a_result(a_chunk(0, 10), failed=1), allotted=0)

    assert total is not None
    assert total.message.startswith("1 row is rejected, more than")
    assert share is not None
    assert share.message.startswith("1 of the first 10 rows is rejected (10.0%)")


def test_stored_errors_are_bounded() -> None:
    """Chunks share a budget; what one does not need the next may have, and earlier runs count."""
    run = progress()
    allotted = run.allot()
    run.add(a_chunk(), a_result(a_chunk(), errors=5), allotted=allotted)
    budgets = []
    while budget := run.allot():
        budgets.append(budget)

    assert STORED_ERRORS - 5 == sum(budgets)
    earlier = ChunkResult(
        start=0, end=1, first_row=1, first_line=1, lines=1,
        totals=(ErrorTotal(code="int", column=None, errors=2 * STORED_ERRORS),),
    )  # fmt: skip
    assert 0 == progress((earlier,)).allot()


def test_a_broken_result_counts_for_nothing() -> None:
    """What does not add up is not committed, so that a retry does it again."""
    run, chunk = progress(), a_chunk()
    run.add(chunk, a_result(chunk, 4, lines=11), allotted=0)

    assert ((), 0) == (run.pending, run.rows)
