"""What a reader of progress receives: a kind and a snapshot."""

from __future__ import annotations

from enum import StrEnum

import attrs

from csvpipe.jobs import JobRecord, JobStatus


class EventKind(StrEnum):
    """What happened, in one word."""

    SUBMITTED = "submitted"
    STARTED = "started"
    PROGRESS = "progress"
    PAUSED = "paused"
    RESUMED = "resumed"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


@attrs.frozen(kw_only=True)
class JobEvent:
    """One committed state of a job. Events of a job are ordered by `job.revision`, strictly increasing for a reader.

    Attributes:
        kind: What happened since the state that the reader saw before.
        job: The state itself: nothing else need be remembered to follow a job.
    """

    kind: EventKind
    job: JobRecord

    @property
    def is_terminal(self) -> bool:
        """Whether this is the last event until somebody retries the job."""
        return self.job.status.is_terminal

    def to_dict(self) -> dict[str, object]:
        """Kind and job, fit for JSON."""
        return {"kind": self.kind.value, "job": self.job.to_dict()}


def event_between(before: JobRecord | None, after: JobRecord) -> JobEvent:
    """The event that tells a reader who knows `before` of `after`; everything between is merged into it."""
    return JobEvent(kind=_kind(None if before is None else before.status, after), job=after)


def _kind(before: JobStatus | None, after: JobRecord) -> EventKind:
    status = after.status
    if status is JobStatus.PROCESSING:
        moved = before is JobStatus.PROCESSING or after.bytes_processed > 0
        return EventKind.PROGRESS if moved else EventKind.STARTED
    if status is JobStatus.PENDING:
        return EventKind.RESUMED if before in (JobStatus.PAUSED, JobStatus.FAILED) else EventKind.SUBMITTED
    return EventKind(status.value)
