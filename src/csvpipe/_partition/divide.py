"""A chunk, divided between two of its rows."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import attrs

from csvpipe._intake.source import NEW_JOB, read_errors
from csvpipe._partition.buffer import count_lines
from csvpipe._partition.chunk import CUT_BYTES, Chunk
from csvpipe._partition.records import locate
from csvpipe.errors import FileCode, FileError

if TYPE_CHECKING:
    from csvpipe._intake.inspection import Inspection
    from csvpipe._intake.source import LocalFile
    from csvpipe.limits import Limits


def divide(source: LocalFile, inspection: Inspection, limits: Limits, chunk: Chunk, rows: int) -> tuple[Chunk, Chunk]:
    """The first `rows` rows of a chunk, and the others. Blank lines belong to the row before them.

    It reads the chunk up to there: run it in a worker thread.

    Args:
        source: The local file.
        inspection: How to read it.
        limits: Those that the chunk was cut with.
        chunk: Of that file.
        rows: At least one, and fewer than the chunk has.

    Raises:
        FileError: The file is not what was taken in.
    """
    assert 0 < rows < chunk.rows, "both parts have rows"  # noqa: S101
    end, line = _boundary(source, inspection, limits, chunk, rows)
    first = attrs.evolve(
        chunk,
        end=end,
        rows=rows,
        lines=line - chunk.first_line,
        cuts=tuple(cut for cut in chunk.cuts if cut < end),
    )
    return first, chunk.after(end, rows=rows, lines=first.lines)


def _boundary(source: LocalFile, inspection: Inspection, limits: Limits, chunk: Chunk, rows: int) -> tuple[int, int]:
    """Where the row begins that has `rows` rows of the chunk before it: byte offset and physical line."""
    line = chunk.first_line
    most = limits.row_bytes + CUT_BYTES
    with source.open_part(chunk.start, chunk.end) as file:
        for start, end in pairwise((chunk.start, *chunk.cuts, chunk.end)):
            if end - start > most:  # one line that is too large to load
                found, lines = 1, 1
                if rows == 0:
                    return start, line
            else:
                with read_errors(source.path):
                    file.seek(start)
                    data = file.read(end - start)
                places = locate(
                    data, dialect=inspection.dialect, encoding=inspection.encoding, row_bytes=limits.row_bytes
                )
                if rows < len(places.starts):
                    return start + places.starts[rows], line + places.lines[rows]
                found, lines = len(places.starts), count_lines(data, 0, len(data))
            rows -= found
            line += lines
    raise FileError(
        FileCode.SOURCE_CHANGED,
        f"{source.path}: has fewer rows than before: it was changed while it was being imported; {NEW_JOB}",
    )
