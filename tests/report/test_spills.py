"""Row errors that come from several places: the store, and files that workers wrote."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from csvpipe._report.rejects import merged, read_spill
from csvpipe.errors import Phase, RowError, SourceGoneError


def an_error(row: int, **fields: Any) -> RowError:
    """An error of a row, with some column, code and message."""
    given = {"line": row + 1, "column": "id", "code": "int", "message": "not a number", "value": None, **fields}
    return RowError(row=row, phase=Phase.CONVERT, start=0, end=0, **given)


class TestSpills:
    """Row errors that a worker wrote down."""

    def spill(self, path: Path, errors: Sequence[RowError]) -> Path:
        """Write a spill as a worker does."""
        path.write_text("".join(json.dumps(error.to_dict()) + "\n" for error in errors), "utf-8")
        return path

    def test_errors_come_back_as_they_were(self, tmp_path: Path) -> None:
        """All their values, in their order."""
        errors = [an_error(7, column=None, value="é\n"), an_error(8, message="\u2028")]
        assert errors == list(read_spill(self.spill(tmp_path / "x.errors", errors)))

    def test_a_spill_that_is_gone_is_told(self, tmp_path: Path) -> None:
        """By its path, when it is read."""
        found = read_spill(tmp_path / "x.errors")
        with pytest.raises(SourceGoneError, match=r"x\.errors: the row errors that were stored here are gone"):
            next(found)

    @pytest.mark.parametrize(
        "damage", ['{"row": 1', "[]", "7", "{}", '{"phase": "no"}', '{"phase": "parse", "no": 1}', "\udcff"]
    )
    def test_a_damaged_spill_is_told(self, tmp_path: Path, damage: str) -> None:
        """With the line, as far as it can be told: errors that are lost are not passed over."""
        path = self.spill(tmp_path / "x.errors", [an_error(1)])
        with path.open("ab") as file:
            file.write(damage.encode("utf-8", "surrogateescape"))
        with pytest.raises(SourceGoneError, match=r"x\.errors: line \d: damaged, so row errors are lost"):
            list(read_spill(path))

    def test_stored_and_spilled_errors_are_one_sequence(self) -> None:
        """By row; of a row that has some on both sides, the stored ones are the first."""
        stored = [an_error(1), an_error(4, code="first"), an_error(9)]
        spills = [[an_error(4, code="second"), an_error(5)], [], [an_error(7)]]
        assert [(1, "int"), (4, "first"), (4, "second"), (5, "int"), (7, "int"), (9, "int")] == [
            (error.row, error.code) for error in merged(stored, spills)
        ]

    def test_one_spill_is_open_at_a_time(self) -> None:
        """A job may have more of them than a process may have open files."""
        opened = []

        def spill(row: int) -> Iterator[RowError]:
            opened.append(row)
            yield an_error(row)

        found = merged([], [spill(row) for row in range(1, 4)])
        assert 1 == next(found).row
        assert [1] == opened
        assert [2, 3] == [error.row for error in found]
