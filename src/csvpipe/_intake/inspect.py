"""From a file and what the caller states about it to an `Inspection`, or a `FileError` that says what to do."""

from __future__ import annotations

import attrs

from csvpipe._intake.encoding import (
    UTF8,
    Transcoder,
    check_decodes,
    check_is_text,
    marked_encoding,
    resolve_encoding,
)
from csvpipe._intake.header import check_names, read_first_record
from csvpipe._intake.inspection import Inspection
from csvpipe._intake.source import LocalFile
from csvpipe._intake.spool import BLOCK_BYTES, Spool, too_large
from csvpipe.dialect import Dialect
from csvpipe.errors import FileCode, FileError
from csvpipe.limits import Limits

#: How much of a file without a stated encoding must be UTF-8.
SAMPLE_BYTES = 1024 * 1024

_BOM_UTF8 = b"\xef\xbb\xbf"


@attrs.frozen(kw_only=True)
class Stated:
    """What the caller says about a file; it wins over anything found in it.

    Attributes:
        encoding: Any text encoding of this Python, or None for UTF-8 or what a byte order mark says.
        dialect: None for comma and double quote.
        header: True, False, or the names for a file without a header row.
        columns: Names that replace those in the header row.
    """

    encoding: str | None = None
    dialect: Dialect | None = None
    header: bool | tuple[str, ...] = True
    columns: tuple[str, ...] | None = None

    def check(self) -> None:
        """Find misuse before any byte is read.

        Raises:
            EncodingUnknownError: There is no such encoding.
        """
        if self.encoding is not None:
            resolve_encoding(self.encoding)


def needed_transcoder(head: bytes, stated: Stated) -> tuple[str, Transcoder] | None:
    """The source's encoding and its transcoder, where the file cannot be read as it lies.

    Raises:
        EncodingUnknownError: There is no such encoding.
    """
    encoding = resolve_encoding(stated.encoding or marked_encoding(head) or UTF8)
    return None if encoding.is_direct else (encoding.name, Transcoder(encoding.name))


def transcode_to_spool(source: LocalFile, stated: Stated, spool: Spool, name: str, limits: Limits) -> LocalFile | None:
    """Copy a file on disk into the spool as UTF-8, or return None where it can be read in place.

    Raises:
        FileError: `disk_full`, `source_failed`, `too_large`.
    """
    with source.open() as file:
        needed = needed_transcoder(file.read(4), stated)
        if needed is None:
            return None
        file.seek(0)
        with spool.open(name, limit_bytes=limits.file_bytes, transcoder=needed[1]) as writer:
            while block := file.read(BLOCK_BYTES):
                writer.write(block)
            return writer.finish()


def inspect_file(source: LocalFile, stated: Stated, limits: Limits, *, place: str, transcoded: str | None) -> Inspection:
    """Look at the start of a local file.

    Args:
        source: UTF-8 or a single-byte encoding by now.
        stated: What the caller says.
        limits: See `Limits`.
        place: Names the file in messages.
        transcoded: The encoding that it came in, where it is UTF-8 only since it was spooled.

    Raises:
        FileError: `empty`, `too_large`, `binary`, `encoding`, `header_missing`, `header_duplicate`, `columns_missing`.
    """
    if limits.file_bytes is not None and source.size > limits.file_bytes:
        raise too_large(f"{place} has {source.size:,} bytes", limits.file_bytes)
    with source.open() as file:
        head = file.read(SAMPLE_BYTES)
        if not head.strip(b"\r\n"):
            if not head:
                raise FileError(FileCode.EMPTY, f"{place}: the file is empty; submit one with a header and rows")
        check_is_text(head[:65536], place)
        encoding = UTF8 if transcoded or stated.encoding is None else resolve_encoding(stated.encoding).name
        if stated.encoding is None and not transcoded:
            check_decodes(head, place, is_whole=len(head) == source.size)
        dialect = stated.dialect or Dialect()
        start = len(_BOM_UTF8) if encoding == UTF8 and head.startswith(_BOM_UTF8) else 0
        first = read_first_record(
            file, start=start, dialect=dialect, encoding=encoding, limits=limits, place=place
        )
        if first is None:
            raise FileError(FileCode.EMPTY, f"{place}: the file has blank lines only; submit one with a header and rows")
        has_header = stated.header is True
        columns = _columns(first.fields, stated)
        check_names(columns, place=place, line=first.line if has_header and stated.columns is None else None)
        if len(columns) > limits.columns:
            raise FileError(
                FileCode.TOO_LARGE,
                f"{place}: {len(columns):,} columns; the limit is {limits.columns:,} (limits=Limits(columns=...))",
            )
        data_start, data_line = (first.end, first.lines + 1) if has_header else (first.start, first.line)
        file.seek(data_start)
        if not _has_rows(file):
            raise FileError(
                FileCode.EMPTY,
                f"{place}: there is a header but no row below it; if that line is a row already, say header=False",
            )
    return Inspection(
        encoding=encoding,
        dialect=dialect,
        columns=columns,
        data_start=data_start,
        data_line=data_line,
        source_encoding=transcoded,
    )


def _columns(fields: tuple[str, ...], stated: Stated) -> tuple[str, ...]:
    if stated.header is True:
        if stated.columns is None:
            return fields
        if len(stated.columns) != len(fields):
            raise FileError(
                FileCode.COLUMNS_MISSING,
                f"columns= gives {len(stated.columns)} names, but the header has {len(fields)} columns; "
                "give one name for each",
            )
        return stated.columns
    if stated.header is False:
        return tuple(f"column_{position}" for position in range(1, len(fields) + 1))
    return stated.header


def _has_rows(file: object) -> bool:
    """Whether anything but line ends follows."""
    read = file.read  # type: ignore[attr-defined]
    while block := read(BLOCK_BYTES):
        if block.strip(b"\r\n"):
            return True
    return False
