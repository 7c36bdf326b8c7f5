"""Who is to blame for a dead worker is found out by trying, without a process in sight."""

from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

import csvpipe
from csvpipe._intake.inspection import Inspection, JobPlan
from csvpipe._intake.source import LocalFile
from csvpipe._partition.chunk import Chunk
from csvpipe._partition.cut import cut_whole
from csvpipe._process.result import ChunkResult
from csvpipe._process.work import Allowance, JobWork
from csvpipe.context import Context
from csvpipe.dialect import Dialect
from csvpipe.errors import FileCode, FileFailure
from csvpipe.executors.process.page import Note
from csvpipe.executors.process.suspects import Case, rejected
from csvpipe.jobs import JobId
from csvpipe.limits import Limits

ALLOWANCE = Allowance(error_budget=100)


@csvpipe.pipeline
def single(row: csvpipe.Row) -> None:
    """Rows one by one."""


@csvpipe.pipeline(batch_size=4, timeout=1.5)
def batch(rows: list[csvpipe.Row]) -> None:
    """Batches under a time limit."""


def a_job(pipeline: Any, folder: Path, rows: int) -> tuple[JobWork, list[Chunk]]:
    """A file of so many rows, cut."""
    path = folder / f"{rows}.csv"
    path.write_text("a,b\n" + "".join(f"{row},x\n" for row in range(1, rows + 1)))
    source = LocalFile.at(path)
    inspection = Inspection(encoding="utf-8", dialect=Dialect(), columns=("a", "b"), data_start=4, data_line=2)
    job_id = JobId(UUID(int=7))
    context = Context(job_id=job_id, root_id=job_id, filename="x", owner=None, attempt=1, dry_run=False)
    job = JobWork(pipeline, JobPlan(source=source, inspection=inspection, limits=Limits()), context)
    return job, list(cut_whole(source, inspection, Limits(), chunk_bytes=40))


def done(chunk: Chunk, processed: int | None = None) -> ChunkResult:
    """What a worker returns that has no trouble."""
    return ChunkResult(
        start=chunk.start,
        end=chunk.end,
        first_row=chunk.first_row,
        first_line=chunk.first_line,
        lines=chunk.lines,
        processed=chunk.rows if processed is None else processed,
    )


def worked_off(
    job: JobWork, chunks: list[Chunk], work: Callable[[Chunk], Note | ChunkResult | None], *, is_frozen: bool = False
) -> tuple[list[ChunkResult], FileFailure | None, int]:
    """Do all chunks as a worker of the crew does: results, the failure, and how many workers died."""
    case, queue, results, deaths = Case(job), list(chunks), [], 0
    while queue:
        chunk = queue.pop(0)
        step = case.next_step(job, chunk)
        if step.suspect is not None and step.suspect.verdict is not None:
            result = rejected(job, step.chunk, ALLOWANCE, step.suspect.verdict)
            case.close(step)
        else:
            answer = work(step.chunk)
            if not isinstance(answer, ChunkResult):
                deaths += 1
                failure = case.died(step, "killed by SIGSEGV", answer, is_frozen=is_frozen)
                if failure is not None:
                    return results, failure, deaths
                queue.insert(0, chunk)
                continue
            result = answer
            case.survived(step, result)
        results.append(result)
        if (rest := result.rest_of(chunk)) is not None:
            queue.insert(0, rest)
    return results, None, deaths


@given(killers=st.sets(st.integers(2, 40), max_size=6), size=st.sampled_from([1, 3, 4, 16]), is_built=st.booleans())
def test_killers_are_convicted_and_nobody_else(
    killers: set[int], size: int, tmp_path_factory: pytest.TempPathFactory, *, is_built: bool
) -> None:
    """Whatever the batches are, and whether rows kill when they are made or when they are handled."""
    job, chunks = a_job(single, tmp_path_factory.getbasetemp(), 40)

    def work(chunk: Chunk) -> Note | ChunkResult:
        rows = range(chunk.first_row, chunk.first_row + chunk.rows)
        if is_built and killers & set(rows):
            return Note(rows.start, len(rows))
        for begin in range(rows.start, rows.stop, size):
            call = range(begin, min(begin + size, rows.stop))
            if killers & set(call):
                return Note(call.start, len(call))
        return done(chunk)

    results, failure, deaths = worked_off(job, chunks, work)

    assert failure is None
    assert sorted(killers) == [error.row for result in results for error in result.errors]
    assert 40 == sum(result.rows for result in results)
    assert [("worker_lost", "handle")] * len(killers) == [
        (error.code, error.phase) for result in results for error in result.errors
    ]
    assert deaths <= len(killers) * 12


def test_a_row_that_survives_alone_is_innocent(tmp_path: Path) -> None:
    """It was in hand when its worker died of something else."""
    job, chunks = a_job(single, tmp_path, 20)
    deaths = [Note(3, 1), Note(17, 1)]

    def work(chunk: Chunk) -> Note | ChunkResult:
        if deaths and deaths[0].first_row < chunk.first_row + chunk.rows:
            return deaths.pop(0)
        return done(chunk)

    results, failure, died = worked_off(job, chunks, work)

    assert (None, 2, 20) == (failure, died, sum(result.processed for result in results))


@pytest.mark.parametrize("note", [None, Note(99, 1)])
def test_workers_that_have_no_row_in_hand(note: Note | None, tmp_path: Path) -> None:
    """Three in a row are the end; a note of rows that are not the chunk's says nothing."""
    job, chunks = a_job(single, tmp_path, 20)

    results, failure, deaths = worked_off(job, chunks, lambda _: note)

    assert ([], 3) == (results, deaths)
    assert failure is not None
    assert FileCode.CRASH_LOOP is failure.code
    assert "3 worker processes in a row died before they had a row in hand: killed by SIGSEGV; " in failure.message


def test_progress_in_between_counts(tmp_path: Path) -> None:
    """Only deaths in a row are a loop."""
    job, chunks = a_job(single, tmp_path, 40)
    calls = 0

    def work(chunk: Chunk) -> ChunkResult | None:
        nonlocal calls
        calls += 1
        return done(chunk) if calls % 3 == 0 else None

    results, failure, deaths = worked_off(job, chunks, work)

    assert (None, len(results) * 2) == (failure, deaths)
    assert deaths > 3


def test_a_file_whose_rows_all_kill(tmp_path: Path) -> None:
    """The third conviction without a single row that lives is the end."""
    job, chunks = a_job(single, tmp_path, 20)

    results, failure, _ = worked_off(job, chunks, lambda chunk: Note(chunk.first_row, 1))

    assert [1, 2] == [error.row for result in results for error in result.errors]
    assert failure is not None
    assert FileCode.CRASH_LOOP is failure.code


def test_a_call_that_froze_is_not_made_again(tmp_path: Path) -> None:
    """Its rows have exceeded their limit, all of the batch; what is more than a batch was being made, not handled."""
    job, chunks = a_job(batch, tmp_path, 20)
    frozen = [Note(1, 8), Note(3, 4)]

    def work(chunk: Chunk) -> Note | ChunkResult:
        return frozen.pop(0) if frozen else done(chunk)

    results, failure, deaths = worked_off(job, chunks, work, is_frozen=True)

    assert (None, 2) == (failure, deaths)
    assert [(row, "timeout") for row in (3, 4, 5, 6)] == [
        (error.row, error.code) for result in results for error in result.errors
    ]
