"""A job's state, and the one function that decides how it may change.

A job is one file on its way through one pipeline. `JobRecord` is what the store keeps and everybody sees: the same
names in Python, JSON and SQL.
"""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from typing import NewType
from uuid import UUID

import attrs

from csvpipe.errors import JobFailedError, TransitionError

JobId = NewType("JobId", UUID)


class JobStatus(StrEnum):
    """Where a job stands. `completed` with `failed_rows > 0` is the normal partial success."""

    PENDING = "pending"
    PROCESSING = "processing"
    PAUSED = "paused"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_terminal(self) -> bool:
        """Whether nothing more happens to the job by itself."""
        return self in _TERMINAL


_TERMINAL = frozenset({JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.CANCELLED})


class Verb(StrEnum):
    """What may be done to a job: by its owner (`start` to `takeover`) or asked by anybody (`pause` to `retry`)."""

    START = "start"
    RELEASE = "release"
    COMPLETE = "complete"
    FAIL = "fail"
    TAKEOVER = "take over"
    PAUSE = "pause"
    RESUME = "resume"
    CANCEL = "cancel"
    RETRY = "retry"


_P, _R, _H = JobStatus.PENDING, JobStatus.PROCESSING, JobStatus.PAUSED
_C, _F, _X = JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.CANCELLED

#: (status, verb) -> next status; a pair that leads to its own status is an idempotent repeat.
_TRANSITIONS: dict[tuple[JobStatus, Verb], JobStatus] = {
    (_P, Verb.START): _R,
    (_P, Verb.PAUSE): _H,
    (_P, Verb.CANCEL): _X,
    (_P, Verb.FAIL): _F,
    (_P, Verb.RESUME): _P,
    (_P, Verb.RETRY): _P,
    (_R, Verb.RELEASE): _P,
    (_R, Verb.PAUSE): _H,
    (_R, Verb.COMPLETE): _C,
    (_R, Verb.FAIL): _F,
    (_R, Verb.CANCEL): _X,
    (_R, Verb.TAKEOVER): _R,
    (_R, Verb.RESUME): _R,
    (_R, Verb.RETRY): _R,
    (_H, Verb.PAUSE): _H,
    (_H, Verb.RESUME): _P,
    (_H, Verb.CANCEL): _X,
    (_H, Verb.FAIL): _F,
    (_F, Verb.RETRY): _P,
    (_C, Verb.PAUSE): _C,
    (_C, Verb.CANCEL): _C,
    (_F, Verb.PAUSE): _F,
    (_F, Verb.CANCEL): _F,
    (_X, Verb.PAUSE): _X,
    (_X, Verb.CANCEL): _X,
}


def next_status(status: JobStatus, verb: Verb) -> JobStatus:
    """The status after `verb`; every status change in csvpipe goes through here.

    Asking for what already is, is no error: `pause` of a paused job leaves it paused. `pause` and `cancel` race with
    the job's end, so on a finished job they change nothing.

    Raises:
        TransitionError: The verb makes no sense for that status, such as `retry` of a completed job.
    """
    try:
        return _TRANSITIONS[status, verb]
    except KeyError:
        raise TransitionError(verb.value, status.value) from None


@attrs.frozen(kw_only=True)
class JobRecord:
    """A snapshot of one job. Times are aware UTC; counts are rows; sizes are bytes of the local, decompressed file.

    Attributes:
        id: Random, so that it can be shown to the job's owner.
        pipeline: Registered name of the pipeline.
        filename: For display only; no path is ever built from it.
        owner: Whoever the application says, or None.
        dry_run: Whether nothing is written: its rows are only checked, and `processed_rows` are those found good.
        status: See `JobStatus`.
        total_rows: Data records in the file; None until the whole file has been cut.
        processed_rows: Handled with success.
        failed_rows: Set aside with at least one `RowError`.
        skipped_rows: Left out by the handler with `Skip`.
        bytes_total: Size of the file.
        bytes_processed: Bytes in committed chunks, header included.
        error_code: A `FileCode` when the job failed.
        error_message: For a person, with the way out.
        attempt: The fencing token: how often a worker has taken the job.
        revision: Grows by one with every committed change; orders events.
        created_at: When it was submitted.
        started_at: When a worker first took it.
        completed_at: When it reached a terminal status.
        updated_at: When `revision` last grew.
        parent_id: The job whose rejects this one mends; None where there is none.
        root_id: The first job of the chain of mended submissions; None for a first one.
        resolved_rows: How many of a first job's rejected rows the mended submissions have imported since. They still
            count as its `failed_rows`.
    """

    id: JobId
    pipeline: str
    filename: str
    owner: str | None = None
    dry_run: bool = False
    status: JobStatus = JobStatus.PENDING
    total_rows: int | None = None
    processed_rows: int = 0
    failed_rows: int = 0
    skipped_rows: int = 0
    bytes_total: int = 0
    bytes_processed: int = 0
    error_code: str | None = None
    error_message: str | None = None
    attempt: int = 0
    revision: int = 1
    created_at: datetime
    started_at: datetime | None = None
    completed_at: datetime | None = None
    updated_at: datetime
    parent_id: JobId | None = None
    root_id: JobId | None = None
    resolved_rows: int = 0

    @property
    def handled_rows(self) -> int:
        """Rows whose fate is known: processed, failed or skipped."""
        return self.processed_rows + self.failed_rows + self.skipped_rows

    @property
    def fraction(self) -> float:
        """How much of the file is done, 0.0 to 1.0, by bytes."""
        if self.status is JobStatus.COMPLETED:
            return 1.0
        return min(1.0, self.bytes_processed / self.bytes_total) if self.bytes_total else 0.0

    @property
    def success_rate(self) -> float | None:
        """Processed rows over processed and failed ones, 0.0 to 1.0; None before the first."""
        judged = self.processed_rows + self.failed_rows
        return self.processed_rows / judged if judged else None

    @property
    def elapsed_seconds(self) -> float:
        """From the first start to the last change; 0.0 before the start."""
        if self.started_at is None:
            return 0.0
        until = self.completed_at or self.updated_at
        return max(0.0, (until - self.started_at).total_seconds())

    @property
    def rows_per_second(self) -> float | None:
        """Mean pace since the start; None before there is one."""
        elapsed = self.elapsed_seconds
        return self.handled_rows / elapsed if elapsed > 0 and self.handled_rows else None

    @property
    def eta_seconds(self) -> float | None:
        """Expected seconds to the end at the mean pace; None where nothing is known, 0.0 at the end."""
        if self.status.is_terminal:
            return 0.0
        fraction, elapsed = self.fraction, self.elapsed_seconds
        if self.status is not JobStatus.PROCESSING or not fraction or not elapsed:
            return None
        return elapsed * (1.0 - fraction) / fraction

    def raise_for_status(self) -> None:
        """Raise if the job failed or was cancelled; rejected rows alone are no failure.

        Raises:
            JobFailedError: With the filename, the code and the message.
        """
        if self.status in (JobStatus.FAILED, JobStatus.CANCELLED):
            raise JobFailedError(self.filename, self.status.value, self.error_code, self.error_message)

    def to_dict(self) -> dict[str, object]:
        """All stored and computed values, fit for JSON: ids and times as ISO text."""
        stored = {name: _plain(value) for name, value in attrs.asdict(self, recurse=False).items()}
        computed = {name: getattr(self, name) for name in _COMPUTED}
        return {**stored, **computed}


_COMPUTED = ("fraction", "success_rate", "rows_per_second", "elapsed_seconds", "eta_seconds")


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    if isinstance(value, UUID):
        return str(value)
    return value.value if isinstance(value, StrEnum) else value
