"""The first few records of a file, for people to look at, and a guess at how many there are."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, BinaryIO, Final

import attrs

from csvpipe.dialect import Dialect

if TYPE_CHECKING:
    from csvpipe._intake.sniffer.records import Seen

#: Bytes in which records are counted.
COUNTED_BYTES: Final = 64 * 1024

_ROWS: Final = 5
_CELLS: Final = 100
_CELL_CHARACTERS: Final = 100


@attrs.frozen(kw_only=True)
class Sample:
    """What the first records look like.

    Attributes:
        rows: Cells of the first few, shortened.
        estimated_rows: Of the whole file, by the size of the first ones; exact where it is small. None where not even
            one record is complete in what was looked at.
    """

    rows: tuple[tuple[str, ...], ...]
    estimated_rows: int | None


def take_sample(file: BinaryIO, *, start: int, dialect: Dialect, encoding: str, size: int) -> Sample:
    """Read the first records from byte `start` of a file of `size` bytes. Never raises for what stands there."""
    file.seek(start)
    data = file.read(max(0, min(COUNTED_BYTES, size - start)))
    is_whole = start + len(data) >= size
    records = list(_records(data.decode(encoding, "surrogateescape"), dialect, is_whole=is_whole))
    if not is_whole:
        records = records[:-1]  # the last one may be torn
    estimated = len(records) if is_whole else round(len(records) * (size - start) / len(data)) or None
    return Sample(rows=_shown_rows(records), estimated_rows=estimated)


def sample_of(seen: Seen, *, data_line: int) -> Sample:
    """The same of a small file that was read already; its data begins at the 1-based physical line `data_line`."""
    records = [record.cells or [] for record in seen.records if record.line >= data_line - 1]
    return Sample(rows=_shown_rows(records), estimated_rows=len(records))


def _shown_rows(records: Sequence[Sequence[str]]) -> tuple[tuple[str, ...], ...]:
    return tuple(map(_shown_row, records[:_ROWS]))


def _shown_row(cells: Sequence[str]) -> tuple[str, ...]:
    text = "".join(cells[:_CELLS])
    if len(text) <= _CELL_CHARACTERS and text.isascii():
        return tuple(cells[:_CELLS])
    return tuple(map(_shown, cells[:_CELLS]))


def _records(text: str, dialect: Dialect, *, is_whole: bool) -> Iterator[list[str]]:
    """Cells of the records; the text of a line that a stray quote costs."""
    from csvpipe._intake.sniffer.records import read_records  # noqa: PLC0415  # slow to import

    lines = list(io.StringIO(text, newline=""))
    for record in read_records(lines, dialect, is_whole=is_whole):
        if record.cells is None:
            yield [lines[record.line].rstrip("\r\n")]
        elif record.cells:
            yield record.cells


def _shown(cell: str) -> str:
    text = cell if len(cell) <= _CELL_CHARACTERS else cell[: _CELL_CHARACTERS - 1] + "…"
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode("utf-8")
