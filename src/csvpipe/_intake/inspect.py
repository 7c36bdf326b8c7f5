"""From a local file and what the caller states about it to an `Inspection`, or a `FileError` that says what to do."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, BinaryIO, Final

import attrs

from csvpipe._intake.arrival.spool import BLOCK_BYTES, too_large
from csvpipe._intake.arrival.take_in import TakenIn, source_failed
from csvpipe._intake.binaries import check_json, check_nuls
from csvpipe._intake.charset.encoding import mark_length
from csvpipe._intake.header import (
    FirstRecord,
    check_is_text,
    check_names,
    first_of,
    offset_after_lines,
    read_first_record,
)
from csvpipe._intake.inspection import Finding, Inspection
from csvpipe._intake.sample import COUNTED_BYTES, sample_of, take_sample
from csvpipe._intake.stated import Stated
from csvpipe.dialect import Dialect
from csvpipe.errors import FileCode, FileError
from csvpipe.limits import Limits

if TYPE_CHECKING:
    from csvpipe._intake.sniffer.records import Record
    from csvpipe._intake.sniffer.table import HeaderFound

#: How much of a file is looked at to find its dialect and its header.
SAMPLE_BYTES: Final = 256 * 1024

#: How much of it is searched for NULs.
_TEXT_SAMPLE_BYTES: Final = 64 * 1024

#: Where anything but line ends is looked for first.
_FIRST_LOOK_BYTES: Final = 256


@attrs.frozen(kw_only=True)
class _Layout:
    """What the columns are called, and where the data starts.

    Attributes:
        columns: See `Inspection`, like the others.
        first: The header; None where there is none.
    """

    columns: tuple[str, ...]
    data_start: int
    data_line: int
    first: FirstRecord | None


def inspect_file(taken: TakenIn, stated: Stated, limits: Limits, *, place: str) -> Inspection:
    """Look at the start of a local file.

    Args:
        taken: From `take_in`: UTF-8 or a single-byte encoding by now.
        stated: What the caller says.
        limits: See `Limits`.
        place: Names the file in messages.

    Raises:
        FileError: `not_found`, `source_failed`, `source_changed`, `empty`, `too_large`, `binary`, `encoding`,
            `header_missing`, `header_duplicate`, `columns_missing`.
    """
    try:
        return _inspected(taken, stated, limits, place)
    except OSError as error:  # a disk, a network or a store that fails in the middle of it
        raise source_failed(place, error) from error


def _inspected(taken: TakenIn, stated: Stated, limits: Limits, place: str) -> Inspection:
    source, encoding = taken.file, taken.local_encoding
    if limits.file_bytes is not None and source.size > limits.file_bytes:
        raise too_large(place, f"it has {source.size:,} bytes", limits.file_bytes)
    with _opened(taken, place) as file:
        head = file.read(min(SAMPLE_BYTES, source.size))
        start = mark_length(head, encoding)
        if len(head) == start:
            raise FileError(FileCode.EMPTY, f"{place}: the file is empty; submit one with a header and rows")
        check_nuls(head[:_TEXT_SAMPLE_BYTES], place)
        is_whole = len(head) == source.size
        text = head[start:].decode(encoding, "surrogateescape")
        dialect, dialect_finding, records = _dialect(text, stated, is_whole=is_whole)
        found = _header(text, dialect, stated, is_whole=is_whole, records=records)
        layout = _lay_out(
            file,
            found,
            start=start,
            dialect=dialect,
            encoding=encoding,
            stated=stated,
            limits=limits,
            place=place,
            came_in=taken.source_encoding,
        )
        _check_number(layout.columns, limits, place)
        file.seek(layout.data_start)
        if not _has_rows(file):
            check_json(layout.columns, place)
            raise _no_rows(place, has_header=layout.first is not None)
        if found.seen is not None and source.size <= COUNTED_BYTES:
            sample = sample_of(found.seen, data_line=layout.data_line)
        else:
            sample = take_sample(file, start=layout.data_start, dialect=dialect, encoding=encoding, size=source.size)
    return Inspection(
        encoding=encoding,
        dialect=dialect,
        columns=layout.columns,
        data_start=layout.data_start,
        data_line=layout.data_line,
        source_encoding=taken.source_encoding,
        compression=taken.compression,
        has_header=layout.first is not None,
        header_line=None if layout.first is None else layout.first.line,
        preamble=found.preamble,
        preamble_lines=found.preamble_lines,
        sample_rows=sample.rows,
        estimated_rows=sample.estimated_rows,
        findings=tuple(_findings(taken, dialect_finding, found, layout)),
    )


def _opened(taken: TakenIn, place: str) -> BinaryIO:
    """The local file, or what was kept of it when it was taken in: a small one is not read twice."""
    if taken.content is None:
        return taken.file.open(place=place)
    taken.file.check_unchanged(place=place)
    return io.BytesIO(taken.content)


# Dialect --------------------------------------------------------------------------------------------------------------


def _dialect(text: str, stated: Stated, *, is_whole: bool) -> tuple[Dialect, Finding, Sequence[Record] | None]:
    """The dialect, why, and the records in it if they were read."""
    if stated.dialect is not None:
        return stated.dialect, Finding(what="dialect", value=stated.dialect.describe(), evidence="stated"), None
    from csvpipe._intake.sniffer.dialect import sniff_dialect  # noqa: PLC0415  # slow to import

    found = sniff_dialect(text, is_whole=is_whole, wanted=stated.wanted)
    finding = Finding(
        what="dialect", value=found.dialect.describe(), evidence=found.evidence, confidence=found.confidence
    )
    return found.dialect, finding, found.records


# Header and preamble --------------------------------------------------------------------------------------------------


def _header(
    text: str, dialect: Dialect, stated: Stated, *, is_whole: bool, records: Sequence[Record] | None
) -> HeaderFound:
    """Where the table begins, and whether with a header."""
    from csvpipe._intake.sniffer.table import HeaderFound, find_header, shown_lines  # noqa: PLC0415  # slow to import

    header = False if isinstance(stated.header, tuple) else stated.header
    if stated.skip_lines is None:
        return find_header(text, dialect, is_whole=is_whole, header=header, wanted=stated.wanted, every=records)
    lines = [line for _, line in zip(range(stated.skip_lines), io.StringIO(text, newline=""), strict=False)]
    shown = shown_lines(lines)
    if header == "detect":
        rest = text[sum(map(len, lines)) :]
        found = find_header(rest, dialect, is_whole=is_whole, header=header, wanted=stated.wanted)
        return attrs.evolve(found, preamble_lines=stated.skip_lines, preamble=shown, seen=None)
    return HeaderFound(
        preamble_lines=stated.skip_lines, preamble=shown, has_header=header, evidence="stated", confidence=1.0
    )


def _lay_out(
    file: BinaryIO,
    found: HeaderFound,
    *,
    start: int,
    dialect: Dialect,
    encoding: str,
    stated: Stated,
    limits: Limits,
    place: str,
    came_in: str | None,
) -> _Layout:
    """Tell columns from data; `start` is the offset past a byte order mark."""
    start = offset_after_lines(file, start=start, lines=found.preamble_lines)
    first_line = found.preamble_lines + 1
    if isinstance(stated.header, tuple):
        # Nothing is to be learnt from the first record, so if it is bad it costs itself alone, like any other.
        check_names(stated.header, place=place, line=None)
        return _Layout(columns=stated.header, data_start=start, data_line=first_line, first=None)
    seen = found.seen
    first = None if seen is None else first_of(seen, start, found.preamble_lines, encoding=encoding, limits=limits)
    first = first or read_first_record(
        file,
        start=start,
        first_line=first_line,
        dialect=dialect,
        encoding=encoding,
        limits=limits,
        place=place,
    )
    if first is None:
        raise _no_rows(place, has_header=False)
    if not found.has_header:
        numbered = tuple(f"column_{position}" for position in range(1, len(first.fields) + 1))
        return _Layout(columns=numbered, data_start=start, data_line=first_line, first=None)
    columns = _named(first, encoding, stated.columns, place, came_in=came_in)
    return _Layout(columns=columns, data_start=first.end, data_line=first.end_line, first=first)


def _named(
    first: FirstRecord, encoding: str, replacing: tuple[str, ...] | None, place: str, *, came_in: str | None
) -> tuple[str, ...]:
    """The names in the header, or those that replace them; both are checked."""
    if replacing is None:
        check_is_text(first, encoding=encoding, place=place, came_in=came_in)
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
            f"{place}: the file has {len(columns):,} columns; the limit is {limits.columns:,}; remove columns, or "
            "raise the limit with limits=Limits(columns=...)",
        )


def _has_rows(file: BinaryIO) -> bool:
    """Whether anything but line ends follows."""
    if file.read(_FIRST_LOOK_BYTES).strip(b"\r\n"):
        return True
    while block := file.read(BLOCK_BYTES):
        if block.strip(b"\r\n"):
            return True
    return False


def _no_rows(place: str, *, has_header: bool) -> FileError:
    if has_header:
        what = (
            "there is a header but no row below it; if that line is a row already, name the columns with header=[...]"
        )
    else:
        what = "the file has blank lines only; submit one with a header and rows"
    return FileError(FileCode.EMPTY, f"{place}: {what}")


# What was found -------------------------------------------------------------------------------------------------------


def _findings(taken: TakenIn, dialect: Finding, found: HeaderFound, layout: _Layout) -> Iterator[Finding]:
    if taken.compression is not None:
        yield Finding(what="compression", value=taken.compression, evidence="its first bytes")
    charset = taken.encoding
    yield Finding(
        what="encoding", value=charset.encoding.name, evidence=charset.evidence, confidence=charset.confidence
    )
    yield dialect
    if found.preamble_lines:
        lines = f"{found.preamble_lines} line{'s' if found.preamble_lines > 1 else ''} above the table"
        yield Finding(what="preamble", value=lines, evidence=found.evidence, confidence=found.confidence)
    where = "none" if layout.first is None else f"line {layout.first.line}"
    yield Finding(what="header", value=where, evidence=found.evidence, confidence=found.confidence)
