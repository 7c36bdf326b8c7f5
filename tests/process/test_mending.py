"""Rows of a mended file, on their way to the handler."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import attrs
import pytest

from csvpipe._intake.inspection import Inspection, JobPlan
from csvpipe._intake.mended.layout import lay_out
from csvpipe._intake.source import LocalFile
from csvpipe._partition.chunk import Chunk
from csvpipe._process.mending import Mending, Screening, row_number
from csvpipe._process.rowset import RowFlags, RowSet
from csvpipe._process.work import Allowance, ChunkWork, JobWork
from csvpipe.context import Context
from csvpipe.dialect import Dialect
from csvpipe.errors import FileCode, FileError
from csvpipe.jobs import JobId
from csvpipe.limits import Limits
from csvpipe.pipeline import Pipeline, pipeline

Imports = Callable[..., Any]

_WHOLE = Chunk(start=0, end=0, first_row=1, first_line=2, rows=0, lines=0)


@pipeline
def take(row: list[str]) -> None:
    """Be content."""


def a_plan(path: Path, text: str, columns: tuple[str, ...] = ("id", "name"), *, dry_run: bool = False) -> JobPlan:
    """The plan of a mended file, whose first line is its header."""
    path.write_text(text, "utf-8")
    header, _, _ = text.partition("\n")
    names = tuple(header.split(","))
    inspection = Inspection(encoding="utf-8", dialect=Dialect(), columns=names, data_start=len(header) + 1, data_line=2)
    mends = lay_out(names, columns, place="mended.csv")
    source = LocalFile.at(path)
    return JobPlan(source=source, inspection=inspection, limits=Limits(), mends=mends, dry_run=dry_run)


def open_rows(*rows: int) -> RowFlags:
    """The rows that may come."""
    flags = RowFlags()
    flags.add_all(RowSet.of(rows))
    return flags


def screened(plan: JobPlan, *rows: int, handler: Pipeline[..., Any] = take) -> Screening:
    """The plan's file, gone through, where these rows of the first file are open."""
    screening = Screening(handler, plan, open_rows(*rows))
    for _ in screening:
        pass
    return screening


def refused(screening: Screening) -> list[int]:
    """Rows of the mended file that may not come."""
    return [row for row in range(1, 100) if row in screening.refused]


class TestScreening:
    """Which rows may come."""

    def test_first_come_first_served(self, tmp_path: Path) -> None:
        """Rows that are not open, that come again, or that have no number may not."""
        plan = a_plan(tmp_path / "m.csv", "_row,id,name\n2,a,b\n1,a,b\n2,a,b\nx,a,b\n3,a,b\n\n4,a,b\n")
        assert [3, 4, 5] == refused(screened(plan, 1, 2, 4))

    def test_a_row_that_nobody_has_mended_takes_no_number(self, tmp_path: Path) -> None:
        """Neither one with text in `_raw`, nor one that cannot be read."""
        plan = a_plan(tmp_path / "m.csv", '_row,_raw,id,name\n1,"""x",,\n1,,a,b\n2,,a,b,c\n2,,"a\n2,,a,b\n2,,a,b\n')
        assert [6] == refused(screened(plan, 1, 2))

    def test_it_takes_a_slice_at_a_time(self, tmp_path: Path) -> None:
        """So that others have their turn; it can be left in the middle."""
        rows = "".join(f"{row},a,b\n" for row in range(1, 30_001))
        plan = a_plan(tmp_path / "m.csv", f"_row,id,name\n{rows}")
        screening = Screening(take, plan, open_rows(1))
        next(iter(screening))
        assert 1 not in screening.refused
        assert 2 in screening.refused
        assert 30_000 not in screening.refused
        screening.close()
        assert [] == list(screening)

    @pytest.mark.parametrize(("row", "is_refused"), [("1,a,b", True), ("1,a", False), ("9,a,b", False)])
    def test_a_file_without_an_open_row(self, tmp_path: Path, row: str, *, is_refused: bool) -> None:
        """It is another job's, unless a row that cannot be read might have been one."""
        plan = a_plan(tmp_path / "m.csv", f"_row,id,name\n{row}\n")
        if not is_refused:
            screened(plan, 9)
            return
        with pytest.raises(FileError, match="not one row of the file is open") as caught:
            screened(plan, 9)
        assert FileCode.PARENT_MISMATCH is caught.value.code

    @pytest.mark.parametrize(
        ("text", "number"),
        [("7", 7), (" 7 ", 7), ("007", 7), ("", None), ("-7", None), ("7.0", None), ("\u0667", None), ("9" * 19, None)],
    )
    def test_numbers(self, text: str, number: int | None) -> None:
        """Only what is surely one."""
        assert number == row_number(text)


class TestResults:
    """What a worker reports of its rows."""

    def work(self, plan: JobPlan, *rows: int) -> ChunkWork:
        """All of a mended file in hand."""
        context = Context(
            job_id=JobId(UUID(int=7)),
            root_id=JobId(UUID(int=1)),
            filename="m.csv",
            owner=None,
            attempt=1,
            dry_run=plan.dry_run,
        )
        job = JobWork(take, plan, context, mending=screened(plan, *rows).mending())
        assert plan.source is not None
        assert plan.inspection is not None
        chunk = attrs.evolve(_WHOLE, start=plan.inspection.data_start, end=plan.source.size)
        return ChunkWork(job, chunk, Allowance(error_budget=9))

    @pytest.mark.parametrize("dry_run", [False, True])
    def test_rows_are_resolved_under_their_own_numbers(self, tmp_path: Path, *, dry_run: bool) -> None:
        """Those that were handled, but not in a dry run, and none that was rejected."""
        text = "name,_row,_code,id\n'=a,5,int,1\nb,9,int,2\nc,4,int,3\n"
        work = self.work(a_plan(tmp_path / "m.csv", text, dry_run=dry_run), 4, 5)
        (part,) = work.slices()
        assert [["1", "=a"], None, ["3", "c"]] == part.rows
        assert [5, 4] == [part.number(0), part.number(2)]
        assert ["1", "=a"] == part.cells(0)
        work.processed(part, 1, 1)
        work.reject(part, 1, part.flaws[1])
        work.processed(part, 3, 1)
        result = work.result(is_complete=True)
        assert (2, 1) == (result.processed, result.failed)
        assert [] == list(result.rejected.ranges())
        assert ([] if dry_run else [(4, 6)]) == list(result.resolved.ranges())
        assert [(2, 3, "not_open")] == [(error.row, error.line, error.code) for error in result.errors]

    def test_a_first_file_says_which_rows_are_rejected(self, imports: Imports) -> None:
        """It is from these that mended rows are let in later."""
        result = imports(take, "id,name\n1,a\n2\n3\n4,d\n5\n").run()
        assert [(2, 4), (5, 6)] == list(result.rejected.ranges())
        assert [] == list(result.resolved.ranges())

    def test_a_former_code_is_kept(self, tmp_path: Path) -> None:
        """The first of them; where the column was deleted the row is malformed."""
        text = '_row,_code,_raw,id,name\n1,unterminated_quote; int,"""x",,\n2,,y,,\n'
        (part,) = self.work(a_plan(tmp_path / "m.csv", text), 1, 2).slices()
        assert ["unterminated_quote", "malformed"] == [part.flaws[index][0].code for index in (0, 1)]

    def test_it_shows_what_it_is(self, tmp_path: Path) -> None:
        """For a debugger."""
        screening = screened(a_plan(tmp_path / "m.csv", "_row,id,name\n1,a,b\n"), 1)
        mending = screening.mending()
        assert isinstance(mending, Mending)
        assert "<Screening <RowFlags up to row 0>>" == repr(screening)
        assert "<Mending of 2 columns>" == repr(mending)
