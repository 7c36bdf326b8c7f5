"""Hostile files cost what their size costs: work is counted in bytes, not measured in seconds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from csvpipe._intake.inspection import Inspection
from csvpipe._intake.source import LocalFile
from csvpipe._partition import buffer, cut, records
from csvpipe._partition.buffer import Buffer
from csvpipe._partition.cut import cut_chunks
from csvpipe._partition.grammar import Grammar
from csvpipe._partition.judge import Judge
from csvpipe._partition.records import locate, scan_records
from csvpipe.dialect import Dialect
from csvpipe.limits import Limits

ROW_BYTES = 4_000
PLAIN, ESCAPED, STRICT = Dialect(), Dialect(escapechar="\\"), Dialect(strict=True)
#: Leaves a quote open, whether or not one was open before.
OPENS = b'a",",\n'
LONG = b"y" * (ROW_BYTES - 50) + b"\n"

HOSTILE = {
    "every line opens a quote from either state": (PLAIN, OPENS * 4_000),
    "quotes open under a strict dialect": (STRICT, OPENS * 4_000),
    "every line escapes its newline": (ESCAPED, b"a\\\n" * 6_000),
    "states inside and outside quotes alternate": (ESCAPED, b'"\\\n",a\\\n,"b,\n' * 2_000),
    "a second path meets the first": (ESCAPED, b'",a\\\n' * 4_000),
    "paths meet and part again": (ESCAPED, b'a,"b\n",c\\\nd",e\\\n,"\n""\n' * 2_000),
    "a long line that never fits follows many short ones": (PLAIN, (OPENS * 300 + LONG) * 6),
    "a long line that sometimes fits follows many short ones": (PLAIN, (OPENS * 20 + LONG) * 8),
    "a quote opens before every long line": (PLAIN, (OPENS + LONG) * 8),
    "the record ends just past the limit": (PLAIN, (OPENS + b"z\n" * (ROW_BYTES // 2) + b'"\n') * 8),
    "every line is malformed": (STRICT, b'"a"b\n' * 4_000),
    "every other line is malformed": (STRICT, (b'"a"b\n' + b"c,d\n" * 10) * 300),
    "a stray quote in short lines": (PLAIN, (b'"\n' + b"1\n" * 5_000) * 3),
    "only carriage returns": (PLAIN, (b'a",",\r' + b"1\r" * 50) * 200),
    "records of nearly the largest size": (ESCAPED, (b'"' + b"a\n" * 1_900 + b'"\n') * 8),
}


class Meter:
    """Counts the bytes that are looked at, by whatever means."""

    def __init__(self) -> None:
        self.seen = 0

    def window(self, scan: Callable[..., Any]) -> Callable[..., Any]:
        """Meter a fast scan of `(grammar, data, start, end)`."""

        def metered(grammar: Grammar, data: bytes, start: int, end: int) -> object:
            self.seen += end - start
            return scan(grammar, data, start, end)

        return metered

    def line(self, read: Callable[..., Any]) -> Callable[..., Any]:
        """Meter the judge's look at `(start, end, state)`."""

        def metered(judge: Judge, start: int, end: int, state: object) -> object:
            self.seen += end - start
            return read(judge, start, end, state)

        return metered

    def search(self, find: Callable[..., int]) -> Callable[..., int]:
        """Meter a search, whose last three arguments are `data`, `start` and `end`, up to what it finds."""

        def metered(*arguments: Any) -> int:
            *_, data, start, end = arguments
            found = find(*arguments)
            self.seen += max(0, (min(end, len(data)) if found < 0 else found) - start)
            return found

        return metered

    def copy(self, reserve: Callable[..., None]) -> Callable[..., None]:
        """Meter the copying of what is kept when more is read."""

        def metered(buffer: Buffer, stop: int) -> None:
            before = buffer.data
            reserve(buffer, stop)
            self.seen += len(buffer.data) if buffer.data is not before else 0

        return metered


@pytest.fixture
def meter(monkeypatch: pytest.MonkeyPatch) -> Iterator[Meter]:
    """A meter on everything that reads."""
    meter = Meter()
    monkeypatch.setattr(cut, "tally", meter.window(cut.tally))
    monkeypatch.setattr(records, "read", meter.window(records.read))
    monkeypatch.setattr(records, "record_ends", meter.window(records.record_ends))
    monkeypatch.setattr(Judge, "_read_line", meter.line(Judge._read_line))
    monkeypatch.setattr(Grammar, "next_mark", meter.search(Grammar.next_mark))
    monkeypatch.setattr(buffer, "_find_newline", meter.search(buffer._find_newline))
    monkeypatch.setattr(Buffer, "reserve", meter.copy(Buffer.reserve))
    return meter


@pytest.mark.parametrize("hostile", HOSTILE.values(), ids=HOSTILE.keys())
def test_cutting_is_linear(hostile: tuple[Dialect, bytes], meter: Meter, tmp_path: Path) -> None:
    """No hostile file makes the cut look at its bytes more than a few times."""
    dialect, data = hostile
    path = tmp_path / "hostile.csv"
    path.write_bytes(data)
    inspection = Inspection(encoding="utf-8", dialect=dialect, columns=("a",), data_start=0, data_line=1)
    where = {"start": 0, "end": len(data), "first_row": 1, "first_line": 1, "block_bytes": 100}

    chunks = list(cut_chunks(LocalFile.at(path), inspection, Limits(row_bytes=ROW_BYTES), chunk_bytes=20_000, **where))

    assert len(data) == chunks[-1].end
    assert meter.seen < 15 * len(data)


@pytest.mark.parametrize("hostile", HOSTILE.values(), ids=HOSTILE.keys())
def test_reading_is_linear(hostile: tuple[Dialect, bytes], meter: Meter) -> None:
    """Nor does it make a worker that reads a piece."""
    dialect, data = hostile
    count = sum(1 for _ in scan_records(data, dialect=dialect, encoding="utf-8", row_bytes=ROW_BYTES))
    assert meter.seen < 15 * len(data)

    meter.seen = 0
    located = locate(data, dialect=dialect, encoding="utf-8", row_bytes=ROW_BYTES)
    assert meter.seen < 15 * len(data)
    assert count == len(located.starts)
