"""The unit of work, commit and resume."""

from __future__ import annotations

from typing import Final

import attrs

#: Distance between the cuts of a chunk. Only a single line that is too large to load makes a piece of more than
#: `Limits.row_bytes + CUT_BYTES` bytes.
CUT_BYTES: Final = 64 * 1024


@attrs.frozen(kw_only=True)
class Chunk:
    """A record-aligned, half-open byte range of the local file.

    Attributes:
        start: Byte offset of its first record (or blank line).
        end: Byte offset just past its last one.
        first_row: 1-based number of its first data record.
        first_line: 1-based physical line at `start`.
        rows: Data records in it, as the partitioner counted them; blank lines are none.
        lines: Physical lines in it.
        cuts: Record-aligned offsets inside, ascending, `start < cut < end`: where a worker may pause. About one every
            64 KiB.
        is_regular: Whether the partitioner knows that every record in it ended as it should: none is unterminated, too
            large, or refused by a strict dialect. So one `csv.reader` over the whole of it finds the same records. Then
            a parser of columns need not look whether its last quote is closed.
    """

    start: int
    end: int
    first_row: int
    first_line: int
    rows: int
    lines: int
    cuts: tuple[int, ...] = ()
    is_regular: bool = False

    def after(self, end: int, *, rows: int, lines: int) -> Chunk:
        """What is left of it past a record boundary, before which it has so many rows and physical lines."""
        return attrs.evolve(
            self,
            start=end,
            first_row=self.first_row + rows,
            first_line=self.first_line + lines,
            rows=self.rows - rows,
            lines=self.lines - lines,
            cuts=tuple(cut for cut in self.cuts if cut > end),
        )
