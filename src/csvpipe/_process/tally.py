"""Counts what became of the rows of a chunk, and keeps why."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence
from enum import Enum
from pathlib import Path
from typing import Final, TextIO

from csvpipe._process.build import Flaw
from csvpipe._process.parse import Place
from csvpipe._process.result import ErrorTotal
from csvpipe.errors import RowError

#: Row errors of one (code, column) that a chunk's totals show.
SAMPLES: Final = 3

MASK: Final = "***"


class Fate(Enum):
    """What became of a row that has no error."""

    PROCESSED = "processed"
    SKIPPED = "skipped"


#: Either one of these, or what is wrong with the row.
Outcome = Fate | tuple[Flaw, ...]


class Tally:
    """The worker's own count of a chunk's rows.

    Args:
        columns: Of the file.
        sensitive: Columns whose values are masked.
        error_budget: Row errors that the result may carry; the rest goes to the spill.
        spill: Where to; written and fsynced only if it is needed.
    """

    def __init__(
        self, *, columns: Sequence[str], sensitive: Iterable[str], error_budget: int, spill: str | None
    ) -> None:
        self.processed = 0
        self.failed = 0
        self.skipped = 0
        self.errors: list[RowError] = []
        self._sensitive = frozenset(sensitive)
        self._secret_positions = [position for position, name in enumerate(columns) if name in self._sensitive]
        self._budget = error_budget
        self._spill_path = spill
        self._spill: TextIO | None = None
        self._totals: dict[tuple[str, str | None], tuple[int, list[RowError]]] = {}

    @property
    def rows(self) -> int:
        """All rows whose fate is known."""
        return self.processed + self.failed + self.skipped

    def reject(self, row: int, place: Place, flaws: Sequence[Flaw], cells: Sequence[str] | None) -> None:
        """Count one failed row. `cells` are its raw ones, where they could be parsed."""
        self.failed += 1
        for flaw in flaws:
            error = self._error(row, place, flaw, cells)
            key = (error.code, error.column)
            number, samples = self._totals.get(key, (0, []))
            if len(samples) < SAMPLES:
                samples.append(error)
            self._totals[key] = (number + 1, samples)
            if len(self.errors) < self._budget and self._spill is None:
                self.errors.append(error)
            else:
                self._write_spill(error)

    def _error(self, row: int, place: Place, flaw: Flaw, cells: Sequence[str] | None) -> RowError:
        message, value = flaw.message, flaw.value
        if self._sensitive:
            if flaw.column in self._sensitive:
                message, value = f"the value is not acceptable ({flaw.code}); it is not shown", MASK
            elif self._secret_positions:
                message, value = self._masked(message, cells), self._masked(value, cells)
        return RowError(
            row=row,
            line=place.line,
            column=flaw.column,
            code=flaw.code,
            phase=flaw.phase,
            message=message or "",
            value=value,
            start=place.start,
            end=place.end,
        )

    def _masked(self, text: str | None, cells: Sequence[str] | None) -> str | None:
        """`text` without the row's sensitive cells; nothing of it where those are not known."""
        if text is None or cells is None:
            return text if cells is not None else None if text is None else MASK
        for position in self._secret_positions:
            if position < len(cells) and cells[position]:
                text = text.replace(cells[position], MASK)
        return text

    def _write_spill(self, error: RowError) -> None:
        if self._spill_path is None:
            return
        if self._spill is None:
            self._spill = open(self._spill_path, "w", encoding="utf-8")  # noqa: SIM115  # closed by `close`
        json.dump(error.to_dict(), self._spill, ensure_ascii=False)
        self._spill.write("\n")

    def totals(self) -> tuple[ErrorTotal, ...]:
        """Exact numbers per (code, column), in the order of their first appearance."""
        return tuple(
            ErrorTotal(code=code, column=column, errors=number, samples=tuple(samples))
            for (code, column), (number, samples) in self._totals.items()
        )

    def close(self) -> str | None:
        """Make the spill durable; its file name, or None if there is none."""
        if self._spill is None or self._spill_path is None:
            return None
        self._spill.flush()
        os.fsync(self._spill.fileno())
        self._spill.close()
        return Path(self._spill_path).name
