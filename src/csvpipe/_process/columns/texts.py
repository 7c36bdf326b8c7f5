"""A chunk's bytes to columns of text, by Arrow's parser, where it means what `csv.reader` does."""

from __future__ import annotations

import codecs
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, Final

import attrs
import numpy as np
import pyarrow as pa
from pyarrow import csv as arrow_csv

from csvpipe._intake.inspection import Inspection
from csvpipe._partition.chunk import Chunk
from csvpipe._process.parse import Ragged
from csvpipe.dialect import Dialect
from csvpipe.limits import Limits

#: Larger pieces are left to the row path, which holds but a slice of them.
_MOST_BYTES: Final = 32 * 1024 * 1024

_BOM: Final = b"\xef\xbb\xbf"

#: One of these, as the only text of a row of its own behind the data, shows that nothing was open there.
_MARKS: Final = ".x-_"


@attrs.frozen(kw_only=True)
class Texts:
    """The cells of a chunk's rows.

    Attributes:
        rows: How many there are, ragged ones included.
        columns: By position, those that were wanted, without nulls; empty texts in ragged rows.
        ragged: Indices of the rows with too few or too many cells, ascending.
        is_whole: Whether these are all cells of the chunk, as they stand in it but for their quotes: none is left out
            or transcoded.
    """

    rows: int
    columns: Mapping[int, Any]
    ragged: Sequence[int]
    is_whole: bool


def is_readable(dialect: Dialect) -> bool:
    """Whether files of this dialect may be left to Arrow."""
    marks = [mark for mark in (dialect.delimiter, dialect.quotechar) if mark is not None]
    return all(mark.isascii() and mark != "\0" for mark in marks) and not (dialect.skipinitialspace or dialect.strict)


class ColumnReader:
    """Parses chunks of one file.

    Args:
        inspection: Of the file; its dialect must be readable.
        limits: Of fields and rows.
        ragged: The pipeline's.
        positions: Of the columns that are wanted.
    """

    def __init__(self, inspection: Inspection, limits: Limits, ragged: Ragged, positions: Sequence[int]) -> None:
        self._dialect = dialect = inspection.dialect
        self._encoding = inspection.encoding
        self._is_utf8 = codecs.lookup(inspection.encoding).name == "utf-8"
        self._limits = limits
        self._takes_ragged = ragged == "reject"
        self._width = len(inspection.columns)
        self._wanted = sorted(set(positions)) or [0]
        used = (dialect.delimiter, dialect.quotechar, dialect.escapechar)
        self._mark = next(mark for mark in _MARKS if mark not in used)
        before, after = self._wanted[0], self._width - 1 - self._wanted[0]
        self._guard = f"{dialect.delimiter * before}{self._mark}{dialect.delimiter * after}\n".encode()

    def __repr__(self) -> str:
        return f"<ColumnReader of {len(self._wanted)} of {self._width} columns>"

    def is_bounded(self, chunk: Chunk) -> bool:
        """Whether no row of the chunk can be too large, since rows do not reach over cuts."""
        most = min(self._limits.row_bytes, self._limits.field_characters)
        ends = (chunk.start, *chunk.cuts, chunk.end)
        return chunk.end - chunk.start <= _MOST_BYTES and all(end - start <= most for start, end in pairwise(ends))

    def read(self, data: bytes, rows: int, *, is_regular: bool = False) -> Texts | None:
        """The cells of a record-aligned piece of so many rows; None where only the row path is sure to be right.

        Args:
            data: The piece.
            rows: How many it has.
            is_regular: See `Chunk`: no row can be open at its end, or too large.
        """
        text = None if self._is_escaped(data) else self._as_utf8(data)
        if text is None or text.startswith(_BOM):
            return None
        quote = self._dialect.quotechar
        is_quoted = quote is not None and quote.encode() in text
        may_be_open = is_quoted and not is_regular
        # A quote that stays open past the limit begins a row that is longer than it.
        must_measure = may_be_open and len(text) > self._limits.row_bytes
        positions = list(range(self._width)) if must_measure else self._wanted
        try:
            table, ragged = self._parse(text, positions, is_quoted=is_quoted, is_guarded=may_be_open)
        except pa.ArrowInvalid:
            return None
        if table.num_rows - may_be_open + len(ragged) != rows or (ragged and not self._takes_ragged):
            return None
        columns = {position: _whole(column) for position, column in zip(positions, table.columns, strict=True)}
        is_sure = not may_be_open or self._is_closed(columns)
        if not is_sure or (must_measure and self._may_be_too_large(columns, ragged)):
            return None
        good = table.num_rows - may_be_open
        columns = {position: columns[position].slice(0, good) for position in self._wanted}
        indices = [number - 1 for number, _ in ragged]
        if indices:
            columns = {position: _spread(column, indices, rows) for position, column in columns.items()}
        is_whole = text is data and len(columns) == self._width and not indices
        return Texts(rows=rows, columns=columns, ragged=indices, is_whole=is_whole)

    def _is_escaped(self, data: bytes) -> bool:
        escape = self._dialect.escapechar
        return escape is not None and escape.encode(self._encoding, "replace") in data

    def _as_utf8(self, data: bytes) -> bytes | None:
        if data.isascii():
            return data
        if self._is_utf8:
            offsets = pa.py_buffer(np.array([0, len(data)], np.int32))
            try:
                pa.Array.from_buffers(pa.string(), 1, [None, offsets, pa.py_buffer(data)]).validate(full=True)
            except pa.ArrowInvalid:
                return None
            return data
        try:
            return data.decode(self._encoding).encode()
        except UnicodeError:
            return None

    def _parse(
        self, text: bytes, positions: Sequence[int], *, is_quoted: bool, is_guarded: bool
    ) -> tuple[Any, list[tuple[int, int]]]:
        """Rows with the right number of cells, and the number and size of each of the others.

        A text is guarded where a quote may be open at its end: a row of our own follows it.
        """
        ragged: list[tuple[int, int]] = []

        def set_aside(row: Any) -> str:
            ragged.append((row.number, len(row.text)))
            return "skip"

        names = [str(position) for position in range(self._width)]
        wanted = [str(position) for position in positions]
        if is_guarded:
            text = b"".join((text, b"" if text.endswith(b"\n") else b"\n", self._guard))
        table = arrow_csv.read_csv(
            pa.BufferReader(text),
            read_options=arrow_csv.ReadOptions(use_threads=False, block_size=len(text) + 64, column_names=names),
            parse_options=arrow_csv.ParseOptions(
                delimiter=self._dialect.delimiter,
                quote_char=self._dialect.quotechar if is_quoted else False,
                double_quote=self._dialect.doublequote,
                escape_char=False,
                newlines_in_values=is_quoted,
                ignore_empty_lines=True,
                invalid_row_handler=set_aside,
            ),
            convert_options=arrow_csv.ConvertOptions(
                check_utf8=False,
                column_types=dict.fromkeys(wanted, pa.string()),
                strings_can_be_null=False,
                include_columns=wanted,
            ),
        )
        return table, ragged

    def _may_be_too_large(self, columns: Mapping[int, Any], ragged: Sequence[tuple[int, int]]) -> bool:
        """Whether a row may have more bytes than it may, as long as its cells are and if all they hold were doubled."""
        cells = sum(int(np.diff(offsets_of(column)).max()) for column in columns.values())
        largest = max((size * 4 for _, size in ragged), default=0)
        return max(cells * 2 + 3 * self._width + 2, largest) > self._limits.row_bytes

    def _is_closed(self, columns: Mapping[int, Any]) -> bool:
        """Whether the last row is the one that was put behind the data."""
        first = self._wanted[0]
        return all(
            column[-1].as_py() == (self._mark if position == first else "") for position, column in columns.items()
        )


def offsets_of(column: Any) -> Any:
    """Where the texts of a column begin in its bytes, and where the last one ends."""
    return np.frombuffer(column.buffers()[1], np.int32)[column.offset : column.offset + len(column) + 1]


def bytes_of(column: Any) -> Any:
    """All that a column's texts are made of."""
    offsets, data = offsets_of(column), column.buffers()[2]
    return np.frombuffer(b"" if data is None else data, np.uint8)[offsets[0] : offsets[-1]]


def _whole(column: Any) -> Any:
    return column.chunk(0) if column.num_chunks == 1 else pa.concat_arrays(column.chunks)


def _spread(column: Any, missing: Sequence[int], rows: int) -> Any:
    """A column with empty texts put in at these indices."""
    there = np.ones(rows, bool)
    there[list(missing)] = False
    return column.take(pa.array(np.cumsum(there) - 1, mask=~there)).fill_null("")
