"""The first record of a file: what the columns are called, and where the data starts."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import BinaryIO

import attrs

from csvpipe.dialect import Dialect
from csvpipe.errors import FileCode, FileError
from csvpipe.limits import Limits


@attrs.frozen(kw_only=True)
class FirstRecord:
    """The first record that is not blank.

    Attributes:
        fields: Its cells.
        start: Byte offset of its line.
        end: Byte offset just past it.
        line: 1-based physical line where it starts.
        lines: Physical lines before and in it.
    """

    fields: tuple[str, ...]
    start: int
    end: int
    line: int
    lines: int


class _Lines:
    """Physical lines of a text, counted in bytes; ends when more than `limit` were read."""

    def __init__(self, text: io.TextIOWrapper, *, encoding: str, start: int, limit: int) -> None:
        self._text = text
        self._encoding = encoding
        self._limit = start + limit
        self.offset = start
        self.current: list[str] = []
        self.is_over = False

    def __iter__(self) -> Iterator[str]:
        for line in iter(lambda: self._text.readline(self._limit + 1), ""):
            self.offset += len(line.encode(self._encoding, "surrogateescape"))
            if self.offset > self._limit:
                self.is_over = True
                return
            self.current.append(line)
            yield line


def read_first_record(
    file: BinaryIO, *, start: int, dialect: Dialect, encoding: str, limits: Limits, place: str
) -> FirstRecord | None:
    """Find the first record at or after byte `start`; None if there are only blank lines.

    Raises:
        FileError: `header_missing` if a quote stays open or the record exceeds a limit, `encoding` if it does not
            decode.
    """
    file.seek(start)
    text = io.TextIOWrapper(file, encoding=encoding, errors="surrogateescape", newline="")
    try:
        return _first_record(text, start=start, dialect=dialect, encoding=encoding, limits=limits, place=place)
    finally:
        text.detach()


def _first_record(
    text: io.TextIOWrapper, *, start: int, dialect: Dialect, encoding: str, limits: Limits, place: str
) -> FirstRecord | None:
    lines = _Lines(text, encoding=encoding, start=start, limit=limits.row_bytes)
    reader = csv.reader(lines, **dialect.reader_options())
    line, offset = 1, start
    while True:
        lines.current.clear()
        try:
            fields = next(reader)
        except StopIteration:
            if lines.is_over:
                raise _unreadable(place, line, f"the header is longer than {limits.row_bytes:,} bytes") from None
            return None
        except csv.Error as error:
            raise _unreadable(place, line, str(error)) from None
        if fields:
            break
        line, offset = reader.line_num + 1, lines.offset
    if lines.is_over or not _is_closed(lines.current, dialect):
        raise _unreadable(place, line, "a quote opens in the header and is never closed")
    if any("\udc80" <= character <= "\udcff" for cell in fields for character in cell):
        raise FileError(
            FileCode.ENCODING,
            f"{place}: line {line}: the header is not {encoding} text; say what the encoding is with encoding=",
        )
    return FirstRecord(fields=tuple(fields), start=offset, end=lines.offset, line=line, lines=reader.line_num)


def _is_closed(lines: Sequence[str], dialect: Dialect) -> bool:
    """Whether these lines end outside quotes: only then is a further newline a blank record of its own."""
    try:
        return list(csv.reader([*lines, "\n"], **dialect.reader_options()))[-1] == []
    except csv.Error:
        return False


def _unreadable(place: str, line: int, what: str) -> FileError:
    return FileError(
        FileCode.HEADER_MISSING,
        f"{place}: line {line}: no header can be read: {what}; mend the line, or state the dialect with dialect=",
    )


def check_names(names: Sequence[str], *, place: str, line: int | None) -> None:
    """See that every column has a name of its own. `line` is the header's, None for stated names.

    Raises:
        FileError: `header_missing` naming the columns without a name, `header_duplicate` naming the doubled ones.
    """
    where = place if line is None else f"{place}: line {line}"
    empty = [str(position) for position, name in enumerate(names, start=1) if not name.strip()]
    if empty:
        which = f"column {empty[0]} has" if len(empty) == 1 else f"columns {_listed(empty)} have"
        raise FileError(
            FileCode.HEADER_MISSING,
            f"{where}: {which} no name in the header; name every column, "
            f"or give all {len(names)} names with columns=[...]",
        )
    double = [name for name, times in Counter(names).items() if times > 1]
    if double:
        which = f"the name {double[0]!r}" if len(double) == 1 else f"the names {_listed([repr(d) for d in double])}"
        raise FileError(
            FileCode.HEADER_DUPLICATE,
            f"{where}: {which} occur{'s' if len(double) == 1 else ''} more than once in the header; "
            f"rename the columns, or give all {len(names)} names with columns=[...]",
        )


def _listed(words: Sequence[str], most: int = 8) -> str:
    shown = ", ".join(words[:most])
    return shown if len(words) <= most else f"{shown} and {len(words) - most} more"
