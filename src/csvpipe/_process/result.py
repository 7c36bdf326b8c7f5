"""What comes back from a worker."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import attrs

from csvpipe._partition.chunk import Chunk
from csvpipe._process.rowset import NO_ROWS, RowSet
from csvpipe.errors import ErrorTotal, FileCode, FileFailure, Phase, RowError

#: How `ChunkResult.to_dict` writes. A later version must go on to read this one.
RESULT_VERSION: Final = 1

_PLAIN: Final = ("start", "end", "first_row", "first_line", "lines", "processed", "failed", "skipped", "spill")


@attrs.frozen(kw_only=True)
class ChunkResult:
    """What a worker did with a chunk, or with the first part of one.

    A worker may return early: then `end` is a record boundary before the chunk's own end, and the rest is queued again.
    `processed + failed + skipped` is the worker's own count of rows; the partitioner's is `Chunk.rows`, and both must
    agree.

    Attributes:
        start: Byte offset, the chunk's.
        end: Byte offset just past the last record that was done.
        first_row: 1-based, the chunk's.
        first_line: 1-based, the chunk's.
        lines: Physical lines in `[start, end)`.
        processed: Rows handled with success.
        failed: Rows with at least one error.
        skipped: Rows left out by the handler.
        errors: The first of its row errors, in file order, up to the budget that the worker was given.
        totals: Exact numbers per (code, column) of all its row errors.
        spill: Name of the file that holds the errors over the budget, or None.
        rejected: Which of its rows failed; of a mended file's none, as it is the first file's that count.
        resolved: Rows of the chain's first file that were processed or skipped here, as rows of a mended file; of a
            dry run none.
        failure: Set when the job must end here: an abort, a limit, an outage.
    """

    start: int
    end: int
    first_row: int
    first_line: int
    lines: int
    processed: int = 0
    failed: int = 0
    skipped: int = 0
    errors: tuple[RowError, ...] = ()
    totals: tuple[ErrorTotal, ...] = ()
    spill: str | None = None
    rejected: RowSet = NO_ROWS
    resolved: RowSet = NO_ROWS
    failure: FileFailure | None = None

    @property
    def rows(self) -> int:
        """The worker's own count of data records in `[start, end)`."""
        return self.processed + self.failed + self.skipped

    def rest_of(self, chunk: Chunk) -> Chunk | None:
        """What is left of `chunk` after this result, or None if all of it is done."""
        if self.end >= chunk.end:
            return None
        return chunk.after(self.end, rows=self.rows, lines=self.lines)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values; `from_dict` is the inverse."""
        failure = self.failure
        return {
            **{name: getattr(self, name) for name in _PLAIN},
            "version": RESULT_VERSION,
            "errors": [error.to_dict() for error in self.errors],
            "totals": [
                {
                    "code": total.code,
                    "column": total.column,
                    "errors": total.errors,
                    "samples": [sample.to_dict() for sample in total.samples],
                }
                for total in self.totals
            ],
            "rejected": self.rejected.data.hex(),
            "resolved": self.resolved.data.hex(),
            "failure": None if failure is None else {"code": failure.code.value, "message": failure.message},
        }

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> ChunkResult:
        """Rebuild a result from `to_dict`'s value, also after a trip through JSON.

        Raises:
            ValueError: A later version wrote it, in a way that this one does not know.
        """
        if plain["version"] > RESULT_VERSION:
            raise ValueError(f"a chunk result of version {plain['version']}, and this csvpipe knows {RESULT_VERSION}")
        failure = plain["failure"]
        return cls(
            **{name: plain[name] for name in _PLAIN},
            errors=tuple(map(_error_of, plain["errors"])),
            totals=tuple(
                ErrorTotal(**{**total, "samples": tuple(map(_error_of, total["samples"]))}) for total in plain["totals"]
            ),
            rejected=RowSet(bytes.fromhex(plain["rejected"])),
            resolved=RowSet(bytes.fromhex(plain["resolved"])),
            failure=None
            if failure is None
            else FileFailure(code=FileCode(failure["code"]), message=failure["message"]),
        )


def _error_of(plain: Mapping[str, Any]) -> RowError:
    return RowError(**{**plain, "phase": Phase(plain["phase"])})


def nothing_done(chunk: Chunk, failure: FileFailure) -> ChunkResult:
    """The result of a chunk of which nothing counts, since the job must end."""
    return ChunkResult(
        start=chunk.start,
        end=chunk.start,
        first_row=chunk.first_row,
        first_line=chunk.first_line,
        lines=0,
        failure=failure,
    )
