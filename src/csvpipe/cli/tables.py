"""Jobs of a store for a person: many in a table, one with all that is known of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Final

import click

from csvpipe._intake.inspection import JobPlan
from csvpipe.cli.wording import UNKNOWN, counted, left, pace, printable, seconds
from csvpipe.errors import ErrorTotal
from csvpipe.jobs import JobRecord, JobStatus

_COLOURS: Final = {
    JobStatus.COMPLETED: "green",
    JobStatus.FAILED: "red",
    JobStatus.CANCELLED: "red",
    JobStatus.PROCESSING: "cyan",
    JobStatus.PAUSED: "yellow",
}

_HEADINGS: Final = ("job", "status", "done", "rows", "failed", "submitted", "owner", "pipeline", "file")
_STATUS: Final = _HEADINGS.index("status")
_NUMBERS: Final = frozenset(_HEADINGS.index(name) for name in ("done", "rows", "failed"))

#: Between columns.
_GAP: Final = "  "

#: Characters of an id that tell it from others.
_ID_CHARACTERS: Final = 8


def job_table(records: Sequence[JobRecord], *, width: int | None = None) -> Iterator[str]:
    """A line for each job below a heading; nothing for no jobs.

    Args:
        records: In the order of the lines.
        width: Characters that a line has room for; None where lines may be as long as they are.
    """
    if not records:
        return
    rows = [_HEADINGS, *map(_row, records)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for number, row in enumerate(rows):
        cells = [
            cell.rjust(size) if index in _NUMBERS else cell.ljust(size)
            for index, (cell, size) in enumerate(zip(row, widths, strict=True))
        ]
        line = _GAP.join(cells).rstrip()[:width]
        if number == 0:
            yield click.style(line, dim=True)
            continue
        status = cells[_STATUS]
        yield line.replace(status, click.style(status, fg=_COLOURS.get(records[number - 1].status)), 1)


def _row(record: JobRecord) -> tuple[str, ...]:
    return (
        str(record.id)[:_ID_CHARACTERS],
        _standing(record),
        f"{record.fraction:.0%}",
        f"{record.handled_rows:,}",
        f"{record.failed_rows:,}",
        _time(record.created_at),
        printable(record.owner or UNKNOWN),
        printable(record.pipeline),
        printable(record.filename),
    )


def details(
    record: JobRecord, plan: JobPlan, totals: Iterable[ErrorTotal], *, width: int | None = None
) -> Iterator[str]:
    """All that is known of a job, a line for each thing.

    Args:
        record: As it is now.
        plan: How its file is read.
        totals: Of its row errors.
        width: As for `job_table`.
    """
    named = [(name, text) for name, text in _facts(record, plan) if text]
    room = max(len(name) for name, _ in named)
    for name, text in named:
        colour = _COLOURS.get(record.status) if name == "status" else None
        yield f"{click.style(name.ljust(room), dim=True)}{_GAP}{click.style(text, fg=colour)}"
    for number, total in enumerate(totals):
        if not number:
            yield ""
            yield "Errors:"
        where = f" in {printable(total.column)}" if total.column else ""
        example = f": line {total.samples[0].line:,}: {printable(total.samples[0].message)}" if total.samples else ""
        yield f"  {total.errors:,} {printable(total.code)}{where}{example}"[:width]


def _facts(record: JobRecord, plan: JobPlan) -> Iterator[tuple[str, str | None]]:
    yield "job", str(record.id)
    yield "file", printable(record.filename)
    yield "path", None if plan.source is None else printable(plan.source.path)
    yield "pipeline", printable(record.pipeline)
    yield "owner", None if record.owner is None else printable(record.owner)
    yield "status", _standing(record)
    yield "waits for", _place(plan) if record.status is JobStatus.PENDING else None
    yield "reason", f"{record.error_code}: {printable(record.error_message or '')}" if record.error_code else None
    of_all = "" if record.total_rows is None else f" of {record.total_rows:,}"
    yield "rows", f"{record.handled_rows:,}{of_all} ({record.fraction:.0%} of {counted(record.bytes_total, 'byte')})"
    yield "processed", f"{record.processed_rows:,}"
    resolved = f", {record.resolved_rows:,} of them mended since" if record.resolved_rows else ""
    yield "failed", f"{record.failed_rows:,}{resolved}"
    yield "skipped", f"{record.skipped_rows:,}"
    yield "pace", f"{pace(record.rows_per_second)} rows/s" if record.handled_rows else None
    yield "left", left(record.eta_seconds) if record.status is JobStatus.PROCESSING else None
    yield "submitted", _time(record.created_at)
    yield "started", _time(record.started_at)
    yield "ended", _time(record.completed_at)
    yield "took", seconds(record.elapsed_seconds) if record.started_at else None
    yield "attempts", str(record.attempt)
    yield "mends", None if record.parent_id is None else f"rejected rows of {record.parent_id}"
    if plan.inspection is not None:
        yield "read as", f"{plan.inspection.encoding}, {plan.inspection.dialect.describe()}"
        yield "columns", ", ".join(map(printable, plan.inspection.columns))


def _standing(record: JobRecord) -> str:
    return f"{record.status.value}, dry run" if record.dry_run else record.status.value


def _place(plan: JobPlan) -> str | None:
    """Who can run a job at all; None where anybody can who has its file's path."""
    if plan.source is None or plan.source.spool_id is None:
        return None
    return f"a worker whose spool_dir is where the file was uploaded to (spool {plan.source.spool_id})"


def _time(at: datetime | None) -> str:
    return "" if at is None else at.astimezone().strftime("%Y-%m-%d %H:%M:%S")
