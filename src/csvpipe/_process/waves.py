"""Units for handlers of batches, and of single rows under a time limit: a wave is those that a slice completes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from csvpipe._process.columns.make import UnmadeRowError
from csvpipe._process.conduct import Unit
from csvpipe._process.parse import Slice

if TYPE_CHECKING:
    from csvpipe._process.columns.rows import RowPart
    from csvpipe._process.work import JobWork


def waves(job: JobWork, parts: Iterable[Slice | RowPart]) -> Iterator[list[Unit]]:
    """Units of `batch_size` rows (of one, for handlers of single rows), as many at a time as a part completes."""
    pipeline = job.pipeline
    size = pipeline.batch_size if pipeline.signature.is_batch else 1
    unit = Unit()
    for part in parts:
        wave = []
        index = 0
        while index < len(part):
            end = min(index + size - len(unit), len(part))
            if isinstance(part, Slice):
                for row in range(index, end):
                    unit.add(part, row, *job.item(part, row, part.rows[row]))
            else:
                _add(job, unit, part, index, end)
            index = end
            if len(unit) == size:
                wave.append(unit)
                unit = Unit()
        if wave:
            yield wave
    if len(unit):
        yield [unit]


def _add(job: JobWork, unit: Unit, part: RowPart, begin: int, end: int) -> None:
    """Put the rows `[begin, end)` of columns into a unit, be they good or not."""
    flaws = part.flaws
    for bad in [*sorted(index for index in flaws if begin <= index < end), end]:
        _add_good(job, unit, part, begin, bad)
        if bad < end:
            unit.add(part, bad, None, flaws[bad])
        begin = bad + 1


def _add_good(job: JobWork, unit: Unit, part: RowPart, begin: int, end: int) -> None:
    """The same for rows that have values; some may still turn out to be bad when their objects are made."""
    items = part.items(begin, end)
    while begin < end:
        before = len(unit)
        try:
            unit.extend(part, begin, items)
        except UnmadeRowError:
            begin += len(unit) - before
            unit.add(part, begin, *job.item(part, begin, part.cells(begin)))
            begin += 1
        else:
            return
