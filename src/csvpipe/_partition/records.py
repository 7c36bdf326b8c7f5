"""The records of a piece that begins and ends at record boundaries, as workers see it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain
from typing import NamedTuple

import attrs

from csvpipe._partition.buffer import Buffer, count_lines
from csvpipe._partition.grammar import Grammar
from csvpipe._partition.judge import RecordKind, Verdict
from csvpipe._partition.lanes import ReadRecord, first_bytes, read, record_ends
from csvpipe._partition.scan import Scan
from csvpipe.dialect import Dialect

__all__ = ["Located", "Record", "RecordKind", "locate", "scan_records"]


@attrs.define
class Record:
    """One record of a piece.

    Attributes:
        start: Byte offset in the piece.
        end: Byte offset just past it, line end included.
        line: 0-based physical line of the piece on which it starts.
        lines: Physical lines that it takes.
        kind: What it is.
        fields: Its cells, bytes that do not decode as lone surrogates; None unless it is a `ROW`.
    """

    start: int
    end: int
    line: int
    lines: int
    kind: RecordKind
    fields: list[str] | None


class Located(NamedTuple):
    """Where the records of a piece stand that are not blank: one entry in each list for each of them.

    Attributes:
        starts: Byte offsets in the piece.
        ends: Byte offsets just past them.
        lines: 0-based physical lines of the piece.
    """

    starts: list[int]
    ends: list[int]
    lines: list[int]


def scan_records(data: bytes, *, dialect: Dialect, encoding: str, row_bytes: int) -> Iterator[Record]:
    """Every record of a piece, blank lines included, in order and without gaps.

    A piece between any two record boundaries of a file gives the same records as the whole file. For what ends inside
    the piece that is plain. What is rejected since it stays open would have to end by the piece's end, which is a line
    end of the file, to be judged otherwise; but then it would have ended there in the file, too.

    Args:
        data: The piece.
        dialect: The file's.
        encoding: UTF-8 or a single-byte superset of ASCII.
        row_bytes: `Limits.row_bytes`.
    """
    grammar = Grammar.of(dialect, encoding)
    scan = Scan(Buffer(data), grammar, row_bytes=row_bytes)

    def read_window(window: bytes, start: int, end: int) -> tuple[int, list[ReadRecord]]:
        found = read(grammar, window, start, end)
        return (found[-1][0] if found else start), found

    line = 0
    while (at := scan.at) < len(data):
        step = scan.step(read_window, len(data))
        if isinstance(step, Verdict):
            end, lines, kind = step
            yield Record(at, end, line, lines, kind, scan.judge.fields(at, end) if kind is RecordKind.ROW else None)
            line += lines
            continue
        for end, lines, fields in step:
            yield Record(at, end, line, lines, RecordKind.ROW if fields else RecordKind.BLANK, fields or None)
            at, line = end, line + lines


def locate(data: bytes, *, dialect: Dialect, encoding: str, row_bytes: int) -> Located:
    """Where the records of a piece stand: like `scan_records`, but without cells and faster.

    Args:
        data: The piece.
        dialect: The file's.
        encoding: UTF-8 or a single-byte superset of ASCII.
        row_bytes: `Limits.row_bytes`.
    """
    grammar = Grammar.of(dialect, encoding)
    scan = Scan(Buffer(data), grammar, row_bytes=row_bytes)

    def find_ends(window: bytes, start: int, end: int) -> tuple[int, Sequence[int]]:
        quickly = None if scan.arrays is None else scan.arrays.record_ends(grammar, window, start, end)
        found = record_ends(grammar, window, start, end) if quickly is None else quickly
        return (found[-1] if found else start), found

    located = Located([], [], [])
    line = 0
    while (at := scan.at) < len(data):
        step = scan.step(find_ends, len(data))
        line = _add(located, data, at, [step.end] if isinstance(step, Verdict) else step, line)
    return located


def _add(located: Located, data: bytes, start: int, ends: Sequence[int], line: int) -> int:
    """Add the records that begin at `start` and end at `ends`; return the line after them."""
    line_after = line + count_lines(data, start, ends[-1])
    firsts = first_bytes(data, start, ends)
    if line_after - line == len(ends) and b"\n" not in firsts and b"\r" not in firsts:
        located.starts.append(start)
        located.starts.extend(ends[:-1])
        located.ends.extend(ends)
        located.lines.extend(range(line, line_after))
        return line_after
    for begin, end in zip(chain((start,), ends), ends, strict=False):
        if data[begin] not in b"\r\n":
            located.starts.append(begin)
            located.ends.append(end)
            located.lines.append(line)
        line += count_lines(data, begin, end)
    return line_after
