"""Sums over jobs."""

from __future__ import annotations

from collections.abc import Collection

import attrs

from csvpipe.jobs import JobRecord, JobStatus


@attrs.frozen(kw_only=True)
class Totals:
    """What all files of a run come to.

    Attributes:
        files: Files named on the command line.
        completed: Those that were imported to their end.
        failed: Those that failed or were cancelled.
        processed_rows: See `JobRecord`.
        failed_rows: See `JobRecord`.
        skipped_rows: See `JobRecord`.
        fraction: How much of the bytes of all files is done, 0.0 to 1.0; files that were not opened yet count as a mean
            one.
        elapsed_seconds: From the first start to the last change.
    """

    files: int
    completed: int
    failed: int
    processed_rows: int
    failed_rows: int
    skipped_rows: int
    fraction: float
    elapsed_seconds: float

    @property
    def ended(self) -> int:
        """Files with which nothing more happens."""
        return self.completed + self.failed

    @property
    def handled_rows(self) -> int:
        """Rows whose fate is known."""
        return self.processed_rows + self.failed_rows + self.skipped_rows

    @property
    def rows_per_second(self) -> float | None:
        """Mean pace of all files together; None before there is one."""
        return self.handled_rows / self.elapsed_seconds if self.elapsed_seconds and self.handled_rows else None

    @property
    def eta_seconds(self) -> float | None:
        """Expected seconds to the end at the mean pace; None where nothing is known."""
        if self.ended == self.files:
            return 0.0
        if not self.fraction or not self.elapsed_seconds:
            return None
        return self.elapsed_seconds * (1.0 - self.fraction) / self.fraction

    def to_dict(self) -> dict[str, object]:
        """Stored and computed values, fit for JSON."""
        return {**attrs.asdict(self), "rows_per_second": self.rows_per_second}


def totals_of(records: Collection[JobRecord], *, files: int) -> Totals:
    """The sums over `records`, one for each file that was opened so far, of `files` in all."""
    starts = [record.started_at for record in records if record.started_at is not None]
    ends = [record.completed_at or record.updated_at for record in records if record.started_at is not None]
    return Totals(
        files=files,
        completed=sum(record.status is JobStatus.COMPLETED for record in records),
        failed=sum(record.status in (JobStatus.FAILED, JobStatus.CANCELLED) for record in records),
        processed_rows=sum(record.processed_rows for record in records),
        failed_rows=sum(record.failed_rows for record in records),
        skipped_rows=sum(record.skipped_rows for record in records),
        fraction=_fraction(records, files),
        elapsed_seconds=max(0.0, (max(ends) - min(starts)).total_seconds()) if starts else 0.0,
    )


def _fraction(records: Collection[JobRecord], files: int) -> float:
    size = sum(record.bytes_total for record in records)
    if not size:
        return 0.0
    done = sum(record.bytes_total if record.status.is_terminal else record.bytes_processed for record in records)
    return done / size * len(records) / files
