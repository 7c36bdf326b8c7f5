"""What a worker reports of a chunk."""

from __future__ import annotations

import json

import pytest

from csvpipe._partition.chunk import Chunk
from csvpipe._process.result import ChunkResult
from csvpipe._process.rowset import RowSet
from csvpipe.errors import ErrorTotal, FileCode, FileFailure, Phase, RowError

CHUNK = Chunk(start=10, end=100, first_row=5, first_line=6, rows=9, lines=11, cuts=(40, 70), is_regular=True)


class TestRestOf:
    """What a short result leaves over."""

    def test_nothing_left(self) -> None:
        """A result that reaches the chunk's end is all of it."""
        result = ChunkResult(start=10, end=100, first_row=5, first_line=6, lines=11, processed=9)
        assert result.rest_of(CHUNK) is None

    def test_rest(self) -> None:
        """The rest begins where the result ends: bytes, rows, lines, and the cuts behind it."""
        result = ChunkResult(start=10, end=40, first_row=5, first_line=6, lines=4, processed=1, failed=1, skipped=1)
        assert 3 == result.rows
        rest = Chunk(start=40, end=100, first_row=8, first_line=10, rows=6, lines=7, cuts=(70,), is_regular=True)
        assert rest == result.rest_of(CHUNK)

    def test_nothing_done(self) -> None:
        """A result over nothing leaves the chunk as it was."""
        assert CHUNK == ChunkResult(start=10, end=10, first_row=5, first_line=6, lines=0).rest_of(CHUNK)


ERROR = RowError(row=6, line=7, column="id", code="int", phase=Phase.CONVERT, message="é", value="x", start=20, end=30)
RESULT = ChunkResult(
    start=10,
    end=40,
    first_row=5,
    first_line=6,
    lines=4,
    processed=1,
    failed=1,
    skipped=1,
    errors=(ERROR,),
    totals=(ErrorTotal(code="int", column="id", errors=1, samples=(ERROR,)),),
    spill="job-10.errors",
    rejected=RowSet.of([6]),
    resolved=RowSet.of([2, 3]),
    failure=FileFailure(code=FileCode.ABORTED, message="enough"),
)


class TestPlain:
    """A result as JSON, as markers have it."""

    def test_round_trip(self) -> None:
        """Everything comes back, errors and all."""
        assert RESULT == ChunkResult.from_dict(json.loads(json.dumps(RESULT.to_dict())))

    def test_later_version(self) -> None:
        """What a later csvpipe wrote is not guessed at."""
        with pytest.raises(ValueError, match="a chunk result of version 99, and this csvpipe knows 1"):
            ChunkResult.from_dict({**RESULT.to_dict(), "version": 99})
