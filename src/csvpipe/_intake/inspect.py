"""From a local file and what the caller states about it to an `Inspection`, or a `FileError` that says what to do."""

from __future__ import annotations

from typing import BinaryIO, Final, Literal

import attrs

from csvpipe._intake.binaries import check_marks, check_nuls
from csvpipe._intake.encoding import UTF8, check_decodes, choose_encoding, mark_length, resolve_encoding
from csvpipe._intake.header import FirstRecord, check_is_text, check_names, read_first_record
from csvpipe._intake.inspection import Inspection
from csvpipe._intake.source import LocalFile
from csvpipe._intake.spool import BLOCK_BYTES, too_large
from csvpipe.dialect import Dialect
from csvpipe.errors import FileCode, FileError
from csvpipe.limits import Limits

#: How much of a file without a stated encoding must be UTF-8.
SAMPLE_BYTES: Final = 1024 * 1024

#: How much of a file is searched for NULs.
_TEXT_SAMPLE_BYTES: Final = 64 * 1024


@attrs.frozen(kw_only=True)
class Stated:
    """What the caller says about a file; it wins over anything found in it.

    Attributes:
        encoding: Any text encoding of this Python, or None to detect it.
        dialect: None to detect it.
        header: True, False, `"detect"`, or the names for a file without a header row.
        columns: Names that replace those in the header row.
        skip_lines: Physical lines above the header or the first record; None to detect them.
        wanted: Names of columns that the header is expected to have, in any spelling that is accepted: they tell the
            header from a title, and one dialect from another.
    """

    encoding: str | None = None
    dialect: Dialect | None = None
    header: bool | Literal["detect"] | tuple[str, ...] = True
    columns: tuple[str, ...] | None = None
    skip_lines: int | None = None
    wanted: frozenset[str] = frozenset()

    def check(self) -> None:
        """Find misuse before any byte is read.

        Raises:
            EncodingUnknownError: There is no such encoding.
        """
        if self.encoding is not None:
            resolve_encoding(self.encoding)


@attrs.frozen(kw_only=True)
class _Layout:
    """What the columns are called, and where the data starts."""

    columns: tuple[str, ...]
    data_start: int
    data_line: int


def inspect_file(
    source: LocalFile, stated: Stated, limits: Limits, *, place: str, transcoded: str | None
) -> Inspection:
    """Look at the start of a local file.

    Args:
        source: UTF-8 or a single-byte encoding by now: what `take_in` gives.
        stated: What the caller says.
        limits: See `Limits`.
        place: Names the file in messages.
        transcoded: The encoding that it came in, where it is UTF-8 only since it was spooled.

    Raises:
        EncodingUnknownError: There is no such encoding as is stated.
        FileError: `not_found`, `source_failed`, `source_changed`, `empty`, `too_large`, `binary`, `encoding`,
            `header_missing`, `header_duplicate`, `columns_missing`.
    """
    if limits.file_bytes is not None and source.size > limits.file_bytes:
        raise too_large(place, f"it has {source.size:,} bytes", limits.file_bytes)
    dialect = stated.dialect or Dialect()
    with source.open(place=place) as file:
        head = file.read(SAMPLE_BYTES)
        encoding = UTF8 if transcoded else choose_encoding(head, stated.encoding, place).name
        start = mark_length(head, encoding)
        if len(head) == start:
            raise FileError(FileCode.EMPTY, f"{place}: the file is empty; submit one with a header and rows")
        check_marks(head, place)
        check_nuls(head[:_TEXT_SAMPLE_BYTES], place)
        if stated.encoding is None and not transcoded:
            check_decodes(head, place, is_whole=len(head) == source.size)
        layout = _lay_out(
            file, start=start, dialect=dialect, encoding=encoding, stated=stated, limits=limits, place=place
        )
        _check_number(layout.columns, limits, place)
        file.seek(layout.data_start)
        if not _has_rows(file):
            raise _no_rows(place, has_header=layout.data_start > start)
    return Inspection(
        encoding=encoding,
        dialect=dialect,
        columns=layout.columns,
        data_start=layout.data_start,
        data_line=layout.data_line,
        source_encoding=transcoded,
    )


def _lay_out(
    file: BinaryIO, *, start: int, dialect: Dialect, encoding: str, stated: Stated, limits: Limits, place: str
) -> _Layout:
    """Tell columns from data; `start` is the offset past a byte order mark."""
    if isinstance(stated.header, tuple):
        # Nothing is to be learnt from the first record, so if it is bad it costs itself alone, like any other.
        check_names(stated.header, place=place, line=None)
        return _Layout(columns=stated.header, data_start=start, data_line=1)
    first = read_first_record(file, start=start, dialect=dialect, encoding=encoding, limits=limits, place=place)
    if first is None:
        raise _no_rows(place, has_header=False)
    if not stated.header:
        numbered = tuple(f"column_{position}" for position in range(1, len(first.fields) + 1))
        return _Layout(columns=numbered, data_start=start, data_line=1)
    return _Layout(
        columns=_named(first, encoding, stated.columns, place), data_start=first.end, data_line=first.lines + 1
    )


def _named(first: FirstRecord, encoding: str, replacing: tuple[str, ...] | None, place: str) -> tuple[str, ...]:
    """The names in the header, or those that replace them; both are checked."""
    if replacing is None:
        check_is_text(first, encoding=encoding, place=place)
        check_names(first.fields, place=place, line=first.line)
        return first.fields
    if len(replacing) != len(first.fields):
        raise FileError(
            FileCode.COLUMNS_MISSING,
            f"{place}: line {first.line}: the header has {len(first.fields)} columns, but columns= gives "
            f"{len(replacing)} names; give one name for each",
        )
    check_names(replacing, place=place, line=None)
    return replacing


def _check_number(columns: tuple[str, ...], limits: Limits, place: str) -> None:
    if len(columns) > limits.columns:
        raise FileError(
            FileCode.TOO_LARGE,
            f"{place}: the file has {len(columns):,} columns; the limit is {limits.columns:,} "
            "(limits=Limits(columns=...))",
        )


def _has_rows(file: BinaryIO) -> bool:
    """Whether anything but line ends follows."""
    while block := file.read(BLOCK_BYTES):
        if block.strip(b"\r\n"):
            return True
    return False


def _no_rows(place: str, *, has_header: bool) -> FileError:
    if has_header:
        what = "there is a header but no row below it; if that line is a row already, say header=False"
    else:
        what = "the file has blank lines only; submit one with a header and rows"
    return FileError(FileCode.EMPTY, f"{place}: {what}")
