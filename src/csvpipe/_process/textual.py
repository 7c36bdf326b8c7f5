"""A text to rows of cells, the quickest way that is exact: what is not quoted needs no parser."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from itertools import chain
from typing import Final, NamedTuple

from csvpipe.dialect import Dialect

#: Characters for each record with quotes from which they count as few, once there have been some.
_SPARSE_CHARACTERS: Final = 256
_MANY: Final = 8

#: A newline of its own after the data: the reader answers it with a blank record exactly if no record was still open.
_SENTINEL: Final = ("\n",)


class Found(NamedTuple):
    """Rows of a text.

    Attributes:
        rows: The cells of each, blank lines left out.
        lines: Physical lines of the text.
        tall: Index in `rows`, and how many lines it has besides its first, of each row that has any; None where that
            is not known, or blank lines stand between rows.
    """

    rows: list[list[str]]
    lines: int
    tall: list[tuple[int, int]] | None = None


class RowReader:
    """Reads texts of one dialect that begin and end at record boundaries.

    Args:
        dialect: The file's.
    """

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._options = dialect.reader_options()
        #: What makes a text more than lines and delimiters; a lone carriage return among it.
        self._marks = [mark for mark in ("\r", dialect.quotechar, dialect.escapechar) if mark is not None]

    def __repr__(self) -> str:
        return f"<RowReader of {self._dialect}>"

    def read(self, text: str) -> Found | None:
        """All rows, as one `csv.reader` would return them; None where the last record is still open.

        Raises:
            csv.Error: The reader of the standard library refuses a record, or has a limit that it does not fit.
        """
        return self._split(text) or self._split_quoted(text) or self._split_mixed(text) or self._read(text)

    def _split(self, text: str) -> Found | None:
        """Where nothing is quoted or escaped, records are lines and cells what is between delimiters."""
        if "\r" in text:
            text = text.replace("\r\n", "\n")
        if self._options["skipinitialspace"] or any(mark in text for mark in self._marks):
            return None
        lines = text.split("\n")
        if not lines[-1]:
            lines.pop()
        number = len(lines)
        if "" in lines:
            lines = list(filter(None, lines))
        delimiter = self._dialect.delimiter
        return Found([line.split(delimiter) for line in lines], number)

    def _split_quoted(self, text: str) -> Found | None:
        """Where every cell is quoted and none holds a quote, cells are what is between quotes."""
        quote, escape = self._dialect.quotechar, self._dialect.escapechar
        if quote is None or not text.startswith(quote) or (escape is not None and escape in text):
            return None
        line_end = "\r\n" if text.endswith(f"{quote}\r\n") else "\n"
        if not text.endswith(f"{quote}{line_end}"):
            return None
        between = f"{quote}{self._dialect.delimiter}{quote}"
        lines = text[1 : -1 - len(line_end)].split(f"{quote}{line_end}{quote}")
        rows = [line.split(between) for line in lines]
        if text.count(quote) != 2 * sum(map(len, rows)):
            return None  # a quote in a cell, or a cell without quotes
        return Found(rows, _count_lines(text))

    def _split_mixed(self, text: str) -> Found | None:
        """Where only some records have quotes, these are left to the reader, and the others split at delimiters."""
        quote, escape, delimiter = self._dialect.quotechar, self._dialect.escapechar, self._dialect.delimiter
        if quote is None or self._dialect.skipinitialspace or (escape is not None and escape in text):
            return None
        has_returns = "\r" in text
        if has_returns and text.count("\r") != text.count("\r\n"):
            return None
        read = self._quoted_records(text, quote)
        if read is None:
            return None
        lines = (text.replace("\r\n", "\n") if has_returns else text).split("\n")
        if not lines[-1]:
            lines.pop()
        number = len(lines)
        for first, last, _ in reversed(read):
            lines[first : last + 1] = [quote]  # anything but a blank line
        rows = [line.split(delimiter) for line in lines]
        tall: list[tuple[int, int]] = []
        gone = 0
        for first, last, record in read:
            rows[first - gone] = record
            if last > first:
                tall.append((first - gone, last - first))
                gone += last - first
        if "" in lines:
            return Found([row for row, line in zip(rows, lines, strict=True) if line], number)
        return Found(rows, number, tall)

    def _quoted_records(self, text: str, quote: str) -> list[tuple[int, int, list[str]]] | None:
        """Each record with a quote, behind the indices of its first line and its last; None where they are not few."""
        feed = _Feed(text)
        reader = csv.reader(feed, **self._options)
        read: list[tuple[int, int, list[str]]] = []
        line = at = 0
        while (found := text.find(quote, at)) >= 0:
            if len(read) >= _MANY and at < len(read) * _SPARSE_CHARACTERS:
                return None
            feed.at = text.rfind("\n", at, found) + 1 or at
            line += text.count("\n", at, feed.at)
            before = reader.line_num
            record = next(reader)
            if feed.is_over:
                return None  # still open at the end
            last = line + reader.line_num - before - 1
            read.append((line, last, record))
            line, at = last + 1, feed.at
        return read

    def _read(self, text: str) -> Found | None:
        """The reader of the standard library over the whole slice."""
        reader = csv.reader(chain(io.StringIO(text, newline=""), _SENTINEL), **self._options)
        rows = list(reader)
        if rows[-1] != []:
            return None
        return Found(list(filter(None, rows)), reader.line_num - 1)


class _Feed:
    """The lines of a text for `csv.reader`, from wherever it stands; and one more after the last.

    Attributes:
        at: Offset of the next line.
        is_over: Whether the one more was taken: a record was still open.
    """

    __slots__ = ("_text", "at", "is_over")

    def __init__(self, text: str) -> None:
        self._text = text
        self.at = 0
        self.is_over = False

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        text, start = self._text, self.at
        if start == len(text):
            if self.is_over:
                raise StopIteration
            self.is_over = True
            return "\n"
        self.at = text.find("\n", start) + 1 or len(text)
        return text[start : self.at]


def _count_lines(text: str) -> int:
    r"""Physical lines of a text in which `\n` alone begins a new one, or in which cells may hold a lone `\r`."""
    lines = text.count("\n") + (not text.endswith(("\n", "\r")))
    return lines + text.count("\r") - text.count("\r\n") if "\r" in text else lines
