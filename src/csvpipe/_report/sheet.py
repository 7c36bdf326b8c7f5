"""How the records of a rejects file are spelt: as the source spells its own, and so that no spreadsheet runs them."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from itertools import chain
from typing import Final

import attrs

from csvpipe._intake.inspection import Inspection
from csvpipe._intake.mended.formulas import FORMULA_MARKS, escaped, unescaped
from csvpipe._intake.mended.layout import LEADING, RAW, Mends, names_beside
from csvpipe._process.mending import raw_text
from csvpipe.dialect import Dialect

#: Characters of an over-long record that are shown.
SHOWN_CHARACTERS: Final = 1_000


@attrs.frozen(kw_only=True)
class Reject:
    """A rejected row: what is said of it, and where it stands.

    Attributes:
        leading: The cells under `LEADING`; the first of them only where the file is not a mended one itself.
        is_foreign: Whether it is here because its number is not open.
        start: Byte offset of the record.
        end: Byte offset just past it.
    """

    leading: tuple[str, ...]
    is_foreign: bool = False
    start: int
    end: int


@attrs.frozen
class Raw:
    """The bytes of a record without its line end, or only the first of them."""

    data: bytes
    is_whole: bool


class Sheet:
    """Spells the records of one rejects file, as bytes with their newline.

    Args:
        inspection: Of the job's file.
        mends: Of a mended file, whose own leading columns give way to new ones.
        newline: What ends a record.
        has_raw: Whether there is a column for what is not one complete record.
    """

    def __init__(self, inspection: Inspection, mends: Mends | None, *, newline: str, has_raw: bool) -> None:
        self._inspection = inspection
        self._mends = mends
        dialect = self._dialect = _writable(inspection)
        self._newline = newline
        self._has_raw = has_raw
        marks = ["\r", "\n", dialect.quotechar or "", dialect.escapechar or ""]
        self._marks = re.compile(f"[{re.escape(''.join(marks))}]")
        self._marks_or_delimiter = re.compile(f"[{re.escape(''.join([*marks, dialect.delimiter]))}]")
        # A cell can begin after any of these; what looks like a formula there is then judged as the cell that it is.
        before = "".join(["'", dialect.delimiter, *marks, " " if dialect.skipinitialspace else ""])
        self._suspect = re.compile(f"(?:^|[{re.escape(before)}])[{re.escape(FORMULA_MARKS)}]")
        self._parts_cells = encodable(dialect.delimiter, inspection.encoding) == dialect.delimiter

    def header(self) -> bytes:
        """The first record."""
        names = self._inspection.columns
        beside = names_beside(names if self._mends is None else self._mends.columns)
        ours = [beside[name] for name in ((*LEADING, RAW) if self._has_raw else LEADING)]
        return self._bytes([*ours, *map(_escaped_anew, self._own(names) if self._mends else names)])

    def number(self, reject: Reject, raw: Raw) -> str:
        """What stands under `_row`: the row's number in the first file of the chain, as far as it can be told."""
        if self._mends is None:
            return reject.leading[0]
        cells = self._cells(raw) or self._first_cells(raw)
        return cells[self._mends.row] if self._mends.row < len(cells) else ""

    def fits(self, reject: Reject, raw: Raw) -> bool:
        """Whether the row with its text in place would be read back as this one record."""
        if not raw.is_whole:
            return False
        if self._mends is not None:
            cells = self._cells(raw)
            return cells is not None and not raw_text(self._mends, cells)
        text = "".join(reject.leading) + self._text(raw)
        if self._parts_cells and not self._marks.search(text) and len(text) < csv.field_size_limit():
            return True  # there is nothing in it that could be left open or be refused
        return self._parsed(self._in_place(reject, raw.data)) is not None

    def row(self, reject: Reject, raw: Raw) -> bytes:
        """The row with its text in place, or in a cell of its own if it does not fit.

        Where there is no column for such cells, all rows are known to fit.
        """
        if self._mends is not None:
            return self._mended_row(self._mends, reject, raw)
        if self._has_raw and not self.fits(reject, raw):
            return self._apart(reject, raw)
        if self._suspect.search(self._text(raw)) and (cells := self._cells(raw)) is not None:
            harmless = list(map(escaped, cells))
            if harmless != cells:
                return self._bytes([*self._leading(reject), *harmless])
        return self._in_place(reject, raw.data) + self._newline.encode()

    def _mended_row(self, mends: Mends, reject: Reject, raw: Raw) -> bytes:
        """A row that has been through here before: its old leading cells give way to the new ones."""
        reject = attrs.evolve(reject, leading=(self.number(reject, raw), *reject.leading[1:]))
        cells = self._cells(raw) if raw.is_whole else None
        if cells is None:
            return self._apart(reject, raw)
        text = raw_text(mends, cells)
        return self._bytes([*self._leading(reject, text), *map(_escaped_anew, self._own(cells))])

    def _own(self, cells: Sequence[str]) -> list[str]:
        """The user's cells of a mended file, as they stand there, also of a ragged row."""
        mends = self._mends
        theirs = None if mends is None else set(mends.cells)
        width = 0 if mends is None else mends.width
        return [
            cell for position, cell in enumerate(cells) if theirs is None or position in theirs or position >= width
        ]

    def _leading(self, reject: Reject, text: str = "") -> list[str]:
        return [*map(_escaped_anew, reject.leading[:1]), *map(escaped, reject.leading[1:]), *self._raw_cell(text)]

    def _raw_cell(self, text: str) -> list[str]:
        return [_escaped_anew(text) if self._mends else escaped(text)] if self._has_raw else []

    def _in_place(self, reject: Reject, data: bytes) -> bytes:
        return self._bytes([*self._leading(reject), ""]).removesuffix(self._newline.encode()) + data

    def _apart(self, reject: Reject, raw: Raw) -> bytes:
        """The row with its raw text as one cell, and nothing under the user's own names."""
        text = self._text(raw)
        if not raw.is_whole:
            text = f"{text[:SHOWN_CHARACTERS]}…"
        names = self._inspection.columns
        own = self._own(names) if self._mends else names
        return self._bytes([*map(escaped, [*reject.leading, text]), *("" for _ in own)])

    def _text(self, raw: Raw) -> str:
        return raw.data.decode(self._inspection.encoding, "surrogateescape")

    def _bytes(self, cells: Sequence[str]) -> bytes:
        try:
            return self._joined(self._dialect.delimiter, cells)
        except UnicodeEncodeError:
            encoding = self._inspection.encoding
            delimiter = encodable(self._dialect.delimiter, encoding)
            return self._joined(delimiter, [encodable(cell, encoding) for cell in cells])

    def _joined(self, delimiter: str, cells: Sequence[str]) -> bytes:
        if self._dialect.skipinitialspace or self._marks_or_delimiter.search("".join(cells)):
            cells = [spelt(cell, self._dialect) for cell in cells]
        return (delimiter.join(cells) + self._newline).encode(self._inspection.encoding, "surrogateescape")

    def _cells(self, raw: Raw) -> list[str] | None:
        return self._parsed(raw.data) if raw.is_whole else None

    def _first_cells(self, raw: Raw) -> list[str]:
        """What a reader makes of the beginning of a record that is not complete."""
        try:
            lines = io.StringIO(self._text(raw), newline="")
            return next(csv.reader(lines, **{**self._dialect.reader_options(), "strict": False}), [])
        except csv.Error:
            return []

    def _parsed(self, record: bytes) -> list[str] | None:
        """The cells of a record, or None unless a reader that comes to it is done with it at its end.

        Judged by the reader itself, not by the error's code: a handler's code says nothing about quotes. A line of its
        own follows the record, and is answered with a blank one exactly if nothing is open any more. The record has no
        line end here: an escape at its end would take in the first half of one, and then seem to be complete.
        """
        text = record.decode(self._inspection.encoding, "surrogateescape")
        lines = chain(io.StringIO(text, newline=""), ("\n",))
        try:
            first, *others = csv.reader(lines, **self._dialect.reader_options())
        except csv.Error:
            return None
        return first if others == [[]] else None


def _escaped_anew(cell: str) -> str:
    """A cell that may be escaped already, since it comes from a rejects file."""
    return escaped(unescaped(cell))


def _writable(inspection: Inspection) -> Dialect:
    """The file's dialect without quote and escape if its encoding lacks them: then they do not occur, and cannot."""
    dialect, encoding = inspection.dialect, inspection.encoding
    has_quote = dialect.quotechar is not None and encodable(dialect.quotechar, encoding) == dialect.quotechar
    has_escape = dialect.escapechar is not None and encodable(dialect.escapechar, encoding) == dialect.escapechar
    return attrs.evolve(
        dialect,
        quotechar=dialect.quotechar if has_quote else None,
        escapechar=dialect.escapechar if has_escape else None,
    )


def encodable(text: str, encoding: str) -> str:
    """`text` with a question mark for each character that the encoding lacks; bytes that did not decode are kept."""
    try:
        text.encode(encoding, "surrogateescape")
    except UnicodeEncodeError:
        return text.replace("…", "...").encode(encoding, "replace").decode(encoding)
    return text


def spelt(cell: str, dialect: Dialect) -> str:
    """A cell as `csv.reader` reads it back under this dialect, as far as the dialect has the means.

    `csv.writer` would raise where it has not, and has spelt escapes differently from one Python to the next. Where
    there is no way to write a character, a space stands for it: newlines where there are no quotes, delimiters where
    there are neither quotes nor escapes, quotes where they can neither be doubled nor escaped.
    """
    quote, escape, delimiter = dialect.quotechar, dialect.escapechar, dialect.delimiter
    blank = next(mark for mark in " _-." if mark not in (quote, escape, delimiter))
    if escape is not None:
        cell = cell.replace(escape, escape * 2)
    if quote is None:
        cell = cell.replace("\r\n", blank).replace("\n", blank).replace("\r", blank)
        cell = cell.replace(delimiter, blank if escape is None else escape + delimiter)
        return cell.lstrip(" ") if dialect.skipinitialspace else cell
    needs_quotes = {quote, delimiter, "\r", "\n"} & set(cell) or (dialect.skipinitialspace and cell.startswith(" "))
    if not needs_quotes:
        return cell
    single = blank if escape is None else escape + quote
    inside = quote * 2 if dialect.doublequote else single
    return f"{quote}{cell.replace(quote, inside)}{quote}"
