"""What a reader of progress is told between two states."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from uuid import UUID

import pytest

from csvpipe.events import EventKind, JobEvent, event_between
from csvpipe.jobs import JobId, JobRecord, JobStatus

_NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)


def a_record(status: JobStatus, *, bytes_processed: int = 0) -> JobRecord:
    """A job of 100 bytes."""
    return JobRecord(
        id=JobId(UUID(int=7)),
        pipeline="people",
        filename="people.csv",
        status=status,
        bytes_total=100,
        bytes_processed=bytes_processed,
        created_at=_NOON,
        updated_at=_NOON,
    )


@pytest.mark.parametrize(
    ("before", "after", "kind"),
    [
        (None, JobStatus.PENDING, EventKind.SUBMITTED),
        (None, JobStatus.PROCESSING, EventKind.STARTED),
        (None, JobStatus.PAUSED, EventKind.PAUSED),
        (None, JobStatus.COMPLETED, EventKind.COMPLETED),
        (None, JobStatus.FAILED, EventKind.FAILED),
        (None, JobStatus.CANCELLED, EventKind.CANCELLED),
        (JobStatus.PENDING, JobStatus.PROCESSING, EventKind.STARTED),
        (JobStatus.PENDING, JobStatus.COMPLETED, EventKind.COMPLETED),
        (JobStatus.PROCESSING, JobStatus.PROCESSING, EventKind.PROGRESS),
        (JobStatus.PROCESSING, JobStatus.PAUSED, EventKind.PAUSED),
        (JobStatus.PROCESSING, JobStatus.FAILED, EventKind.FAILED),
        (JobStatus.PROCESSING, JobStatus.CANCELLED, EventKind.CANCELLED),
        (JobStatus.PAUSED, JobStatus.PENDING, EventKind.RESUMED),
        (JobStatus.FAILED, JobStatus.PENDING, EventKind.RESUMED),
    ],
)
def test_the_kind_says_what_happened_since(before: JobStatus | None, after: JobStatus, kind: EventKind) -> None:
    """Everything between two states is merged into the one word that leads to the later one."""
    event = event_between(None if before is None else a_record(before), a_record(after))
    assert (kind, after) == (event.kind, event.job.status)


@pytest.mark.parametrize("before", [None, JobStatus.PENDING, JobStatus.PAUSED])
def test_a_job_that_has_got_on_is_in_progress(before: JobStatus | None) -> None:
    """Who sees a running job that has done something is told of progress, not of the start that is long past."""
    earlier = None if before is None else a_record(before)
    assert EventKind.PROGRESS is event_between(earlier, a_record(JobStatus.PROCESSING, bytes_processed=10)).kind


@pytest.mark.parametrize("status", list(JobStatus))
def test_an_event_is_terminal_as_its_job_is(status: JobStatus) -> None:
    """After a completed, failed or cancelled job there is nothing to wait for."""
    assert status.is_terminal == event_between(None, a_record(status)).is_terminal


def test_an_event_is_json() -> None:
    """Kind and job, as plain values."""
    event = JobEvent(kind=EventKind.STARTED, job=a_record(JobStatus.PROCESSING))
    expected = {"kind": "started", "job": event.job.to_dict()}
    assert expected == json.loads(json.dumps(event.to_dict()))
