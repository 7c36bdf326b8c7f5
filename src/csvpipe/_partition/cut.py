"""A local file to chunks."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import BinaryIO, Final

import attrs

from csvpipe._intake.inspection import Inspection
from csvpipe._intake.source import NEW_JOB, LocalFile, read_errors
from csvpipe._partition.buffer import BLOCK_BYTES, Buffer
from csvpipe._partition.chunk import CUT_BYTES, Chunk
from csvpipe._partition.grammar import Grammar
from csvpipe._partition.judge import RecordKind, Verdict
from csvpipe._partition.lanes import Tally, tally
from csvpipe._partition.scan import Scan
from csvpipe._partition.stride import Cutting, Stride, count_by_splitting, stride
from csvpipe.errors import FileCode, FileError
from csvpipe.limits import Limits

#: What a record is that ended as it should.
_REGULAR: Final = (RecordKind.ROW, RecordKind.BLANK)


def cut_whole(source: LocalFile, inspection: Inspection, limits: Limits, *, chunk_bytes: int) -> Generator[Chunk]:
    """Cut all of a file's data; see `cut_chunks`."""
    return cut_chunks(
        source,
        inspection,
        limits,
        start=inspection.data_start,
        end=source.size,
        first_row=1,
        first_line=inspection.data_line,
        chunk_bytes=chunk_bytes,
    )


def cut_chunks(
    source: LocalFile,
    inspection: Inspection,
    limits: Limits,
    *,
    start: int,
    end: int,
    first_row: int,
    first_line: int,
    chunk_bytes: int | Callable[[int], int],
    cut_bytes: int = CUT_BYTES,
    block_bytes: int = BLOCK_BYTES,
) -> Generator[Chunk]:
    """Cut `[start, end)` of a file into chunks, without gaps and in order.

    No byte past `end` is looked at: it is a record boundary, and the records before one do not depend on what follows
    it. The file is open while the generator is; run it in a worker thread, for it reads and computes.

    Args:
        source: The local file.
        inspection: How to read it.
        limits: `row_bytes` bounds a record, and so, with a few blocks, the memory that this takes.
        start: A record boundary.
        end: A later one that is known from an earlier cut, or the file's size.
        first_row: 1-based number of the first data record.
        first_line: 1-based physical line at `start`.
        chunk_bytes: A chunk ends at the first record boundary at least this far from its start; or what tells that,
            when it is asked with the start.
        cut_bytes: A cut is made at the first record boundary at least this far from the last one, up to `CUT_BYTES`.
            A physical line of more than `row_bytes` bytes has cuts (or chunk ends) on both sides. So no other piece
            has more than `row_bytes + CUT_BYTES` bytes.
        block_bytes: How much is read at a time.

    Raises:
        FileError: `not_found`, `source_failed` or `source_changed`, when the file is not what was taken in, at the
            first step; `source_changed`, when it is cut short meanwhile.
    """
    size = chunk_bytes(start) if callable(chunk_bytes) else chunk_bytes
    grammar = Grammar.of(inspection.dialect, inspection.encoding)
    if source.at_hand is not None and 0 < end - start <= min(size, cut_bytes, CUT_BYTES, limits.row_bytes):
        passed = _passed_at_once(source.at_hand, start, end, grammar)
        if passed is not None:
            yield Chunk(
                start=start,
                end=end,
                first_row=first_row,
                first_line=first_line,
                rows=passed.rows,
                lines=passed.lines,
                is_regular=True,
            )
            return
    with source.open_part(start, end) as file:

        def read(size: int) -> bytes:
            return _read_exactly(file, size, source)

        buffer = Buffer(offset=start, end=end, read=read, block_bytes=block_bytes)
        scan = Scan(buffer, grammar, row_bytes=limits.row_bytes)
        cutter = _Cutter(scan, grammar, end, min(cut_bytes, CUT_BYTES))
        while scan.at < end:
            size = chunk_bytes(scan.at) if callable(chunk_bytes) else chunk_bytes
            chunk = cutter.next_chunk(first_row, first_line, size)
            yield chunk
            first_row, first_line = chunk.first_row + chunk.rows, chunk.first_line + chunk.lines


def _passed_at_once(data: bytes, start: int, end: int, grammar: Grammar) -> Stride | None:
    """The records of a small piece that is in memory, where one scan passes all of them: no walk is needed then."""
    found = stride(grammar, data, start, end, Cutting(end, end, end), count_lines=count_by_splitting)
    return found if found is not None and found.end == end else None


@attrs.define(eq=False)
class _Cutter:
    """Gathers steps of a scan into chunks."""

    scan: Scan
    grammar: Grammar
    end: int
    cut_bytes: int

    def next_chunk(self, first_row: int, first_line: int, chunk_bytes: int) -> Chunk:
        """The chunk that begins where the scan stands."""
        start = last_cut = self.scan.at
        goal = min(start + chunk_bytes, self.end)
        rows = lines = 0
        cuts: list[int] = []
        is_regular = True
        while (at := self.scan.at) < goal:
            stride = self.scan.stride(goal, first_cut=last_cut + self.cut_bytes, cut_bytes=self.cut_bytes)
            if stride is not None:
                rows += stride.rows
                lines += stride.lines
                cuts += stride.cuts
                last_cut = cuts[-1] if stride.cuts else last_cut
                continue
            step = self.scan.step(self._tally, min(last_cut + self.cut_bytes, goal))
            is_oversized = isinstance(step, Verdict) and step.kind is RecordKind.ROW_TOO_LARGE
            if is_oversized and at > last_cut:
                cuts.append(at)
            now = self.scan.at
            if now < goal and (is_oversized or now >= last_cut + self.cut_bytes):
                cuts.append(now)
                last_cut = now
            rows += _rows(step)
            lines += step.lines
            is_regular = is_regular and (isinstance(step, Tally) or step.kind in _REGULAR)
        return Chunk(
            start=start,
            end=self.scan.at,
            first_row=first_row,
            first_line=first_line,
            rows=rows,
            lines=lines,
            cuts=tuple(cuts),
            is_regular=is_regular,
        )

    def _tally(self, data: bytes, start: int, end: int) -> tuple[int, Tally]:
        found = tally(self.grammar, data, start, end)
        return found.end, found


def _rows(step: Tally | Verdict) -> int:
    return step.rows if isinstance(step, Tally) else int(step.kind is not RecordKind.BLANK)


def _read_exactly(file: BinaryIO, size: int, source: LocalFile) -> bytes:
    with read_errors(source.path):
        data = file.read(size)
    if len(data) < size:
        raise FileError(
            FileCode.SOURCE_CHANGED,
            f"{source.path}: ends {size - len(data):,} bytes too early: it was cut short while it was being imported; "
            f"{NEW_JOB}",
        )
    return data
