"""What a worker reports of a chunk."""

from __future__ import annotations

from csvpipe._partition.chunk import Chunk
from csvpipe._process.result import ChunkResult

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
