"""How a text comes out when it is read in one dialect: what one dialect is judged by beside another."""

# ruff: noqa: PLR2004  # weights and thresholds say something only where they stand

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import attrs

from csvpipe._intake.sniffer.cell_types import TYPED, WEIGHTS, Kind, kind_of
from csvpipe._intake.sniffer.records import Record, read_records, table_width
from csvpipe.dialect import Dialect
from csvpipe.rowtypes import folded

#: Cells whose type is looked at, for one dialect, and columns among them.
_MOST_CELLS: Final = 600
_MOST_COLUMNS: Final = 40

#: Where names are looked for: records, cells of each, and characters of a cell.
_NAMED_RECORDS: Final = 40
_NAMED_CELLS: Final = 200
_NAMED_CHARACTERS: Final = 60

#: What lines that nothing divides are worth beside columns of the same types.
UNDIVIDED: Final = 0.35

#: When in doubt, the more usual dialect.
_LIKELIHOOD: Final = {",": 1.0, ";": 0.99, "\t": 0.99, "|": 0.97}
_UNUSUAL_LIKELIHOOD: Final = 0.8


@attrs.frozen(kw_only=True)
class Reading:
    """A text, read in a dialect.

    Attributes:
        dialect: See `Dialect`.
        quality: The higher, the likelier.
        records: Those that are not blank.
        width: Cells of most records; 1 where nothing divides them.
        matched: How many records have that width.
        consistency: Their share, from 0.0 to 1.0; what stands above and below the table counts for little.
        typed: Share of the cells that look like a number, a date or a code.
        is_spaced: Whether a space follows nearly every delimiter.
    """

    dialect: Dialect
    quality: float
    records: Sequence[Record]
    width: int
    matched: int
    consistency: float
    typed: float
    is_spaced: bool


class Excerpted:
    """The lines of a text that dialects are tried on; it remembers what it has found out about cells."""

    def __init__(self, lines: Sequence[str], *, is_whole: bool, wanted: frozenset[str]) -> None:
        self.lines = lines
        self.text = "".join(lines)
        self._is_whole = is_whole
        self._wanted = wanted
        self._kinds = _Kinds()
        self._folded: dict[str, str] = {}

    def read(self, dialect: Dialect) -> Reading:
        """Read the lines in a dialect, and judge what comes out."""
        every = read_records(self.lines, dialect, is_whole=self._is_whole)
        records = [record for record in every if record.cells != []]
        width = table_width(records)
        rows = [record.cells for record in records if record.cells is not None and len(record.cells) == width]
        consistency = _consistency(records, width)
        types, typed = self._types(rows, width, dialect)
        breadth = UNDIVIDED if width == 1 else (width - 0.5) / (width + 0.5)
        quality = consistency * types * breadth * _likelihood(dialect)
        is_spaced = _is_spaced(records, dialect)
        if is_spaced and (consistency < 0.8 or (typed < 0.2 and len(records[0].cells or ()) == 1)):
            quality *= 0.4  # punctuation of sentences, or of addresses below the one name of their column
        if self._wanted and width > 1:
            quality *= 1 + 2 * self._share_of_wanted(records)
        return Reading(
            dialect=dialect,
            quality=quality,
            records=records,
            width=width,
            matched=len(rows),
            consistency=consistency,
            typed=typed,
            is_spaced=is_spaced,
        )

    def _types(self, rows: Sequence[Sequence[str]], width: int, dialect: Dialect) -> tuple[float, float]:
        """How much the cells look like something, up to 1, and the share of typed ones; see `WEIGHTS`."""
        columns = range(0, width, max(1, width // _MOST_COLUMNS))
        rows = rows[: max(6, _MOST_CELLS // len(columns))]
        of, total, alike, filled, typed, sizeable = self._kinds, 0.0, 0.0, 0, 0, 0
        for column in columns:
            cells = [row[column] for row in rows]
            kinds = [of[cell] for cell in cells]
            if Kind.JUNK in kinds:
                kinds = [self._kind(cell, dialect) for cell in cells]
            present, most, weights = 0, 0, []
            for kind in dict.fromkeys(kinds):  # a `Counter` takes longer than all else here
                if kind is Kind.EMPTY:
                    continue
                count = kinds.count(kind)
                present += count
                weights.append(WEIGHTS[kind] * count)
                typed += count if kind in TYPED else 0
                most = max(most, count)
            if not present:
                continue
            filled += present
            total += sum(weights)
            # One cell may differ: the header's.
            alike += min(1.0, (most + 1) / present)
            sizeable += 1
        if not filled:
            return 0.3, 0.0
        return max(0.01, total / filled * (0.8 + 0.2 * alike / sizeable)), typed / filled

    def _kind(self, cell: str, dialect: Dialect) -> Kind:
        kind = self._kinds[cell]
        if kind is Kind.JUNK:
            quote = dialect.quotechar
            if dialect.delimiter in cell or (
                quote is not None and quote in self.text and quote + cell + quote in self.text
            ):
                return Kind.TEXT  # it was quoted, so it may have anything in it
        return kind

    def _share_of_wanted(self, records: Sequence[Record]) -> float:
        """The greatest share of the wanted names that one record has."""
        names = (
            {self._fold(cell) for cell in (record.cells or ())[:_NAMED_CELLS]} for record in records[:_NAMED_RECORDS]
        )
        return max((len(self._wanted & each) for each in names), default=0) / len(self._wanted)

    def _fold(self, cell: str) -> str:
        name = self._folded.get(cell)
        if name is None:
            name = self._folded[cell] = folded(cell[:_NAMED_CHARACTERS])
        return name


class _Kinds(dict[str, Kind]):
    """The kinds of cells, each found out when it is first asked for."""

    def __missing__(self, cell: str) -> Kind:
        kind = self[cell] = kind_of(cell)
        return kind


def _consistency(records: Sequence[Record], width: int) -> float:
    """Share of the records that have this width, from 0 to 1; those above and below the table count for little."""
    inside = [index for index, record in enumerate(records) if record.cells is not None and len(record.cells) == width]
    if not inside:
        return 0.0
    bad = 0.0
    for index, record in enumerate(records):
        cells = record.cells
        if record.swallows:
            bad += record.lines
            continue
        if cells is not None and len(cells) == width:
            continue
        if cells is None:
            bad += 1.0
        elif record.lines > 1:
            bad += min(record.lines, 20)
        elif cells[0].lstrip().startswith("#"):
            bad += 0.05
        elif record.is_blank:
            bad += 0.1
        elif index < inside[0] or index > inside[-1]:
            bad += 0.25
        else:
            # Cells that are left off at the end are a habit of spreadsheets; undivided lines are no part of a table.
            bad += 0.6 if 1 < len(cells) < width else 1.0
    return len(inside) / (len(inside) + bad)


def _is_spaced(records: Sequence[Record], dialect: Dialect) -> bool:
    if " " in (dialect.delimiter, dialect.quotechar):
        return False
    later = [cell for record in records for cell in (record.cells or ())[1:] if cell]
    return bool(later) and sum(1 for cell in later if cell[0] == " ") >= 0.9 * len(later)


def _likelihood(dialect: Dialect) -> float:
    likely = _LIKELIHOOD.get(dialect.delimiter, _UNUSUAL_LIKELIHOOD)
    if dialect.quotechar is None:
        likely *= 0.9
    elif dialect.quotechar != '"':
        likely *= 0.95
    if dialect.escapechar is not None:
        likely *= 0.97
    return likely
