"""Which rows may have killed a worker process, and what to do about them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Final, TypeAlias

import attrs

from csvpipe._partition.chunk import Chunk
from csvpipe._partition.divide import divide
from csvpipe._process.conduct import EndedError, overdue
from csvpipe._process.flaws import Flaw
from csvpipe._process.result import ChunkResult
from csvpipe._process.work import Allowance, ChunkWork, JobWork
from csvpipe.errors import FileCode, FileFailure, Phase, RowCode
from csvpipe.executors.process.page import Note

#: So many workers may die over a job without getting anywhere before it fails.
_MOST: Final = 3

Divide: TypeAlias = Callable[[Chunk, int], tuple[Chunk, Chunk]]


@attrs.frozen(kw_only=True)
class Suspect:
    """Rows that a worker had in hand when it died.

    Attributes:
        first_row: 1-based number of the first, as the file has it.
        rows: How many.
        verdict: What is known to be wrong with each of them; None for rows that are yet to be run alone.
    """

    first_row: int
    rows: int
    verdict: Flaw | None = None

    @property
    def end_row(self) -> int:
        """The row after the last."""
        return self.first_row + self.rows


@attrs.frozen
class Step:
    """What to do next of a chunk: its first part, and whether that consists of suspects."""

    chunk: Chunk
    suspect: Suspect | None = None


class Case:
    """A job's suspects. Shared by all workers of a pool, in whichever threads they wait.

    A row is convicted only when it stood alone in a worker that died: until then it is merely the one that was in hand
    when something happened, which may have come from outside.

    Args:
        job: The job.
    """

    def __init__(self, job: JobWork) -> None:
        self._call_rows = job.pipeline.batch_size if job.pipeline.signature.is_batch else 1
        self._limit = job.pipeline.timeout
        self._lock = threading.Lock()
        self._suspects: list[Suspect] = []
        self._early_deaths = 0
        self._convicted = 0
        self._has_progress = False

    def __repr__(self) -> str:
        return f"<Case of {len(self._suspects)} suspects, {self._convicted} rows convicted>"

    def next_step(self, job: JobWork, chunk: Chunk) -> Step:
        """The first part of a chunk: up to its first suspects, or these alone.

        Raises:
            FileError: The file is not what was taken in.
        """
        end_row = chunk.first_row + chunk.rows
        with self._lock:
            found = next((s for s in self._suspects if chunk.first_row < s.end_row and s.first_row < end_row), None)
        if found is None:
            return Step(chunk)
        if found.first_row > chunk.first_row:
            return Step(_first(job, chunk, found.first_row - chunk.first_row))
        rows = min(found.end_row, end_row) - chunk.first_row
        return Step(_first(job, chunk, rows), found)

    def survived(self, step: Step, result: ChunkResult) -> None:
        """A worker did a step, or the first part of it, and lives."""
        with self._lock:
            if result.rows:
                self._early_deaths = 0
                self._has_progress = True
            if step.suspect is not None and result.end >= step.chunk.end and step.suspect in self._suspects:
                self._suspects.remove(step.suspect)

    def died(self, step: Step, how: str, note: Note | None, *, is_frozen: bool) -> FileFailure | None:
        """A worker died over a step; why the job must end, or None: then there are suspects, or it may be tried again.

        Args:
            step: What it did.
            how: It died.
            note: The rows that it had in hand.
            is_frozen: Whether it was killed since a call of its exceeded the time limit.
        """
        rows = _within(note, step.chunk)
        with self._lock:
            if rows is None:
                self._early_deaths += 1
                return _never_began(how) if self._early_deaths >= _MOST else None
            if step.suspect is None or (rows.first_row, rows.rows) != (step.chunk.first_row, step.chunk.rows):
                self._replace(step.suspect, [rows])
                if not (is_frozen and rows.rows <= self._call_rows):
                    return None
            return self._judge(step.suspect, rows, how, is_frozen=is_frozen)

    def _judge(self, suspect: Suspect | None, rows: Suspect, how: str, *, is_frozen: bool) -> FileFailure | None:
        """These rows stood alone, or were caught in the act."""
        present = rows if rows in self._suspects else suspect
        if is_frozen and rows.rows <= self._call_rows and self._limit is not None:
            self._replace(present, [attrs.evolve(rows, verdict=overdue(self._limit))])
            return None
        if rows.rows > 1:
            half = rows.rows // 2
            first = attrs.evolve(rows, rows=half)
            self._replace(present, [first, attrs.evolve(rows, first_row=first.end_row, rows=rows.rows - half)])
            return None
        self._replace(present, [attrs.evolve(rows, verdict=_lost(how))])
        self._convicted += 1
        return None if self._has_progress or self._convicted < _MOST else _always_dies(self._convicted, how)

    def _replace(self, suspect: Suspect | None, others: list[Suspect]) -> None:
        if suspect in self._suspects:
            self._suspects.remove(suspect)
        self._suspects = sorted([*self._suspects, *others], key=lambda each: each.first_row)

    def close(self, step: Step) -> None:
        """The verdict on a step's suspects has been carried out."""
        with self._lock:
            if step.suspect in self._suspects:
                self._suspects.remove(step.suspect)


def rejected(job: JobWork, chunk: Chunk, allowance: Allowance, flaw: Flaw) -> ChunkResult:
    """The result of a chunk whose rows are bad, each with this flaw unless it could not even be parsed."""
    work = ChunkWork(job, chunk, allowance)
    try:
        for part in work.slices():
            for index in range(len(part)):
                work.reject(part, index, part.flaws.get(index, (flaw,)))
    except EndedError as ended:
        return work.result(failure=ended.failure)
    return work.result(is_complete=True)


def _first(job: JobWork, chunk: Chunk, rows: int) -> Chunk:
    if rows == chunk.rows:
        return chunk
    plan = job.plan
    assert plan.source is not None, "a job without a file has no chunks"  # noqa: S101  # refused at intake
    assert plan.inspection is not None, "a job without a file has no chunks"  # noqa: S101
    return divide(plan.source, plan.inspection, plan.limits, chunk, rows)[0]


def _within(note: Note | None, chunk: Chunk) -> Suspect | None:
    """The rows of a note, as far as they are the chunk's; None if they are not."""
    if note is None:
        return None
    begin = max(note.first_row, chunk.first_row)
    end = min(note.first_row + note.rows, chunk.first_row + chunk.rows)
    return Suspect(first_row=begin, rows=end - begin) if begin < end else None


def _lost(how: str) -> Flaw:
    message = (
        f"the process that handled this row died, again and again: {how}; mend the handler, then submit the row again"
    )
    return Flaw(column=None, code=RowCode.WORKER_LOST, phase=Phase.HANDLE, message=message, value=None)


def _never_began(how: str) -> FileFailure:
    return FileFailure(
        code=FileCode.CRASH_LOOP,
        message=f"{_MOST} worker processes in a row died before they had a row in hand: {how}; look at what the import "
        "of the pipeline's module and its setup do, then retry the job",
    )


def _always_dies(rows: int, how: str) -> FileFailure:
    return FileFailure(
        code=FileCode.CRASH_LOOP,
        message=f"the first {rows} rows all killed the process that handled them: {how}; mend the handler, or a "
        "library that it uses, then retry the job",
    )
