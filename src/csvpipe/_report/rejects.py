r"""The rejects file: every rejected row as it stands in the source, behind five cells that say why it is there.

It is spelt as the source is: dialect, encoding (UTF-8 where the source was transcoded) and newlines. Whoever mends the
rows can leave the leading columns where they are; appended ones would stand under other names in every ragged row.
"""

from __future__ import annotations

import csv
import io
import json
import re
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from heapq import merge
from itertools import chain, groupby
from operator import attrgetter
from pathlib import Path
from typing import BinaryIO, Final

import attrs

from csvpipe._intake.inspection import Inspection
from csvpipe._intake.source import LocalFile
from csvpipe.dialect import Dialect
from csvpipe.errors import FileError, Phase, RowError, SourceGoneError
from csvpipe.limits import Limits

#: What stands before the user's own columns.
LEADING: Final = ("_row", "_line", "_code", "_column", "_message")

#: Holds what is not one complete record; there only if a row needs it.
RAW: Final = "_raw"

#: Characters of an over-long record that are shown.
_SHOWN: Final = 1_000

#: UTF-8 has no longer characters.
_CHARACTER_BYTES: Final = 4

_JOINT: Final = "; "

#: The source is read in blocks of so many bytes, as long as rejected records are no farther apart than this.
_BLOCK_BYTES: Final = 256 * 1024

#: What is read where they are.
_LONE_BYTES: Final = 8 * 1024

#: Seconds of work between two pauses, and of a pause.
_WORK_SECONDS: Final = 0.008
_PAUSE_SECONDS: Final = 0.000_5


# Row errors -----------------------------------------------------------------------------------------------------------


def read_spill(path: str | Path) -> Iterator[RowError]:
    """The row errors that a worker wrote down because its result could not carry them, in their order.

    Args:
        path: Of a file with one JSON object a line; opened when the first error is asked for.

    Raises:
        SourceGoneError: The file is missing or damaged.
    """
    line = 0
    try:
        with Path(path).open(encoding="utf-8") as file:
            for line, text in enumerate(file, start=1):  # noqa: B007  # named in the message
                plain = json.loads(text)
                plain["phase"] = Phase(plain["phase"])
                yield RowError(**plain)
    except FileNotFoundError:
        raise SourceGoneError(f"{path}: the row errors that were stored here are gone") from None
    except (ValueError, TypeError, KeyError) as error:
        raise SourceGoneError(f"{path}: line {line}: damaged, so row errors are lost: {error}") from error


def merged(stored: Iterable[RowError], spills: Iterable[Iterable[RowError]]) -> Iterator[RowError]:
    """One sequence by row of the errors in the store and those that were spilled.

    Args:
        stored: By row. Of a row that has errors on both sides, these come first.
        spills: One for each chunk that has one, in file order: then they are by row as well, end to end, and only one
            of them is open at a time.
    """
    return merge(stored, chain.from_iterable(spills), key=attrgetter("row"))


# The file -------------------------------------------------------------------------------------------------------------


def write_rejects(
    dest: BinaryIO,
    errors: Callable[[], Iterable[RowError]],
    source: LocalFile,
    inspection: Inspection,
    limits: Limits,
) -> int:
    """Write a job's rejects file. Runs in a worker thread; holds one record, or one block of them, in memory at a time.

    Args:
        dest: Written to from where it stands; the caller closes it.
        errors: Gives the job's row errors, by row and the same ones every time: they are gone through twice, since
            the header depends on all of them.
        source: The job's local file; not needed where there are no errors.
        inspection: The job's.
        limits: The job's; a record over `row_bytes` is shown by its beginning.

    Returns:
        The number of rejected rows written.

    Raises:
        SourceGoneError: The source is gone, has changed, or cannot be read.
        OSError: `dest` cannot be written.
    """
    first = next(iter(errors()), None)
    if first is None:
        dest.write(_Sheet(inspection, newline="\n", has_raw=False).header())
        return 0
    with _opened(source) as file:
        records = _Records(file, source, most_bytes=limits.row_bytes + len(b"\r\n"))
        newline = records.newline_before(inspection.data_start) or records.newline_before(first.end) or "\n"
        sheet = _Sheet(inspection, newline=newline, has_raw=False)
        if not all(sheet.fits(reject, records.raw(reject)) for reject in _rejects(_paced(errors()))):
            sheet = _Sheet(inspection, newline=newline, has_raw=True)
        dest.write(sheet.header())
        rows = 0
        for rows, reject in enumerate(_rejects(_paced(errors())), start=1):  # noqa: B007  # the last is their number
            dest.write(sheet.row(reject, records.raw(reject)))
        _check(source)
    return rows


def _paced(errors: Iterable[RowError]) -> Iterator[RowError]:
    """The errors, with a short pause whenever some work was done on them.

    A thread that computes gives up the interpreter only when another has waited for it for 5 ms, and an event loop
    has to wait anew each time it comes back from the system: many times for all that it does in one turn. A pause of
    no length would not help, as this thread would often have the interpreter back before another one wakes up. One
    that is a little longer lets the loop do its turn undisturbed.
    """
    due = time.monotonic() + _WORK_SECONDS
    for error in errors:
        if time.monotonic() >= due:
            time.sleep(_PAUSE_SECONDS)
            due = time.monotonic() + _WORK_SECONDS
        yield error


@attrs.frozen(kw_only=True)
class _Reject:
    """A rejected row: what is said of it, and where it stands."""

    leading: tuple[str, ...]
    start: int
    end: int


def _rejects(errors: Iterable[RowError]) -> Iterator[_Reject]:
    for row, group in groupby(errors, key=attrgetter("row")):
        of_row = list(group)
        columns = [error.column or "" for error in of_row]
        yield _Reject(
            leading=(
                str(row),
                str(of_row[0].line),
                _JOINT.join(error.code for error in of_row),
                _JOINT.join(columns) if any(columns) else "",
                _JOINT.join(error.message for error in of_row),
            ),
            start=of_row[0].start,
            end=of_row[0].end,
        )


# The source -----------------------------------------------------------------------------------------------------------


def _gone(source: LocalFile, error: Exception) -> SourceGoneError:
    return SourceGoneError(
        f"the rejected rows cannot be shown, since their text is read from the job's file, {source.path}: {error}"
    )


def _opened(source: LocalFile) -> BinaryIO:
    try:
        return source.open()
    except FileError as error:
        raise _gone(source, error) from error


def _check(source: LocalFile) -> None:
    try:
        source.check_unchanged()
    except FileError as error:
        raise _gone(source, error) from error


@attrs.frozen
class _Raw:
    """The bytes of a record without its line end, or only the first of them."""

    data: bytes
    is_whole: bool


class _Records:
    """Raw text of records, read from the source; of longer ones than `most_bytes` only the beginning.

    They are asked for in file order, and where many rows are rejected they are close together. So a block is read at a
    time: a system call for each record takes longer than all that is done with it.
    """

    def __init__(self, file: BinaryIO, source: LocalFile, *, most_bytes: int) -> None:
        self._file = file
        self._source = source
        self._most = most_bytes
        self._block = b""
        self._offset = 0  # of the block

    def newline_before(self, offset: int) -> str | None:
        """The line end just before this byte, if there is one."""
        return _line_end(self._read(max(0, offset - 2), offset)).decode() or None

    def raw(self, reject: _Reject) -> _Raw:
        if reject.end - reject.start > self._most:
            shown = min(self._most, _SHOWN * _CHARACTER_BYTES)
            return _Raw(self._read(reject.start, reject.start + shown), is_whole=False)
        data = self._read(reject.start, reject.end)
        return _Raw(data.removesuffix(_line_end(data)), is_whole=True)

    def _read(self, start: int, end: int) -> bytes:
        if not self._offset <= start <= end <= self._offset + len(self._block):
            is_near = 0 <= start - self._offset < len(self._block) + _BLOCK_BYTES
            self._fill(start, max(end - start, _BLOCK_BYTES if is_near else _LONE_BYTES))
        data = self._block[start - self._offset : end - self._offset]
        if len(data) != end - start:
            raise _gone(self._source, EOFError(f"it ends at byte {start + len(data)}, before byte {end}"))
        return data

    def _fill(self, start: int, size: int) -> None:
        try:
            self._file.seek(start)
            self._block, self._offset = self._file.read(size), start
        except OSError as error:
            raise _gone(self._source, error) from error


def _line_end(data: bytes) -> bytes:
    if data.endswith(b"\r\n"):
        return b"\r\n"
    return data[-1:] if data.endswith((b"\n", b"\r")) else b""


# Spelling -------------------------------------------------------------------------------------------------------------


class _Sheet:
    """Spells the records of one rejects file, as bytes with their newline."""

    def __init__(self, inspection: Inspection, *, newline: str, has_raw: bool) -> None:
        self._inspection = inspection
        self._dialect = inspection.dialect
        self._newline = newline
        self._has_raw = has_raw
        marks = ["\r", "\n", self._dialect.quotechar or "", self._dialect.escapechar or ""]
        self._marks = re.compile(f"[{re.escape(''.join(marks))}]")
        self._marks_or_delimiter = re.compile(f"[{re.escape(''.join([*marks, self._dialect.delimiter]))}]")
        self._parts_cells = _encodable(self._dialect.delimiter, inspection.encoding) == self._dialect.delimiter

    def header(self) -> bytes:
        extra = (RAW,) if self._has_raw else ()
        return self._bytes([*LEADING, *extra, *self._inspection.columns])

    def fits(self, reject: _Reject, raw: _Raw) -> bool:
        """Whether the row with its raw text in place would be read back as this one record."""
        if not raw.is_whole:
            return False
        text = "".join(reject.leading) + raw.data.decode(self._inspection.encoding, "surrogateescape")
        if self._parts_cells and not self._marks.search(text) and len(text) < csv.field_size_limit():
            return True  # there is nothing in it that could be left open or be refused
        return self._is_one_record(self._in_place(reject, raw))

    def row(self, reject: _Reject, raw: _Raw) -> bytes:
        """The row with its raw text in place, or in a cell of its own if it does not fit.

        Where there is no column for such cells, all rows are known to fit.
        """
        if self._has_raw and not self.fits(reject, raw):
            return self._apart(reject, raw)
        return self._in_place(reject, raw) + self._newline.encode()

    def _in_place(self, reject: _Reject, raw: _Raw) -> bytes:
        leading = [*reject.leading, ""] if self._has_raw else reject.leading
        return self._bytes([*leading, ""]).removesuffix(self._newline.encode()) + raw.data

    def _apart(self, reject: _Reject, raw: _Raw) -> bytes:
        """The row with its raw text as one cell, and nothing under the user's own names."""
        text = raw.data.decode(self._inspection.encoding, "surrogateescape")
        if not raw.is_whole:
            text = f"{text[:_SHOWN]}…"
        return self._bytes([*reject.leading, text, *("" for _ in self._inspection.columns)])

    def _bytes(self, cells: Sequence[str]) -> bytes:
        try:
            return self._joined(self._dialect.delimiter, cells)
        except UnicodeEncodeError:
            encoding = self._inspection.encoding
            delimiter = _encodable(self._dialect.delimiter, encoding)
            return self._joined(delimiter, [_encodable(cell, encoding) for cell in cells])

    def _joined(self, delimiter: str, cells: Sequence[str]) -> bytes:
        if self._dialect.skipinitialspace or self._marks_or_delimiter.search("".join(cells)):
            cells = [spelt(cell, self._dialect) for cell in cells]
        return (delimiter.join(cells) + self._newline).encode(self._inspection.encoding, "surrogateescape")

    def _is_one_record(self, record: bytes) -> bool:
        """Whether a reader that comes to this record is done with it at its end.

        Judged by the reader itself, not by the error's code: a handler's code says nothing about quotes. A line of its
        own follows the record, and is answered with a blank one exactly if nothing is open any more. The record has no
        line end here: an escape at its end would take in the first half of one, and then seem to be complete.
        """
        text = record.decode(self._inspection.encoding, "surrogateescape")
        lines = chain(io.StringIO(text, newline=""), ("\n",))
        try:
            _first, *others = csv.reader(lines, **self._dialect.reader_options())
        except csv.Error:
            return False
        return others == [[]]


def _encodable(text: str, encoding: str) -> str:
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
