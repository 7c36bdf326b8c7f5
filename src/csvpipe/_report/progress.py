"""Chunk results folded into a job: what is to be committed, what adds up, and whether a limit is passed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from csvpipe._partition.chunk import Chunk
from csvpipe._process.result import ChunkResult
from csvpipe.errors import FileCode, FileFailure

#: Row errors that a job keeps in the store; the rest goes to spill files, and totals stay exact.
STORED_ERRORS: Final = 10_000

#: Row errors that one chunk may report directly.
_CHUNK_ERRORS: Final = 1_000


class Progress:
    """One worker's run of one job, as far as its chunks have come back. Belongs to the event loop.

    Limits count what this run has rejected: a retry begins afresh.

    Args:
        committed: Results of earlier runs.
        reject_limit: Rows that may be rejected.
        reject_rate_limit: Share of rows that may be rejected.
        reject_rate_min_rows: Rows to see before the rate is judged.
    """

    def __init__(
        self,
        committed: Iterable[ChunkResult],
        *,
        reject_limit: int | None,
        reject_rate_limit: float | None,
        reject_rate_min_rows: int,
    ) -> None:
        earlier = list(committed)
        self.rows = sum(result.rows for result in earlier)
        self._stored = sum(total.errors for result in earlier for total in result.totals)
        self._limit = reject_limit
        self._rate_limit = reject_rate_limit
        self._rate_min_rows = reject_rate_min_rows
        self._handled = 0
        self._failed = 0
        self._pending: list[ChunkResult] = []

    def __repr__(self) -> str:
        return f"<Progress {self.rows} rows, {len(self._pending)} results to commit>"

    @property
    def pending(self) -> Sequence[ChunkResult]:
        """Results that the store does not have yet."""
        return tuple(self._pending)

    @property
    def pending_errors(self) -> int:
        """Row errors among them, which are held in memory until they are committed."""
        return sum(len(result.errors) for result in self._pending)

    def allot(self) -> int:
        """Row errors that the next chunk may report directly. `add` returns what it leaves of them."""
        allotted = max(0, min(_CHUNK_ERRORS, STORED_ERRORS - self._stored))
        self._stored += allotted
        return allotted

    def add(self, chunk: Chunk, result: ChunkResult, *, allotted: int) -> FileFailure | None:
        """Take in what a worker did with a chunk; why the job must end, or None."""
        self._stored -= allotted - len(result.errors)
        broken = _broken(chunk, result)
        if broken is not None:
            return broken  # and nothing of it counts: its bytes are not accounted for
        if result.rows or result.end > result.start:
            self._pending.append(result)
        self.rows += result.rows
        self._handled += result.rows
        self._failed += result.failed
        return result.failure or self._over_limit()

    def committed(self, results: Sequence[ChunkResult]) -> None:
        """The store has these now."""
        done = set(map(id, results))
        self._pending = [result for result in self._pending if id(result) not in done]

    def _over_limit(self) -> FileFailure | None:
        are, rows = ("is", "row is") if self._failed == 1 else ("are", "rows are")
        if self._limit is not None and self._failed > self._limit:
            return FileFailure(
                code=FileCode.REJECT_LIMIT,
                message=f"{self._failed:,} {rows} rejected, more than reject_limit={self._limit:,} allows; "
                "mend the file, or raise the limit and retry the job",
            )
        rate = self._failed / self._handled if self._handled else 0.0
        if self._rate_limit is not None and self._handled >= self._rate_min_rows and rate > self._rate_limit:
            return FileFailure(
                code=FileCode.REJECT_LIMIT,
                message=f"{self._failed:,} of the first {self._handled:,} rows {are} rejected ({rate:.1%}), more than "
                f"reject_rate_limit={self._rate_limit} allows; mend the file, or raise the limit and retry the job",
            )
        return None


def _broken(chunk: Chunk, result: ChunkResult) -> FileFailure | None:
    """The two counts of a chunk, the partitioner's and the worker's, side by side."""
    is_whole = result.end == chunk.end
    agrees = (result.rows, result.lines) == (chunk.rows, chunk.lines)
    is_within = chunk.start <= result.end <= chunk.end and result.rows <= chunk.rows and result.lines <= chunk.lines
    if (agrees if is_whole else is_within) and result.start == chunk.start:
        return None
    return FileFailure(
        code=FileCode.CONSERVATION,
        message=f"bytes {chunk.start} to {chunk.end} hold {chunk.rows} rows on {chunk.lines} lines, but a worker found "
        f"{result.rows} on {result.lines} up to byte {result.end}; report this as a defect of csvpipe",
    )
