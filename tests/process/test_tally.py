"""The worker's own count of rows, and what it keeps of the bad ones."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from csvpipe._intake.sensitive import MASK
from csvpipe._process.build import Flaw
from csvpipe._process.parse import Place
from csvpipe._process.secrets import Secrets
from csvpipe._process.tally import SAMPLES, Tally, _as_json
from csvpipe.errors import ErrorTotal, FileCode, FileError, Phase, RowCode, RowError

COLUMNS = ("id", "mail")


def a_tally(*sensitive: str, budget: int = 100, spill: Path | None = None) -> Tally:
    """A tally for a file of two columns."""
    return Tally(secrets=Secrets(COLUMNS, sensitive), error_budget=budget, spill=None if spill is None else str(spill))


def a_flaw(
    message: str = "bad", *, column: str | None = None, value: str | None = None, phase: Phase = Phase.HANDLE
) -> Flaw:
    """A flaw of code `handler`."""
    return Flaw(column=column, code=RowCode.HANDLER, phase=phase, message=message, value=value)


def reject(tally: Tally, row: int, *flaws: Flaw, cells: list[str] | None = None) -> list[RowError]:
    """Reject a row that stands where its number says."""
    place, flaws = Place(row + 1, row * 10, row * 10 + 10), flaws or (a_flaw(),)
    tally.reject(row, place, flaws, cells)
    return [tally.error_of(row, place, flaw, cells) for flaw in flaws]


@given(column=st.none() | st.text(), message=st.text(), value=st.none() | st.text(), phase=st.sampled_from(Phase))
def test_a_spilled_error_is_the_json_of_its_dict(
    column: str | None, message: str, value: str | None, phase: Phase
) -> None:
    """Put together by hand, it is what `json` would have made of it."""
    tally, place = a_tally(), Place(4, 5, 6)
    flaw = Flaw(column=column, code=message, phase=phase, message=message, value=value, before="b", after="a")
    expected = f"{json.dumps(tally.error_of(3, place, flaw, None).to_dict())}\n"
    assert expected == _as_json(3, place, tally._shown(flaw, None)[0])


class TestCounting:
    """How many rows, how many errors."""

    def test_rows_are_the_sum(self) -> None:
        """All rows are those that are processed, failed or skipped."""
        tally = a_tally()
        tally.processed, tally.skipped = 4, 2
        reject(tally, 1)
        assert 7 == tally.rows
        assert "<Tally 4 processed, 1 failed, 2 skipped>" == repr(tally)

    def test_a_row_with_many_flaws_fails_once(self) -> None:
        """Each flaw is an error with the row's place, in order; the row counts once."""
        tally = a_tally()
        errors = reject(tally, 3, a_flaw("one", column="id", value="x"), a_flaw("two", phase=Phase.VALIDATE))
        assert 1 == tally.failed
        assert errors == tally.errors
        assert [
            RowError(
                row=3,
                line=4,
                column="id",
                code="handler",
                phase=Phase.HANDLE,
                message="one",
                value="x",
                start=30,
                end=40,
            ),
            RowError(
                row=3,
                line=4,
                column=None,
                code="handler",
                phase=Phase.VALIDATE,
                message="two",
                value=None,
                start=30,
                end=40,
            ),
        ] == errors

    @given(st.lists(st.lists(st.sampled_from([None, "id", "mail"]), min_size=1, max_size=3), max_size=20))
    def test_totals_are_exact(self, rows: list[list[str | None]]) -> None:
        """For any rows each (code, column) has its exact number and its first samples, whatever the budget is."""
        tally = a_tally(budget=2)
        for row, columns in enumerate(rows, 1):
            reject(tally, row, *(a_flaw(column=column) for column in columns))
        seen = [(column, row) for row, columns in enumerate(rows, 1) for column in columns]
        expected = {
            column: (len(found), found[:SAMPLES])
            for column in dict.fromkeys(column for column, _ in seen)
            if (found := [row for other, row in seen if other == column])
        }
        assert expected == {
            total.column: (total.errors, [sample.row for sample in total.samples]) for total in tally.totals()
        }
        assert list(expected) == [total.column for total in tally.totals()]
        assert [row for _, row in seen][:2] == [error.row for error in tally.errors]

    def test_flaws_that_are_met_again(self) -> None:
        """One flaw of many rows, and many flaws of one row each, are counted alike."""
        same, tally = a_flaw("same", column="id"), a_tally(budget=2)
        for row in range(1, 1_001):
            reject(tally, row, same, a_flaw(f"no {row}", column="mail"))
        assert [("id", 1_000, "same"), ("mail", 1_000, "no 3")] == [
            (total.column, total.errors, total.samples[2].message) for total in tally.totals()
        ]
        assert [(1, "same"), (1, "no 1")] == [(error.row, error.message) for error in tally.errors]

    def test_nothing_bad(self) -> None:
        """Without bad rows there are no errors, no totals and no spill."""
        tally = a_tally()
        assert ([], (), None) == (tally.errors, tally.totals(), tally.close())

    def test_surrogates_are_escaped(self) -> None:
        """A message that no store could encode is escaped."""
        (error,) = reject(a_tally(), 1, a_flaw("bad é \ud800", column="id", value="\udcff"))
        assert ("bad é \\ud800", "\\udcff") == (error.message, error.value)


class TestMasking:
    """What is sensitive is not kept."""

    def test_errors_of_sensitive_columns(self) -> None:
        """Of a sensitive cell's own error only the code is told, in errors and in samples."""
        tally = a_tally("mail")
        (error,) = reject(tally, 1, a_flaw("no x", column="mail", value="x"), cells=["1", "x"])
        assert ("the value is not acceptable (handler); it is not shown", MASK) == (error.message, error.value)
        assert [ErrorTotal(code="handler", column="mail", errors=1, samples=(error,))] == list(tally.totals())

    def test_errors_of_other_columns(self) -> None:
        """Elsewhere the row's sensitive cells are masked in message and value, and nothing else is."""
        (error,) = reject(a_tally("mail"), 1, a_flaw("1 a@b", column="id", value="1/a@b"), cells=["1", "a@b"])
        assert ("1 ***", "1/***") == (error.message, error.value)
        (error,) = reject(a_tally("mail"), 1, a_flaw("1 a@b"), cells=["1", "a@b"])
        assert ("1 ***", None) == (error.message, error.value)

    def test_codes_and_columns(self) -> None:
        """A sensitive cell in an application's code or column is masked there, too."""
        flaw = Flaw(column="no a@b", code="c_a@b", phase=Phase.VALIDATE, message="no", value=None)
        (error,) = reject(a_tally("mail"), 1, flaw, cells=["1", "a@b"])
        assert ("no ***", "c_***") == (error.column, error.code)

    def test_errors_of_parsing(self) -> None:
        """Where the cells are unknown, the text of one is not shown; the message is our own and quotes none."""
        tally = a_tally("mail")
        (error,) = reject(tally, 1, a_flaw("3 cells", column="id", value="a@b", phase=Phase.PARSE))
        assert ("3 cells", MASK) == (error.message, error.value)
        (error,) = reject(tally, 2, a_flaw("3 cells", phase=Phase.PARSE))
        assert ("3 cells", None) == (error.message, error.value)

    def test_unknown_cells(self) -> None:
        """A message about a row without known cells stays."""
        (error,) = reject(a_tally("mail"), 1, a_flaw("lost"))
        assert "lost" == error.message

    def test_nothing_sensitive(self) -> None:
        """Without sensitive columns everything is shown."""
        (error,) = reject(a_tally(), 1, a_flaw("no a@b", column="mail", value="a@b"), cells=["1", "a@b"])
        assert ("no a@b", "a@b") == (error.message, error.value)


class TestSpill:
    """Errors over the budget."""

    @pytest.mark.parametrize("budget", [0, 1, 3, 7])
    def test_the_rest_goes_to_the_spill(self, tmp_path: Path, budget: int) -> None:
        """The first errors are carried, the others are in a file that exists only if needed, all in order."""
        spill = tmp_path / "spill.jsonl"
        tally = a_tally(budget=budget, spill=spill)
        errors = [error for row in range(1, 4) for error in reject(tally, row, a_flaw("é\n"), a_flaw("\ud800"))]
        assert ("spill.jsonl" if budget < 6 else None) == tally.close()
        spilt = [json.loads(line) for line in spill.read_text("ascii").splitlines()] if budget < 6 else []
        assert [error.to_dict() for error in errors] == [error.to_dict() for error in tally.errors] + spilt
        assert budget >= 6 or spill.exists()
        assert min(budget, 6) == len(tally.errors)

    def test_without_a_spill_the_rest_is_counted_only(self) -> None:
        """Nowhere to write means that totals alone tell of the rest."""
        tally = a_tally(budget=1)
        reject(tally, 1)
        reject(tally, 2)
        assert (1, 2, None) == (len(tally.errors), tally.totals()[0].errors, tally.close())

    def test_the_spill_is_durable(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """What `close` has named is on the disk, whole."""
        spill, sizes = tmp_path / "spill", []
        monkeypatch.setattr(os, "fsync", lambda _handle: sizes.append(spill.stat().st_size))
        tally = a_tally(budget=0, spill=spill)
        reject(tally, 1)
        tally.close()
        assert [spill.stat().st_size] == sizes

    def test_a_spill_that_cannot_be_made(self, tmp_path: Path) -> None:
        """Trouble is told at the end, once, and does not disturb the count."""
        tally = a_tally(budget=0, spill=tmp_path / "absent" / "spill")
        reject(tally, 1)
        reject(tally, 2)
        assert 2 == tally.failed
        with pytest.raises(FileError, match=r"row errors cannot be written to .*absent.*No such file") as caught:
            tally.close()
        assert FileCode.SOURCE_FAILED is caught.value.code

    def test_a_full_disk(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """A spill that cannot be made durable is a full disk's fault."""

        def refuse(_handle: int) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr(os, "fsync", refuse)
        tally = a_tally(budget=0, spill=tmp_path / "spill")
        reject(tally, 1)
        with pytest.raises(FileError, match="No space left on device; see to the disk") as caught:
            tally.close()
        assert FileCode.DISK_FULL is caught.value.code
