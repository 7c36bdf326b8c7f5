"""Progress for logs: a line when a file is begun, one now and then, one at its end."""

from __future__ import annotations

import time
from collections.abc import Callable

from csvpipe.cli.display import Silence
from csvpipe.cli.output import Output
from csvpipe.cli.wording import counted, left, pace, printable, seconds
from csvpipe.events import JobEvent
from csvpipe.jobs import JobId, JobRecord, JobStatus

#: Seconds between two lines about one file.
INTERVAL_SECONDS = 5.0


class PlainDisplay(Silence):
    """Writes lines that stay.

    Args:
        output: Where to.
        clock: Seconds that never go back.
    """

    def __init__(self, output: Output, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._output = output
        self._clock = clock
        self._told_at: dict[JobId, float] = {}

    def show(self, event: JobEvent) -> None:
        """See `Display.show`."""
        job, now = event.job, self._clock()
        if event.is_terminal:
            self._output.line(end_line(job))
        elif job.status is not JobStatus.PROCESSING:
            return
        elif job.id not in self._told_at:
            self._output.line(f"{printable(job.filename)}: started, {counted(job.bytes_total, 'byte')}")
            self._told_at[job.id] = now
        elif now - self._told_at[job.id] >= INTERVAL_SECONDS:
            self._output.line(progress_line(job))
            self._told_at[job.id] = now


def progress_line(job: JobRecord) -> str:
    """How far a file is: `a.csv: 45%, 12,000 rows, 3 failed, 24,000 rows/s, 3 s left`."""
    parts = [
        f"{job.fraction:.0%}",
        counted(job.handled_rows, "row"),
        f"{job.failed_rows:,} failed",
        f"{pace(job.rows_per_second)} rows/s",
        f"{left(job.eta_seconds)} left",
    ]
    return f"{printable(job.filename)}: {', '.join(parts)}"


def end_line(job: JobRecord) -> str:
    """How a file ended: `a.csv: completed in 0.02 s, 6 rows: 3 processed, 3 failed, 0 skipped`."""
    took = seconds(job.elapsed_seconds)
    # Of a job that was taken up again nobody knows for how long it has lain there.
    end = f"{printable(job.filename)}: {job.status.value} "
    end += f"in {took}" if job.attempt <= 1 else f"{took} after it was begun"
    rows = (
        f"{counted(job.handled_rows, 'row')}: {job.processed_rows:,} processed, {job.failed_rows:,} failed, "
        f"{job.skipped_rows:,} skipped"
    )
    message = (job.error_message or "").removeprefix(f"{job.filename}: ")
    reason = "" if job.error_code is None else f" [{job.error_code}] {printable(message)}"
    return f"{end}, {rows}{reason}"
