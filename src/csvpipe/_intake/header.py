"""The first record of a file: what the columns are called, and where the data starts."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, BinaryIO, Final

import attrs

from csvpipe._intake.binaries import SAY_UTF16
from csvpipe.dialect import Dialect
from csvpipe.errors import FileCode, FileError
from csvpipe.limits import Limits

if TYPE_CHECKING:
    from csvpipe._intake.sniffer.records import Seen

_BLOCK_BYTES: Final = 64 * 1024

_LINE_END: Final = re.compile(rb"\r\n|\n|\r")


@attrs.frozen(kw_only=True)
class FirstRecord:
    """The first record that is not blank.

    Attributes:
        fields: Its cells; a byte that does not decode is a lone surrogate, as `surrogateescape` has it.
        start: Byte offset of its line.
        end: Byte offset just past it.
        line: 1-based physical line where it starts.
        end_line: 1-based physical line at `end`.
    """

    fields: tuple[str, ...]
    start: int
    end: int
    line: int
    end_line: int


class _Lines:
    """Physical lines of a text, counted in bytes; ends when a record has more than `limit` of them.

    Attributes:
        offset: Byte offset just past the last line given.
        record: Lines given since `begin_record`.
        is_over: Whether it ended because of the limit.
    """

    def __init__(self, text: io.TextIOWrapper, *, encoding: str, start: int, limit: int) -> None:
        self._text = text
        self._encoding = encoding
        self._limit = limit
        self._record_start = start
        self.offset = start
        self.record: list[str] = []
        self.is_over = False

    def __iter__(self) -> Iterator[str]:
        # A character has at least one byte: a line with more characters than the limit need not be read to its end.
        while line := self._text.readline(self._limit + 1):
            self.offset += len(line.encode(self._encoding, "surrogateescape"))
            if self.offset - self._record_start > self._limit:
                self.is_over = True
                return
            self.record.append(line)
            yield line

    def begin_record(self) -> None:
        self.record.clear()
        self._record_start = self.offset


def offset_after_lines(file: BinaryIO, *, start: int, lines: int) -> int:
    """Byte offset just past so many physical lines from byte `start`, or the end of a file that has fewer."""
    if not lines:
        return start
    file.seek(start)
    offset, left = start, lines
    is_after_return = False
    while left > 0 and (block := file.read(_BLOCK_BYTES)):
        for match in _LINE_END.finditer(block):
            is_second_half = is_after_return and match.start() == 0 and match.group() == b"\n"
            is_after_return = False
            if not is_second_half:
                left -= 1
            if left == 0:
                # A carriage return at the end of a block may be half of a line end.
                is_half = match.end() == len(block) and match.group() == b"\r"
                return offset + match.end() + (is_half and file.read(1) == b"\n")
        is_after_return = block.endswith(b"\r")
        offset += len(block)
    return offset


def read_first_record(
    file: BinaryIO, *, start: int, first_line: int = 1, dialect: Dialect, encoding: str, limits: Limits, place: str
) -> FirstRecord | None:
    """Find the first record at or after byte `start`; None if there are only blank lines.

    Blank lines before it are passed over, however many they are.

    Args:
        file: Sought at will.
        start: Byte offset of a physical line.
        first_line: 1-based number of that line.
        dialect: See `Dialect`.
        encoding: UTF-8 or a single-byte encoding.
        limits: See `Limits`.
        place: Names the file in messages.

    Raises:
        FileError: `header_missing` if a quote stays open, the record exceeds a limit, or a strict dialect refuses it.
    """
    file.seek(start)
    text = io.TextIOWrapper(file, encoding=encoding, errors="surrogateescape", newline="")
    try:
        lines = _Lines(text, encoding=encoding, start=start, limit=limits.row_bytes)
        return _first_record(lines, first_line, dialect, limits, place)
    finally:
        text.detach()


def _first_record(lines: _Lines, first_line: int, dialect: Dialect, limits: Limits, place: str) -> FirstRecord | None:
    reader = csv.reader(lines, **dialect.reader_options())
    fields: list[str] = []
    line, start = first_line, lines.offset
    while not fields:
        line, start = first_line + reader.line_num, lines.offset
        lines.begin_record()
        try:
            fields = next(reader)
        except StopIteration:
            if not lines.is_over:
                return None
            reason = f"it is longer than {limits.row_bytes:,} bytes (limits=Limits(row_bytes=...))"
            raise _unreadable(place, line, reason) from None
        except csv.Error as error:
            raise _unreadable(place, line, _reason(error)) from None
    if lines.is_over or not is_complete(lines.record, dialect):
        raise _unreadable(place, line, "a quote opens in it and is not closed")
    end_line = first_line + reader.line_num
    return FirstRecord(fields=tuple(fields), start=start, end=lines.offset, line=line, end_line=end_line)


def first_of(seen: Seen, start: int, above: int, *, encoding: str, limits: Limits) -> FirstRecord | None:
    """The same of a file that was read already; None where that does not tell, and it is to be read again.

    Args:
        seen: All of the file.
        start: Byte offset just past the lines above.
        above: How many physical lines are above it.
        encoding: UTF-8 or a single-byte encoding.
        limits: See `Limits`.
    """
    record = next((record for record in seen.records if record.line >= above), None)
    if record is None or record is seen.records[-1] or not record.cells:
        return None  # the last one may be torn
    end = record.line + record.lines
    blank = len("".join(seen.lines[above : record.line]))  # line ends only
    size = len("".join(seen.lines[record.line : end]).encode(encoding, "surrogateescape"))
    if size > limits.row_bytes:
        return None
    start += blank
    return FirstRecord(
        fields=tuple(record.cells), start=start, end=start + size, line=record.line + 1, end_line=end + 1
    )


def is_complete(lines: Sequence[str], dialect: Dialect) -> bool:
    """Whether these physical lines end where a record ends: only then would a further newline be a blank record."""
    try:
        return list(csv.reader([*lines, "\n"], **dialect.reader_options()))[-1] == []
    except csv.Error:
        return False


def _reason(error: csv.Error) -> str:
    if "field limit" in str(error):
        return (
            f"a cell of it has more than {csv.field_size_limit():,} characters, too many for a name, or a quote opens "
            "in it and is not closed"
        )
    return str(error)


def _unreadable(place: str, line: int, reason: str) -> FileError:
    return FileError(
        FileCode.HEADER_MISSING,
        f"{place}: line {line}: the first record cannot be read: {reason}; mend the line, state the dialect with "
        "dialect=, or name the columns of a file without a header with header=[...]",
    )


def check_is_text(first: FirstRecord, *, encoding: str, place: str, came_in: str | None = None) -> None:
    """See that the cells of a header are text; `came_in` is the encoding that they were transcoded from, if they were.

    Raises:
        FileError: `encoding` naming the first byte that does not decode, `binary` if there are NULs.
    """
    for position, cell in enumerate(first.fields, start=1):
        for character in cell:
            if "\udc80" <= character <= "\udcff" and came_in is not None:
                raise FileError(
                    FileCode.ENCODING,
                    f"{place}: line {first.line}, column {position}: a character of the header is not {came_in}; leave "
                    "encoding= out to have it detected, or say what it is",
                )
            if "\udc80" <= character <= "\udcff":
                raise FileError(
                    FileCode.ENCODING,
                    f"{place}: line {first.line}, column {position}: byte 0x{ord(character) - 0xDC00:02X} in the "
                    f"header is not {encoding}; save the file as UTF-8, or say what the encoding is, for instance "
                    "encoding='cp1252' for files from Excel on Windows",
                )
            if character == "\0":
                raise FileError(
                    FileCode.BINARY,
                    f"{place}: line {first.line}, column {position}: the header has a NUL byte here; remove it; "
                    f"{SAY_UTF16}",
                )


def check_names(names: Sequence[str], *, place: str, line: int | None) -> None:
    """See that every column has a name of its own. `line` is the header's, None for stated names.

    Raises:
        FileError: `header_missing` naming the columns without a name, `header_duplicate` naming the doubled ones.
    """
    where, what, way_out = place, "the stated names", "state other names"
    if line is not None:
        where, what = f"{place}: line {line}", "the header"
        way_out = f"mend the header, or give all {len(names)} names with columns=[...]"
    if not names:
        raise FileError(FileCode.HEADER_MISSING, f"{where}: {what} are none; {way_out}")
    empty = [str(position) for position, name in enumerate(names, start=1) if not name.strip()]
    if empty:
        which = f"column {empty[0]} has" if len(empty) == 1 else f"columns {_listed(empty)} have"
        raise FileError(FileCode.HEADER_MISSING, f"{where}: {which} no name in {what}; {way_out}")
    double = [repr(name) for name, times in Counter(names).items() if times > 1]
    if double:
        which = f"the name {double[0]} occurs" if len(double) == 1 else f"the names {_listed(double)} occur"
        raise FileError(FileCode.HEADER_DUPLICATE, f"{where}: {which} more than once in {what}; {way_out}")


def _listed(words: Sequence[str], most: int = 8) -> str:
    shown = ", ".join(words[:most])
    return shown if len(words) <= most else f"{shown} and {len(words) - most} more"
