"""What the first rows of a file would come to, without calling any handler."""

from __future__ import annotations

from contextlib import closing
from typing import Any, Final
from uuid import UUID

from csvpipe._intake.inspection import JobPlan, Trial
from csvpipe._partition.cut import cut_whole
from csvpipe._process.parse import Slice, read_slices
from csvpipe._process.tally import Tally
from csvpipe._process.work import JobWork
from csvpipe.context import Context
from csvpipe.jobs import JobId
from csvpipe.pipeline import Pipeline

#: How much of a file is tried.
TRIAL_BYTES: Final = 1024 * 1024


def try_rows(pipeline: Pipeline[..., Any], plan: JobPlan, *, most_bytes: int = TRIAL_BYTES) -> Trial:
    """Parse, convert and validate the first rows of a local file.

    Args:
        pipeline: Says what is made of a row.
        plan: With file and inspection.
        most_bytes: How much is tried, up to the end of the record that it falls into.

    Raises:
        FileError: The file is not what it was, or lacks columns.
    """
    source, inspection = plan.source, plan.inspection
    assert source is not None, "a file that was refused cannot be tried"  # noqa: S101
    assert inspection is not None, "a file that was refused cannot be tried"  # noqa: S101
    nobody = JobId(UUID(int=0))
    context = Context(job_id=nobody, root_id=nobody, filename="", owner=None, attempt=1, dry_run=True)
    work = JobWork(pipeline, plan, context)
    tally = Tally(secrets=work.secrets, error_budget=0, spill=None)
    with closing(cut_whole(source, inspection, plan.limits, chunk_bytes=most_bytes)) as chunks:
        chunk = next(chunks, None)
        if chunk is not None:
            for part in read_slices(plan, work.parser, chunk):
                _try_slice(part, work, tally)
    totals = sorted(tally.totals(), key=lambda total: -total.errors)
    return Trial(rows=tally.rows, rejected=tally.failed, totals=tuple(totals))


def _try_slice(part: Slice, work: JobWork, tally: Tally) -> None:
    for index, cells in enumerate(part.rows):
        _, flaws = work.item(part, index, cells)
        if flaws is None:
            tally.processed += 1
            continue
        known = part.cells(index) if work.secrets and cells is not None else None
        tally.reject(part.first_row + index, part.place(index), flaws, known)
