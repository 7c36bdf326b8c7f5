"""Rows of a mended rejects file: whether they may come, and what a handler gets of them."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

from csvpipe._intake.inspection import Inspection, JobPlan
from csvpipe._intake.mended.formulas import unescaped
from csvpipe._intake.mended.layout import RAW, ROW, Mends, names_beside
from csvpipe._process.build import Flaw
from csvpipe._process.convert import shortened
from csvpipe._process.parse import Slice, SliceParser, read_slices
from csvpipe._process.rowset import RowFlags
from csvpipe._process.said import NAME_CHARACTERS
from csvpipe.errors import FileCode, FileError, Phase, RowCode
from csvpipe.limits import MIB

if TYPE_CHECKING:
    from csvpipe.pipeline import Pipeline

#: Longer texts are no row numbers, and are never made one.
_DIGITS: Final = 18

#: The code of a row that was not mended, where its file has lost the former one.
_UNKNOWN: Final = RowCode.MALFORMED

_CHUNK_BYTES: Final = 2 * MIB


class Mending:
    """Turns the rows of a mended file into those of the first file of its chain.

    Args:
        mends: Where its columns stand.
        refused: Numbers of the mended file's own rows that may not come; see `Screening`.
    """

    def __init__(self, mends: Mends, refused: RowFlags) -> None:
        self.mends = mends
        self._refused = refused
        self._names = names_beside(mends.columns)

    def __repr__(self) -> str:
        return f"<Mending of {len(self.mends.columns)} columns>"

    def apply(self, part: Slice) -> None:
        """Leave in the rows of a slice what handlers are to see, and note by which numbers they know them."""
        numbers = [0] * len(part.rows)
        for index, cells in enumerate(part.rows):
            if cells is None:
                continue
            number = row_number(_cell(cells, self.mends.row))
            flaw = self._flaw(part.first_row + index, number, cells)
            if number is None or flaw is not None:
                part.rows[index] = None
                part.flaws[index] = (flaw or self._not_open(cells),)
            else:
                numbers[index] = number
                part.rows[index] = own_cells(self.mends, cells)
        part.numbers = numbers

    def _flaw(self, own_row: int, number: int | None, cells: Sequence[str]) -> Flaw | None:
        if number is None or own_row in self._refused:
            return self._not_open(cells)
        return self._unmended(cells) if raw_text(self.mends, cells) else None

    def _not_open(self, cells: Sequence[str]) -> Flaw:
        text, column = _cell(cells, self.mends.row), self._names[ROW]
        if row_number(text) is None:
            message = f"{column} holds no row number; leave it as the rejects file has it"
        else:
            message = (
                f"row {text.strip()} is not open: it was never rejected, is mended already, or stands above a second "
                "time; leave it out"
            )
        return Flaw(column=column, code=RowCode.NOT_OPEN, phase=Phase.VALIDATE, message=message, value=shortened(text))

    def _unmended(self, cells: Sequence[str]) -> Flaw:
        """Why a row comes back as it went: what was wrong with it before, and how to mend it."""
        codes = "" if self.mends.code is None else unescaped(_cell(cells, self.mends.code))
        former = shortened(codes.partition(";")[0].strip(), NAME_CHARACTERS) or _UNKNOWN
        raw = self._names[RAW]
        message = f"not mended yet: put the cells of the text in {raw} under their columns, and empty {raw}"
        return Flaw(column=None, code=former, phase=Phase.PARSE, message=message, value=None)


class Screening:
    """Goes through a mended file once, before its first row is handled, to find the rows that may not come.

    Which of two rows of one number comes first must not depend on which worker is quicker, nor on where an earlier run
    of the job has stopped.

    Args:
        pipeline: Of the job.
        plan: The job's.
        still_open: Rows of the first file that were rejected and that no other job of the chain has imported; used up.

    Attributes:
        refused: Numbers of the mended file's rows that name none of these, or one that an earlier row has named.
    """

    def __init__(self, pipeline: Pipeline[..., Any], plan: JobPlan, still_open: RowFlags) -> None:
        self.refused = RowFlags()
        self._plan = plan
        self._mends = _mends_of(plan)
        self._parser = SliceParser(_inspection_of(plan), plan.limits, pipeline.ragged, errors=pipeline.errors)
        self._open = still_open
        self._may_open = False
        self._slices = self._read()

    def __repr__(self) -> str:
        return f"<Screening {self.refused!r}>"

    def __iter__(self) -> Iterator[None]:
        """Do one slice with each step. It reads and computes: to be run in a worker thread.

        Raises:
            FileError: The file is not what it was; at the end `parent_mismatch`, if not one of its rows is open.
        """
        return self._slices

    def mending(self) -> Mending:
        """What the screening was for."""
        return Mending(self._mends, self.refused)

    def close(self) -> None:
        """Let the file go."""
        self._slices.close()

    def _read(self) -> Generator[None]:
        plan, inspection = self._plan, _inspection_of(self._plan)
        source = plan.source
        assert source is not None, "a job without a file has no rows"  # noqa: S101  # refused at intake
        from csvpipe._partition.cut import cut_whole  # noqa: PLC0415  # workers have the verdict already

        for chunk in cut_whole(source, inspection, plan.limits, chunk_bytes=_CHUNK_BYTES):
            for part in read_slices(plan, self._parser, chunk):
                self._judge(part)
                yield
        if not self._may_open:
            raise FileError(
                FileCode.PARENT_MISMATCH,
                "not one row of the file is open: they were never rejected, or are mended already; write the rejects "
                "file anew to see which ones are left",
            )

    def _judge(self, part: Slice) -> None:
        for index, cells in enumerate(part.rows):
            number = None if cells is None else row_number(_cell(cells, self._mends.row))
            if cells is None:
                self._may_open = True  # it may name an open row, and costs itself alone
            elif number is None or number not in self._open:
                self.refused.add(part.first_row + index)
            else:
                self._may_open = True
                if not raw_text(self._mends, cells):  # a row that nobody has mended leaves the number to another one
                    self._open.discard(number)


def row_number(text: str) -> int | None:
    """The number that a cell under `_row` holds, or None if that is none."""
    text = text.strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) <= _DIGITS else None


def raw_text(mends: Mends, cells: Sequence[str]) -> str:
    """What is in `_raw`; empty where there is no such column."""
    return "" if mends.raw is None else _cell(cells, mends.raw)


def own_cells(mends: Mends, cells: Sequence[str]) -> list[str]:
    """The user's cells in the order of the first file, without apostrophes; those beyond the header at the end."""
    own = [cells[position] for position in mends.cells if position < len(cells)]
    own += cells[mends.width :]
    return [unescaped(cell) if cell[:1] == "'" else cell for cell in own]


def _cell(cells: Sequence[str], position: int) -> str:
    return cells[position] if position < len(cells) else ""


def _mends_of(plan: JobPlan) -> Mends:
    assert plan.mends is not None, "only mended files are screened"  # noqa: S101
    return plan.mends


def _inspection_of(plan: JobPlan) -> Inspection:
    assert plan.inspection is not None, "a job without a file has no rows"  # noqa: S101  # refused at intake
    return plan.inspection
