"""The cells of a chunk that have no value: all that is kept of them, until somebody asks what is wrong."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from csvpipe._process.binding import Binding
from csvpipe._process.columns.arrays import indices_array
from csvpipe._process.diagnose import Diagnosis
from csvpipe._process.flaws import Flaw


class BadCells:
    """Bad cells by row, so that no other cell of such a row has to be read, or converted, again.

    Args:
        diagnosis: Of the row type, with the bindings that are given to `add`; None where no cell can be bad.
    """

    def __init__(self, diagnosis: Diagnosis | None) -> None:
        self._diagnosis = diagnosis
        self._cells: dict[int, list[tuple[Binding, str]]] = {}

    def __repr__(self) -> str:
        return f"<BadCells in {len(self._cells)} rows>"

    def __iter__(self) -> Iterator[int]:
        return iter(self._cells)

    def add(self, binding: Binding, cells: Iterable[tuple[int, str]]) -> None:
        """Note bad cells of one column, each once: index of the row, and text."""
        for row, text in cells:
            self._cells.setdefault(row, []).append((binding, text))

    def add_of(self, binding: Binding, column: Any, rows: Any) -> None:
        """Note the texts that a column has in these rows."""
        if rows.size:
            self.add(binding, zip(rows.tolist(), column.take(indices_array(rows)).to_pylist(), strict=True))

    def flaws_of(self, row: int) -> tuple[Flaw, ...]:
        """What is wrong with the cells of a row, in file order; they are forgotten."""
        assert self._diagnosis is not None, "only typed rows have bad cells"  # noqa: S101
        cells = self._cells.pop(row)
        if len(cells) > 1:
            cells.sort(key=lambda cell: cell[0].position)
        flaws = [self._diagnosis.flaw_of(binding, text) for binding, text in cells]
        found = tuple(flaw for flaw in flaws if flaw is not None)
        assert found, f"row {row} is bad by its columns, and good by itself"  # noqa: S101
        return found
