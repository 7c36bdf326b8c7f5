"""`request`: what anybody may ask of a job."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final
from uuid import uuid4

import pytest

from csvpipe._process.result import ChunkResult
from csvpipe.errors import FileCode, FileFailure, JobNotFoundError, LeaseLostError, TransitionError
from csvpipe.jobs import JobId, JobRecord, JobStatus, Verb
from csvpipe.store.protocol import JobStore, Lease
from csvpipe.testing._store_contract.harness import (
    LEASE_SECONDS,
    StoreFixtures,
    a_draft,
    a_result,
    a_row_error,
    claim_all,
    claim_new,
    ids,
)

_P, _R, _H = JobStatus.PENDING, JobStatus.PROCESSING, JobStatus.PAUSED
_C, _F, _X = JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.CANCELLED

_OUTCOMES: Final[dict[tuple[JobStatus, Verb], JobStatus | None]] = {
    (_P, Verb.PAUSE): _H,
    (_P, Verb.RESUME): _P,
    (_P, Verb.CANCEL): _X,
    (_P, Verb.RETRY): _P,
    (_H, Verb.PAUSE): _H,
    (_H, Verb.RESUME): _P,
    (_H, Verb.CANCEL): _X,
    (_H, Verb.RETRY): None,
    (_C, Verb.PAUSE): _C,
    (_C, Verb.RESUME): None,
    (_C, Verb.CANCEL): _C,
    (_C, Verb.RETRY): None,
    (_F, Verb.PAUSE): _F,
    (_F, Verb.RESUME): None,
    (_F, Verb.CANCEL): _F,
    (_F, Verb.RETRY): _P,
    (_X, Verb.PAUSE): _X,
    (_X, Verb.RESUME): None,
    (_X, Verb.CANCEL): _X,
    (_X, Verb.RETRY): None,
}
"""What a request makes of a job that nobody owns; None where it is refused."""


class RequestingContract(StoreFixtures):
    """How a job is paused, resumed, cancelled and retried from outside."""

    @pytest.mark.parametrize(("status", "verb"), list(_OUTCOMES))
    def test_an_unowned_job_obeys_at_once(
        self, store: JobStore, other: JobStore, status: JobStatus, verb: Verb
    ) -> None:
        """Each verb does to each status what the table says: a change, a repeat without one, or a refusal."""
        before, expected = a_job_that_is(store, status), _OUTCOMES[status, verb]
        if expected is None:
            with pytest.raises(TransitionError):
                other.request(before.id, verb)  # type: ignore[arg-type]
            assert before == store.get(before.id)
            return
        after = other.request(before.id, verb)  # type: ignore[arg-type]
        assert expected is after.status
        assert after == store.get(before.id)
        if expected is status:
            assert before == after
        else:
            assert before.revision + 1 == after.revision
            assert expected.is_terminal == (after.completed_at is not None)

    @pytest.mark.parametrize("verb", [Verb.PAUSE, Verb.RESUME, Verb.CANCEL, Verb.RETRY])
    def test_nothing_is_asked_of_an_unknown_job(self, store: JobStore, verb: Verb) -> None:
        """Nothing can be asked of a job that is not there."""
        with pytest.raises(JobNotFoundError):
            store.request(JobId(uuid4()), verb)  # type: ignore[arg-type]

    @pytest.mark.parametrize(("status", "claimed"), [(_P, True), (_H, False), (_C, False), (_F, False), (_X, False)])
    def test_only_a_pending_job_is_claimed(self, store: JobStore, status: JobStatus, *, claimed: bool) -> None:
        """What a request has made of a job decides who gets it."""
        record = a_job_that_is(store, status)
        assert ([record.id] if claimed else []) == ids(claim_all(store))

    def test_a_resumed_job_is_claimed(self, store: JobStore) -> None:
        """Paused and resumed, a job waits its turn again."""
        record = a_job_that_is(store, _H)
        store.request(record.id, Verb.RESUME)
        assert [record.id] == ids(claim_all(store))

    # Under a live lease -----------------------------------------------------------------------------------------------

    @pytest.mark.parametrize("verb", [Verb.PAUSE, Verb.CANCEL])
    def test_a_live_owner_is_asked(self, store: JobStore, other: JobStore, verb: Verb) -> None:
        """The job goes on until its owner has heard; the note is a change, its repeat is none."""
        claim = claim_new(store)
        noted = other.request(claim.record.id, verb)  # type: ignore[arg-type]
        assert (JobStatus.PROCESSING, claim.record.revision + 1) == (noted.status, noted.revision)
        assert noted == other.request(claim.record.id, verb)  # type: ignore[arg-type]
        assert 2 == store.commit(claim.lease, [a_result(1, 2)]).processed_rows

    def test_resume_takes_back_a_noted_pause(self, store: JobStore, other: JobStore) -> None:
        """A pause that its owner has not enacted yet is forgotten; taking it back twice changes nothing more."""
        claim = claim_new(store)
        noted = other.request(claim.record.id, Verb.PAUSE)
        resumed = other.request(claim.record.id, Verb.RESUME)
        assert (JobStatus.PROCESSING, noted.revision + 1) == (resumed.status, resumed.revision)
        assert resumed == other.request(claim.record.id, Verb.RESUME)
        assert [None] == requests_heard(store, claim.lease)
        assert JobStatus.PENDING is store.settle(claim.lease, Verb.RELEASE).status

    @pytest.mark.parametrize("verb", [Verb.RESUME, Verb.PAUSE])
    def test_nothing_takes_back_a_cancel(self, store: JobStore, verb: Verb) -> None:
        """A cancel outlasts whatever is asked after it."""
        claim = claim_new(store)
        noted = store.request(claim.record.id, Verb.CANCEL)
        assert noted == store.request(claim.record.id, verb)  # type: ignore[arg-type]
        assert [Verb.CANCEL] == requests_heard(store, claim.lease)

    def test_a_cancel_replaces_a_pause(self, store: JobStore) -> None:
        """Of a pause and a cancel the owner hears the cancel."""
        claim = claim_new(store)
        store.request(claim.record.id, Verb.PAUSE)
        store.request(claim.record.id, Verb.CANCEL)
        assert [Verb.CANCEL] == requests_heard(store, claim.lease)

    @pytest.mark.parametrize("verb", [Verb.RESUME, Verb.RETRY])
    def test_a_running_job_need_not_be_started(self, store: JobStore, verb: Verb) -> None:
        """Resume and retry of a job that is processing ask for what already is."""
        claim = claim_new(store)
        assert claim.record == store.request(claim.record.id, verb)  # type: ignore[arg-type]
        assert [None] == requests_heard(store, claim.lease)

    def test_retry_of_a_running_job_takes_back_nothing(self, store: JobStore) -> None:
        """Only `resume` takes back a noted pause."""
        claim = claim_new(store)
        noted = store.request(claim.record.id, Verb.PAUSE)
        assert noted == store.request(claim.record.id, Verb.RETRY)
        assert [Verb.PAUSE] == requests_heard(store, claim.lease)

    # After the lease ran out ------------------------------------------------------------------------------------------

    @pytest.mark.parametrize(("verb", "status"), [(Verb.PAUSE, _H), (Verb.CANCEL, _X)])
    def test_a_silent_owner_is_not_waited_for(
        self, store: JobStore, advance: Callable[[float], None], verb: Verb, status: JobStatus
    ) -> None:
        """Of a job whose lease has run out the verb is enacted at once, and its owner has lost it."""
        claim = claim_new(store)
        advance(LEASE_SECONDS + 1)
        assert status is store.request(claim.record.id, verb).status  # type: ignore[arg-type]
        with pytest.raises(LeaseLostError):
            store.commit(claim.lease, [a_result(1, 2)])
        assert [False] == [answer.is_held for answer in store.renew([claim.lease], lease_seconds=1.0)]

    def test_resume_takes_back_a_pause_that_a_silent_owner_never_heard(
        self, store: JobStore, advance: Callable[[float], None]
    ) -> None:
        """The next worker takes the job over as if nobody had asked."""
        claim = claim_new(store)
        store.request(claim.record.id, Verb.PAUSE)
        advance(LEASE_SECONDS + 1)
        store.request(claim.record.id, Verb.RESUME)
        assert [claim.record.id] == ids(claim_all(store))

    # Retry ------------------------------------------------------------------------------------------------------------

    def test_retry_clears_the_error_and_keeps_the_work(self, store: JobStore) -> None:
        """A failed job goes on from its checkpoint, without the reason why it had failed."""
        claim = claim_new(store)
        done = a_result(1, 4)
        failed = fail(store, claim.lease, results=[done])
        record = store.request(failed.id, Verb.RETRY)
        assert (JobStatus.PENDING, None, None, None) == (
            record.status,
            record.error_code,
            record.error_message,
            record.completed_at,
        )
        assert (4, 50, claim.record.started_at) == (
            record.processed_rows,
            record.bytes_processed,
            record.started_at,
        )
        assert [done] == store.committed(record.id)
        (again,) = claim_all(store)
        assert (2, 4) == (again.record.attempt, again.record.processed_rows)

    def test_retry_keeps_the_row_errors(self, store: JobStore) -> None:
        """Rows that were rejected before the failure stay rejected."""
        claim = claim_new(store)
        failed = fail(store, claim.lease, results=[a_result(1, 4, failed=1, errors=[a_row_error(2)])])
        store.request(failed.id, Verb.RETRY)
        assert [(0, a_row_error(2))] == store.row_errors(failed.id)


def fail(store: JobStore, lease: Lease, results: Sequence[ChunkResult] = ()) -> JobRecord:
    """Have the owner fail its job."""
    failure = FileFailure(code=FileCode.ABORTED, message="enough")
    return store.settle(lease, Verb.FAIL, results=results, failure=failure)


def requests_heard(store: JobStore, lease: Lease) -> list[Verb | None]:
    """What the owner learns by its next renewal."""
    return [answer.requested for answer in store.renew([lease], lease_seconds=LEASE_SECONDS)]


def a_job_that_is(store: JobStore, status: JobStatus) -> JobRecord:
    """A new job, brought to a status in which nobody owns it."""
    if status is JobStatus.PENDING:
        return store.create(a_draft())
    lease = claim_new(store).lease
    if status is JobStatus.FAILED:
        return fail(store, lease)
    if status is JobStatus.COMPLETED:
        return store.settle(lease, Verb.COMPLETE, results=[a_result(1, 10)], total_rows=10)
    return store.settle(lease, Verb.PAUSE if status is JobStatus.PAUSED else Verb.CANCEL)
