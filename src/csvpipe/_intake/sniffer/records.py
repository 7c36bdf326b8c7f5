"""A text sample as records under one dialect, with the lines that they stand on: what sniffing looks at."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Sequence
from itertools import islice
from typing import Final

import attrs

from csvpipe._intake.header import is_complete
from csvpipe.dialect import Dialect

#: How much of a sample is looked at: more makes it slower and hardly surer.
LOOK_CHARS: Final = 32 * 1024

#: How many physical lines, and records, of it.
LOOK_LINES: Final = 250

#: An open quote that takes more lines than this is no long cell but a stray quote.
_LONG_LINES: Final = 40

#: How many stray quotes are passed over before the dialect is given up.
_MOST_STRAYS: Final = 6

#: Excel's way to state the delimiter.
_HINT: Final = re.compile(r'"?sep=(?P<delimiter>[^\r\n])"?\s*', re.IGNORECASE)


@attrs.frozen
class Record:
    """One record of a sample.

    Attributes:
        cells: None if it cannot be read: a quote that stays open, or a cell past the limit of the `csv` module.
        line: Physical lines before it.
        lines: Physical lines in it.
        swallows: Whether a quote that opens in it ends amid the text of a later line: then the lines between are no
            part of a cell, but of two stray quotes.
    """

    cells: list[str] | None
    line: int
    lines: int
    swallows: bool = False

    @property
    def width(self) -> int:
        """How many cells it has."""
        return len(self.cells or ())

    @property
    def filled(self) -> int:
        """How many of its cells are not blank."""
        return sum(1 for cell in self.cells or () if cell and not cell.isspace())

    @property
    def is_blank(self) -> bool:
        """Whether none of its cells is filled."""
        text = "".join(self.cells or ())
        return not text or text.isspace()

    @property
    def reach(self) -> int:
        """How many cells it has up to the last one that is not blank."""
        cells = self.cells or ()
        return next((at for at in range(len(cells), 0, -1) if cells[at - 1] and not cells[at - 1].isspace()), 0)


@attrs.frozen(eq=False)
class Seen:
    """All of a small file, read in its dialect without a fault, so that nobody has to read it again.

    Attributes:
        lines: The physical lines.
        records: All but the blank ones; each has cells.
    """

    lines: Sequence[str]
    records: Sequence[Record]

    @classmethod
    def of(cls, lines: Sequence[str], records: Sequence[Record], *, is_all: bool) -> Seen | None:
        """What was seen, if these lines are all of the file; None also where a record cannot be read."""
        return cls(lines, records) if is_all and all(record.cells is not None for record in records) else None


def split_lines(sample: str, *, is_whole: bool) -> tuple[list[str], bool]:
    """The first physical lines of a sample, and whether they are all of the file.

    A last line that may be torn is left out, unless it is the only one.
    """
    text = sample[:LOOK_CHARS]
    is_all = is_whole and len(text) == len(sample)
    lines = list(islice(io.StringIO(text, newline=""), LOOK_LINES + 1))
    if len(lines) > LOOK_LINES:
        return lines[:LOOK_LINES], False
    if not is_all and len(lines) > 1:
        lines.pop()
    return lines, is_all


def hinted_delimiter(lines: Sequence[str]) -> str | None:
    """The delimiter that a first line `sep=;` states."""
    match = _HINT.fullmatch(lines[0]) if lines else None
    return match["delimiter"] if match else None


def read_records(lines: Sequence[str], dialect: Dialect, *, is_whole: bool) -> list[Record]:
    """The records of these lines; blank ones are in it, one that is torn at the end is not.

    A quote that stays open costs its line alone, as it does in an import.
    """
    options = dialect.reader_options()
    quote = dialect.quotechar
    records: list[Record] = []
    first, strays = 0, 0
    reader = csv.reader(lines, **options)
    while True:
        line = first + reader.line_num
        cells: list[str] | None
        try:
            cells = next(reader)
        except StopIteration:
            return records
        except csv.Error:
            cells = None
        end = first + reader.line_num
        is_last = end == len(lines) and quote is not None and cells is not None
        if is_last and any(quote in cell_line for cell_line in lines[line:end]):  # type: ignore[operator]
            if is_complete(lines[line:end], dialect):
                records.append(Record(cells, line, end - line))
                return records
            if not is_whole and end - line <= _LONG_LINES:
                return records
            records.append(Record(None, line, 1))
            strays += 1
            if strays > _MOST_STRAYS:
                return records
            first = line + 1
            reader = csv.reader(lines[first:], **options)
            continue
        swallows = end - line > 1 and quote is not None and _swallows("".join(lines[line:end]), dialect)
        records.append(Record(cells, line, end - line, swallows))


def _swallows(text: str, dialect: Dialect) -> bool:
    """Whether some quote in a record of several lines is closed amid text."""
    quote, mark = re.escape(dialect.quotechar or ""), re.escape(dialect.delimiter)
    inside = rf"(?:[^{quote}]|{quote}{quote})*+"
    if dialect.escapechar is not None:
        escape = re.escape(dialect.escapechar)
        inside = rf"(?:[^{quote}{escape}]|{escape}.|{quote}{quote})*+"
    cell = re.compile(rf"(?<![^{mark}\r\n])[ ]*{quote}(?P<rest>{inside}{quote}[ ]*(?=[{mark}\r\n]|\Z))?", re.DOTALL)
    return any(match["rest"] is None for match in cell.finditer(text))


def table_width(records: Sequence[Record]) -> int:
    """How many cells a record of the table has; 1 where no delimiter divides anything.

    Titles and notes are many but narrow, so a width counts for more the wider it is.
    """
    counts = Counter([len(record.cells) for record in records if record.cells and not record.is_blank])
    if len(counts) == 1:
        return next(iter(counts))
    return max(counts, key=lambda width: (counts[width] * (width - 1) ** 0.75, width), default=1)
