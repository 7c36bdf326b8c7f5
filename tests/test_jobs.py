"""Statuses, verbs and the record that everybody sees."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING
from uuid import UUID

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from csvpipe.errors import JobFailedError, TransitionError
from csvpipe.jobs import JobId, JobRecord, JobStatus, Verb, next_status

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet

_NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)
_TERMINAL = {JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.CANCELLED}


def a_record(**changes: object) -> JobRecord:
    """A pending job of 100 bytes, but for the changes."""
    record = JobRecord(
        id=JobId(UUID(int=7)),
        pipeline="people",
        filename="people.csv",
        bytes_total=100,
        created_at=_NOON,
        updated_at=_NOON,
    )
    return attrs.evolve(record, **changes)  # type: ignore[arg-type]


class TestStatus:
    """What a status means."""

    @pytest.mark.parametrize("status", list(JobStatus))
    def test_three_statuses_are_terminal(self, status: JobStatus) -> None:
        """Completed, failed and cancelled jobs do not move by themselves; the others do."""
        assert (status in _TERMINAL) == status.is_terminal

    def test_statuses_are_their_names(self) -> None:
        """A status is the text that SQL and JSON show."""
        expected = ["pending", "processing", "paused", "completed", "failed", "cancelled"]
        assert expected == [str(status) for status in JobStatus]


class TestNextStatus:
    """The one function that decides every transition."""

    @pytest.mark.parametrize(
        ("status", "reachable"),
        [
            (JobStatus.PENDING, {JobStatus.PROCESSING, JobStatus.PAUSED, JobStatus.CANCELLED, JobStatus.FAILED}),
            (
                JobStatus.PROCESSING,
                {
                    JobStatus.PENDING,
                    JobStatus.PAUSED,
                    JobStatus.COMPLETED,
                    JobStatus.FAILED,
                    JobStatus.CANCELLED,
                },
            ),
            (JobStatus.PAUSED, {JobStatus.PENDING, JobStatus.CANCELLED, JobStatus.FAILED}),
            (JobStatus.FAILED, {JobStatus.PENDING}),
            (JobStatus.COMPLETED, set()),
            (JobStatus.CANCELLED, set()),
        ],
    )
    def test_the_graph_is_the_documented_one(self, status: JobStatus, reachable: AbstractSet[JobStatus]) -> None:
        """From each status the verbs lead to the documented others, and nowhere else."""
        assert reachable == {after for verb in Verb if (after := outcome(status, verb))} - {status}

    @pytest.mark.parametrize(
        ("status", "verb", "after"),
        [
            (JobStatus.PENDING, Verb.START, JobStatus.PROCESSING),
            (JobStatus.PENDING, Verb.PAUSE, JobStatus.PAUSED),
            (JobStatus.PENDING, Verb.CANCEL, JobStatus.CANCELLED),
            (JobStatus.PENDING, Verb.FAIL, JobStatus.FAILED),
            (JobStatus.PROCESSING, Verb.RELEASE, JobStatus.PENDING),
            (JobStatus.PROCESSING, Verb.PAUSE, JobStatus.PAUSED),
            (JobStatus.PROCESSING, Verb.COMPLETE, JobStatus.COMPLETED),
            (JobStatus.PROCESSING, Verb.FAIL, JobStatus.FAILED),
            (JobStatus.PROCESSING, Verb.CANCEL, JobStatus.CANCELLED),
            (JobStatus.PROCESSING, Verb.TAKEOVER, JobStatus.PROCESSING),
            (JobStatus.PAUSED, Verb.RESUME, JobStatus.PENDING),
            (JobStatus.PAUSED, Verb.CANCEL, JobStatus.CANCELLED),
            (JobStatus.PAUSED, Verb.FAIL, JobStatus.FAILED),
            (JobStatus.FAILED, Verb.RETRY, JobStatus.PENDING),
        ],
    )
    def test_a_verb_leads_where_its_name_says(self, status: JobStatus, verb: Verb, after: JobStatus) -> None:
        """Each arrow of the documented graph bears the verb that belongs to it."""
        assert after is next_status(status, verb)

    @pytest.mark.parametrize("status", sorted(_TERMINAL))
    @pytest.mark.parametrize("verb", [Verb.PAUSE, Verb.CANCEL])
    def test_late_pause_and_cancel_change_nothing(self, status: JobStatus, verb: Verb) -> None:
        """They race with the end of the job, so that they are no error after it."""
        assert status is next_status(status, verb)

    @pytest.mark.parametrize(
        ("status", "verb"),
        [
            (JobStatus.PENDING, Verb.RESUME),
            (JobStatus.PENDING, Verb.RETRY),
            (JobStatus.PROCESSING, Verb.RESUME),
            (JobStatus.PROCESSING, Verb.RETRY),
            (JobStatus.PAUSED, Verb.PAUSE),
        ],
    )
    def test_asking_for_what_is_changes_nothing(self, status: JobStatus, verb: Verb) -> None:
        """A repeat of a request is no error."""
        assert status is next_status(status, verb)

    @pytest.mark.parametrize(
        ("status", "verb"),
        [
            (JobStatus.PENDING, Verb.COMPLETE),
            (JobStatus.PENDING, Verb.RELEASE),
            (JobStatus.PENDING, Verb.TAKEOVER),
            (JobStatus.PROCESSING, Verb.START),
            (JobStatus.PAUSED, Verb.START),
            (JobStatus.PAUSED, Verb.RETRY),
            (JobStatus.COMPLETED, Verb.RETRY),
            (JobStatus.COMPLETED, Verb.RESUME),
            (JobStatus.COMPLETED, Verb.FAIL),
            (JobStatus.FAILED, Verb.RESUME),
            (JobStatus.FAILED, Verb.COMPLETE),
            (JobStatus.CANCELLED, Verb.RETRY),
            (JobStatus.CANCELLED, Verb.RESUME),
            (JobStatus.CANCELLED, Verb.COMPLETE),
        ],
    )
    def test_what_makes_no_sense_is_refused(self, status: JobStatus, verb: Verb) -> None:
        """A refused verb is an error that names verb and status."""
        with pytest.raises(TransitionError, match=f"cannot {verb} a job that is {status}"):
            next_status(status, verb)

    @given(st.lists(st.sampled_from(list(Verb)), max_size=30))
    def test_only_retry_leaves_a_terminal_status(self, verbs: list[Verb]) -> None:
        """Whatever is done to a job, it ends once, unless somebody retries it."""
        status = JobStatus.PENDING
        for verb in verbs:
            after = outcome(status, verb) or status
            assert not status.is_terminal or after is status or verb is Verb.RETRY
            status = after


class TestComputedValues:
    """What a record tells about progress."""

    @pytest.mark.parametrize(
        ("changes", "fraction"),
        [
            ({}, 0.0),
            ({"bytes_processed": 25}, 0.25),
            ({"bytes_processed": 100}, 1.0),
            ({"bytes_processed": 130}, 1.0),
            ({"bytes_total": 0}, 0.0),
            ({"bytes_total": 0, "status": JobStatus.COMPLETED}, 1.0),
            ({"bytes_processed": 30, "status": JobStatus.FAILED}, 0.3),
        ],
    )
    def test_fraction_is_of_bytes(self, changes: dict[str, object], fraction: float) -> None:
        """Done bytes over all bytes, never above 1; a completed job is done, be its file empty."""
        assert fraction == a_record(**changes).fraction

    @pytest.mark.parametrize(
        ("processed", "failed", "skipped", "rate"),
        [(0, 0, 0, None), (0, 0, 5, None), (3, 1, 0, 0.75), (3, 1, 9, 0.75), (0, 2, 0, 0.0), (2, 0, 0, 1.0)],
    )
    def test_success_rate_leaves_skipped_rows_out(
        self, processed: int, failed: int, skipped: int, rate: float | None
    ) -> None:
        """Good rows over judged ones; unknown before the first."""
        record = a_record(processed_rows=processed, failed_rows=failed, skipped_rows=skipped)
        assert rate == record.success_rate
        assert processed + failed + skipped == record.handled_rows

    @pytest.mark.parametrize(
        ("started", "updated", "completed", "seconds"),
        [(None, 9, None, 0.0), (2, 9, None, 7.0), (2, 9, 6, 4.0), (9, 2, None, 0.0)],
    )
    def test_elapsed_seconds_run_from_start_to_end_or_last_change(
        self, started: int | None, updated: int, completed: int | None, seconds: float
    ) -> None:
        """Zero before the start, and never negative under a clock that jumped."""
        record = a_record(started_at=at(started), updated_at=at(updated), completed_at=at(completed))
        assert seconds == record.elapsed_seconds

    @pytest.mark.parametrize(
        ("rows", "started", "updated", "pace"),
        [(0, 0, 5, None), (10, 0, 5, 2.0), (10, 5, 5, None), (10, None, 5, None)],
    )
    def test_rows_per_second_is_the_mean(
        self, rows: int, started: int | None, updated: int, pace: float | None
    ) -> None:
        """Handled rows over elapsed seconds; unknown without either."""
        record = a_record(processed_rows=rows, started_at=at(started), updated_at=at(updated))
        assert pace == record.rows_per_second

    @pytest.mark.parametrize(
        ("status", "done", "elapsed", "eta"),
        [
            (JobStatus.PROCESSING, 25, 10, 30.0),
            (JobStatus.PROCESSING, 100, 10, 0.0),
            (JobStatus.PROCESSING, 0, 10, None),
            (JobStatus.PROCESSING, 25, 0, None),
            (JobStatus.PENDING, 25, 10, None),
            (JobStatus.PAUSED, 25, 10, None),
            (JobStatus.COMPLETED, 100, 10, 0.0),
            (JobStatus.FAILED, 25, 10, 0.0),
            (JobStatus.CANCELLED, 25, 10, 0.0),
        ],
    )
    def test_eta_follows_the_mean_pace(self, status: JobStatus, done: int, elapsed: int, eta: float | None) -> None:
        """What is left at the pace so far; unknown while nothing moves, 0 at the end."""
        record = a_record(status=status, bytes_processed=done, started_at=_NOON, updated_at=at(elapsed))
        assert eta == record.eta_seconds


class TestRaiseForStatus:
    """Failed jobs as exceptions, for who wants them."""

    @pytest.mark.parametrize("status", [JobStatus.FAILED, JobStatus.CANCELLED])
    def test_failed_and_cancelled_raise(self, status: JobStatus) -> None:
        """The exception names file, status, code and message."""
        record = a_record(status=status, error_code="empty", error_message="nothing in it")
        with pytest.raises(JobFailedError) as caught:
            record.raise_for_status()
        error = caught.value
        assert ("people.csv", status.value, "empty", "nothing in it") == (
            error.filename,
            error.status,
            error.code,
            error.message,
        )

    @pytest.mark.parametrize("status", sorted(set(JobStatus) - {JobStatus.FAILED, JobStatus.CANCELLED}))
    def test_the_others_do_not(self, status: JobStatus) -> None:
        """Rejected rows are no failure, nor is a job that is not done."""
        a_record(status=status, failed_rows=3).raise_for_status()


class TestToDict:
    """The record as JSON."""

    def test_stored_and_computed_values_are_json(self) -> None:
        """Ids and times are text, the rest is what it is, and nothing is left out."""
        record = a_record(
            owner="ana",
            status=JobStatus.PROCESSING,
            processed_rows=8,
            failed_rows=2,
            bytes_processed=50,
            started_at=_NOON,
            updated_at=at(5),
        )
        assert {
            "id": "00000000-0000-0000-0000-000000000007",
            "pipeline": "people",
            "filename": "people.csv",
            "owner": "ana",
            "status": "processing",
            "total_rows": None,
            "processed_rows": 8,
            "failed_rows": 2,
            "skipped_rows": 0,
            "bytes_total": 100,
            "bytes_processed": 50,
            "error_code": None,
            "error_message": None,
            "attempt": 0,
            "revision": 1,
            "created_at": "2024-05-01T12:00:00+00:00",
            "started_at": "2024-05-01T12:00:00+00:00",
            "completed_at": None,
            "updated_at": "2024-05-01T12:00:05+00:00",
            "parent_id": None,
            "root_id": None,
            "dry_run": False,
            "resolved_rows": 0,
            "fraction": 0.5,
            "success_rate": 0.8,
            "rows_per_second": 2.0,
            "elapsed_seconds": 5.0,
            "eta_seconds": 5.0,
        } == json.loads(json.dumps(record.to_dict()))

    def test_status_is_plain_text(self) -> None:
        """No enum slips through to who does not know it."""
        assert str is type(a_record().to_dict()["status"])

    def test_times_are_in_utc(self) -> None:
        """A time with another offset is shown in UTC."""
        elsewhere = _NOON.astimezone(timezone(timedelta(hours=5, minutes=30)))
        assert "2024-05-01T12:00:00+00:00" == a_record(created_at=elsewhere).to_dict()["created_at"]


def outcome(status: JobStatus, verb: Verb) -> JobStatus | None:
    """The status after `verb`, None where it is refused."""
    try:
        return next_status(status, verb)
    except TransitionError:
        return None


def at(seconds: float | None) -> datetime | None:
    """So many seconds past noon."""
    return None if seconds is None else _NOON + timedelta(seconds=seconds)
