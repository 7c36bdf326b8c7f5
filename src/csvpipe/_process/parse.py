"""Bytes of a chunk to rows of cells, one slice at a time.

A slice is a record-aligned part of a chunk, about 64 KiB: small enough that no C-level pass holds the interpreter for
long, and that the cells of few records are in memory at once.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from itertools import count, pairwise
from typing import TYPE_CHECKING, BinaryIO, Literal, TypeAlias

from csvpipe._intake.inspection import Inspection, JobPlan
from csvpipe._intake.source import NEW_JOB, read_errors
from csvpipe._partition.chunk import CUT_BYTES, Chunk
from csvpipe._process.build import Flaw
from csvpipe._process.convert import shortened
from csvpipe._process.part import Place
from csvpipe._process.textual import RowReader
from csvpipe._process.undecodable import Errors, Undecodable
from csvpipe.errors import FileCode, FileError, Phase, RowCode
from csvpipe.limits import Limits

if TYPE_CHECKING:
    from csvpipe._partition.grammar import Grammar
    from csvpipe._partition.records import Located
    from csvpipe._process.mending import Mending

Ragged: TypeAlias = Literal["reject", "pad", "keep"]


class Slice:
    """Rows that were parsed record by record; see `Part`.

    Attributes:
        start: Byte offset in the local file.
        end: Byte offset just past it.
        first_row: 1-based number of its first row.
        first_line: 1-based physical line at `start`.
        lines: Physical lines in it.
        rows: Cells of each data record; None where it is bad. Blank lines are left out.
        flaws: Index in `rows` to what is wrong with it.
        tall: Index in `rows`, and how many lines it has besides its first, of each row that has any; None where that
            is not known, or blank lines stand between rows.
        numbers: Of a mended file: for each of its rows the number in the chain's first file; 0 for a bad one. None for
            other files.
    """

    def __init__(self, parser: SliceParser, data: bytes, *, start: int, first_row: int, first_line: int) -> None:
        self._parser = parser
        self._data = data
        self.start = start
        self.end = start + len(data)
        self.first_row = first_row
        self.first_line = first_line
        self.lines = 0
        self.rows: list[list[str] | None] = []
        self.flaws: dict[int, tuple[Flaw, ...]] = {}
        self.tall: list[tuple[int, int]] | None = None
        self.numbers: Sequence[int] | None = None

    def __len__(self) -> int:
        return len(self.rows)

    def is_parsed(self, index: int) -> bool:
        """Whether row `index` has cells."""
        return self.rows[index] is not None

    @cached_property
    def _located(self) -> Located:
        return self._parser.locate(self._data)

    def place(self, index: int) -> Place:
        """Where row `index` stands."""
        found = self._located
        return Place(
            self.first_line + found.lines[index], self.start + found.starts[index], self.start + found.ends[index]
        )

    def line(self, index: int) -> int:
        """Physical line of row `index`; cheap where every line is a row."""
        if len(self.rows) == self.lines:
            return self.first_line + index
        return self._lines[index]

    @cached_property
    def _lines(self) -> list[int]:
        if self.tall is None:
            return [self.first_line + line for line in self._located.lines]
        lines: list[int] = []
        line = self.first_line
        for index, more in (*self.tall, (len(self.rows) - 1, 0)):
            after = line + index + 1 - len(lines)
            lines.extend(range(line, after))
            line = after + more
        return lines

    def number(self, index: int) -> int:
        """The number by which handlers know row `index`: the same in every file of a chain of mended submissions."""
        return self.first_row + index if self.numbers is None else self.numbers[index]

    def numbers_of(self, begin: int, end: int) -> Iterable[int]:
        """`number` of the rows `[begin, end)`; perhaps of more."""
        return count(self.first_row + begin) if self.numbers is None else self.numbers[begin:end]

    def good(self, index: int) -> list[str]:
        """Cells of a good row."""
        cells = self.rows[index]
        assert cells is not None, "a bad row has no cells"  # noqa: S101
        return cells

    def lines_of(self, begin: int, end: int) -> Iterable[int]:
        """Physical lines of the rows `[begin, end)`; perhaps of more."""
        if len(self.rows) == self.lines:
            return count(self.first_line + begin)
        return self._lines[begin:end]

    def lines_in(self, index: int) -> int:
        """Physical lines of row `index`; cheap where every line is a row."""
        if len(self.rows) == self.lines:
            return 1
        place = self.place(index)
        return len(self._data[place.start - self.start : place.end - self.start].splitlines())

    def cells(self, index: int) -> list[str]:
        """The cells of good row `index`, parsed anew: those in `rows` belong to the handler, which may change them."""
        place = self.place(index)
        data = self._data[place.start - self.start : place.end - self.start]
        part = self._parser.parse(data, start=place.start, first_row=self.first_row + index, first_line=place.line)
        return part.good(0)

    def boundary(self, index: int) -> tuple[int, int]:
        """Byte offset and line at which row `index` begins, or the slice's end where there is no such row."""
        if index >= len(self.rows):
            return self.end, self.first_line + self.lines
        place = self.place(index)
        return place.start, place.line


class SliceParser:
    """Reads slices of one job's file; those of a mended one with the columns of the chain's first file."""

    def __init__(
        self,
        inspection: Inspection,
        limits: Limits,
        ragged: Ragged,
        mending: Mending | None = None,
        *,
        errors: Errors = "reject",
    ) -> None:
        self._columns = inspection.columns
        self._width = len(inspection.columns)
        self._dialect = inspection.dialect
        self._encoding = inspection.encoding
        self._reader = RowReader(inspection.dialect)
        self._limits = limits
        self._ragged = ragged
        self._undecodable = Undecodable(inspection, errors)
        self._mending = mending

    @property
    def grammar(self) -> Grammar:
        """How the file's records are told apart."""
        from csvpipe._partition.grammar import Grammar  # noqa: PLC0415  # as below

        return Grammar.of(self._dialect, self._encoding)

    def locate(self, data: bytes) -> Located:
        """Where the records of `data` stand."""
        from csvpipe._partition.records import locate  # noqa: PLC0415  # a worker loads it when a row is at fault

        return locate(data, dialect=self._dialect, encoding=self._encoding, row_bytes=self._limits.row_bytes)

    def parse(self, data: bytes, *, start: int, first_row: int, first_line: int) -> Slice:
        """Parse a record-aligned byte range; bad records become flaws, never exceptions."""
        result = Slice(self, data, start=start, first_row=first_row, first_line=first_line)
        if not self._parse_regular(data, result):
            self._parse_exact(data, result)
        self._check_rows(result, check_fields=len(data) > self._limits.field_characters)
        if self._mending is not None:
            self._mending.apply(result)
        return result

    def oversized(self, size: int, *, start: int, first_row: int, first_line: int) -> Slice:
        """A slice that is one line too large to load."""
        from csvpipe._partition.records import Located  # noqa: PLC0415  # as above

        result = Slice(self, b"", start=start, first_row=first_row, first_line=first_line)
        result.end, result.lines = start + size, 1
        result.rows.append(None)
        result.flaws[0] = (self._flaw(RowCode.ROW_TOO_LARGE),)
        vars(result)["_located"] = Located(starts=[0], ends=[size], lines=[0])
        return result

    def _parse_regular(self, data: bytes, result: Slice) -> bool:
        """The quick ways, where they can be trusted: everything decodes, nothing stays open."""
        if len(data) > self._limits.row_bytes:
            return False
        try:
            text, is_damaged = self._undecodable.decode(data)
            found = self._reader.read(text)
        except (UnicodeDecodeError, csv.Error):
            return False
        if found is None:
            return False
        result.rows, result.lines, result.tall = found.rows, found.lines, found.tall  # type: ignore[assignment]  # good
        if is_damaged:
            self._undecodable.mend(list(filter(None, result.rows)))
        return True

    def _parse_exact(self, data: bytes, result: Slice) -> None:
        """Record by record, where the slice holds something that the C reader alone would misjudge."""
        from csvpipe._partition.records import RecordKind, scan_records  # noqa: PLC0415  # as above

        records = scan_records(data, dialect=self._dialect, encoding=self._encoding, row_bytes=self._limits.row_bytes)
        result.rows, result.lines = [], 0
        for record in records:
            result.lines += record.lines
            if record.kind is RecordKind.BLANK:
                continue
            if record.kind is RecordKind.ROW and record.fields is not None:
                piece = data[record.start : record.end]
                flaw = self._undecodable.flaw(record.fields, piece, result.start + record.start)
                result.rows.append(record.fields if flaw is None else None)
            else:
                flaw = self._flaw(RowCode(record.kind.value))
                result.rows.append(None)
            if flaw is not None:
                result.flaws[len(result.rows) - 1] = (flaw,)

    def _check_rows(self, result: Slice, *, check_fields: bool) -> None:
        """Apply what holds for every row: the number of cells and their length."""
        if check_fields:
            for index, cells in enumerate(result.rows):
                if cells is not None:
                    self._check_fields(result, index, cells)
        if self._ragged == "keep":
            return
        rows = result.rows if not result.flaws else [cells for cells in result.rows if cells is not None]
        if [len(cells) for cells in rows].count(self._width) == len(rows):  # type: ignore[arg-type]  # good ones
            return
        for index, cells in enumerate(result.rows):
            if cells is None or len(cells) == self._width:
                continue
            if self._ragged == "pad" and len(cells) < self._width:
                cells.extend([""] * (self._width - len(cells)))
            else:
                result.rows[index] = None
                result.flaws[index] = (self._field_count(len(cells), lines=result.lines_in(index)),)

    def _check_fields(self, result: Slice, index: int, cells: Sequence[str]) -> None:
        most = self._limits.field_characters
        if (position := next((p for p, cell in enumerate(cells) if len(cell) > most), None)) is None:
            return
        result.rows[index] = None
        result.flaws[index] = (
            Flaw(
                column=self._columns[position] if position < self._width else None,
                code=RowCode.FIELD_TOO_LARGE,
                phase=Phase.PARSE,
                message=f"the cell has {len(cells[position]):,} characters; shorten it to {most:,}, or raise the "
                "limit with limits=Limits(field_characters=...)",
                value=shortened(cells[position]),
            ),
        )

    def _field_count(self, count: int, *, lines: int) -> Flaw:
        cells = "1 cell" if count == 1 else f"{count} cells"
        columns = "1 column" if self._width == 1 else f"{self._width} columns"
        way_out = "add the missing cells, or their delimiters"
        if count > self._width:
            way_out = "a delimiter inside a cell needs quotes around it"
        if lines > 1:
            way_out = f"the row runs over {lines} lines: look for a quote that is not closed in the first of them"
        return _record_flaw(RowCode.FIELD_COUNT, f"{cells}, but the header names {columns}; {way_out}")

    def _flaw(self, code: RowCode) -> Flaw:
        if code is RowCode.UNTERMINATED_QUOTE:
            message = "a quote opens in this line and is not closed; close it, or double it if it belongs to the text"
        elif code is RowCode.ROW_TOO_LARGE:
            message = (
                f"the row has more than {self._limits.row_bytes:,} bytes; look for a quote that is not closed, shorten "
                "the row, or raise the limit with limits=Limits(row_bytes=...)"
            )
        else:
            message = (
                "text stands between a closing quote and the next delimiter; double quotes that belong to the text"
            )
        return _record_flaw(code, message)


def _record_flaw(code: RowCode, message: str) -> Flaw:
    return Flaw(column=None, code=code, phase=Phase.PARSE, message=message, value=None)


def read_slices(plan: JobPlan, parser: SliceParser, chunk: Chunk) -> Iterator[Slice]:
    """Read and parse a chunk of the job's local file, slice by slice.

    Raises:
        FileError: `source_changed` and its like, when the file is no longer what was taken in.
    """
    source = plan.source
    assert source is not None, "a job without a file has no chunks"  # noqa: S101  # refused at intake
    row, line = chunk.first_row, chunk.first_line
    most = plan.limits.row_bytes + CUT_BYTES
    with source.open_part(chunk.start, chunk.end) as file:
        for start, end in pairwise((chunk.start, *chunk.cuts, chunk.end)):
            if end - start > most:
                part = parser.oversized(end - start, start=start, first_row=row, first_line=line)
            else:
                data = _read(file, start, end, source.path)
                part = parser.parse(data, start=start, first_row=row, first_line=line)
            row, line = row + len(part.rows), line + part.lines
            yield part


def read_chunk(plan: JobPlan, chunk: Chunk) -> bytes:
    """Read a chunk of the job's local file, all of it.

    Raises:
        FileError: As for `read_slices`.
    """
    source = plan.source
    assert source is not None, "a job without a file has no chunks"  # noqa: S101  # refused at intake
    with source.open_part(chunk.start, chunk.end) as file:
        return _read(file, chunk.start, chunk.end, source.path)


def _read(file: BinaryIO, start: int, end: int, path: str) -> bytes:
    with read_errors(path):
        file.seek(start)
        data = file.read(end - start)
    if len(data) != end - start:
        raise FileError(
            FileCode.SOURCE_CHANGED,
            f"{path}: ends at byte {start + len(data):,}, before byte {end:,}: it was cut short while it was being "
            f"imported; {NEW_JOB}",
        )
    return data
