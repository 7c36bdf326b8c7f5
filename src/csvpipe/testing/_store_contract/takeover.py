"""Takeovers and fences: what becomes of a job whose worker falls silent."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from csvpipe.errors import FileCode, FileFailure, LeaseLostError
from csvpipe.jobs import JobStatus, Verb
from csvpipe.store.protocol import Claim, JobStore
from csvpipe.testing._store_contract.harness import (
    ANA,
    BEN,
    LEASE_SECONDS,
    StoreFixtures,
    a_draft,
    a_result,
    a_row_error,
    claim_all,
    claim_new,
    ids,
)


class TakeoverContract(StoreFixtures):
    """How a job survives its worker."""

    def test_a_silent_workers_job_is_taken_over(
        self, store: JobStore, other: JobStore, advance: Callable[[float], None]
    ) -> None:
        """After the lease the job goes to another worker: still processing, with the next token."""
        claim = claim_new(store)
        advance(LEASE_SECONDS - 1)
        assert [] == claim_all(other, BEN)
        advance(2)
        (taken,) = claim_all(other, BEN)
        assert (JobStatus.PROCESSING, 2, 2) == (taken.record.status, taken.record.attempt, taken.lease.token)
        assert claim.record.started_at == taken.record.started_at
        assert claim.record.revision + 1 == taken.record.revision
        assert claim.plan == taken.plan

    def test_a_takeover_keeps_what_is_committed(self, store: JobStore, advance: Callable[[float], None]) -> None:
        """The successor goes on from the checkpoint."""
        claim = claim_new(store)
        done = a_result(1, 4, skipped=1)
        store.commit(claim.lease, [done], total_rows=10)
        (taken,) = take_over(store, advance)
        assert (10, 3, 1) == (taken.record.total_rows, taken.record.processed_rows, taken.record.skipped_rows)
        assert [done] == store.committed(claim.record.id)

    def test_takeovers_and_pending_jobs_queue_by_age(self, store: JobStore, advance: Callable[[float], None]) -> None:
        """A job to take over is neither before nor after its turn."""
        oldest = store.create(a_draft(rows=50)).id
        middle = claim_new_beside(store, max_bytes=110)
        youngest = store.create(a_draft()).id
        advance(LEASE_SECONDS + 1)
        assert [oldest, middle.record.id, youngest] == ids(claim_all(store, BEN))

    def test_oldest_are_taken_over_first(self, store: JobStore, advance: Callable[[float], None]) -> None:
        """Among jobs to take over their age counts, not when their workers got them."""
        jobs = [store.create(a_draft(rows=rows)).id for rows in (30, 20, 10)]
        for max_bytes in (110, 210, 310):
            claim_all(store, max_bytes=max_bytes)
        advance(LEASE_SECONDS + 1)
        assert jobs[:2] == ids(claim_all(store, BEN, limit=2))
        assert jobs[2:] == ids(claim_all(store, BEN))

    def test_takeovers_respect_pipelines_size_and_limit(
        self, store: JobStore, advance: Callable[[float], None]
    ) -> None:
        """A worker takes over only what it could have claimed, and the rest stays for others."""
        claim = claim_new(store)
        advance(LEASE_SECONDS + 1)
        assert [] == claim_all(store, BEN, pipelines=["something_else"])
        assert [] == claim_all(store, BEN, max_bytes=109)
        assert [] == claim_all(store, BEN, limit=0)
        assert [claim.record.id] == ids(claim_all(store, BEN, max_bytes=110))

    # Fences -----------------------------------------------------------------------------------------------------------

    def test_a_lease_that_ran_out_untaken_still_writes(self, store: JobStore, advance: Callable[[float], None]) -> None:
        """A worker that was merely slow loses nothing as long as nobody came for its job."""
        claim = claim_new(store)
        advance(LEASE_SECONDS * 3)
        assert 4 == store.commit(claim.lease, [a_result(1, 4)]).processed_rows
        record = store.settle(claim.lease, Verb.COMPLETE, results=[a_result(5, 6)], total_rows=10)
        assert JobStatus.COMPLETED is record.status

    def test_a_lease_that_ran_out_untaken_is_renewed(
        self, store: JobStore, other: JobStore, advance: Callable[[float], None]
    ) -> None:
        """A late renewal makes the lease live again."""
        claim = claim_new(store)
        advance(LEASE_SECONDS + 1)
        answers = store.renew([claim.lease], lease_seconds=LEASE_SECONDS)
        assert [True] == [answer.is_held for answer in answers]
        assert [] == claim_all(other, BEN)

    def test_a_replaced_worker_changes_nothing(
        self, store: JobStore, other: JobStore, advance: Callable[[float], None]
    ) -> None:
        """Every write of a zombie is refused, and leaves job, chunks and errors as its successor has them."""
        zombie = claim_new(store)
        (taken,) = take_over(other, advance)
        bad = a_result(1, 2, failed=1, errors=[a_row_error(1)])
        with pytest.raises(LeaseLostError, match=str(zombie.record.id)):
            store.commit(zombie.lease, [bad], total_rows=2)
        with pytest.raises(LeaseLostError):
            store.settle(zombie.lease, Verb.COMPLETE, results=[bad], total_rows=2)
        assert taken.record == store.get(zombie.record.id)
        assert ([], []) == (store.committed(zombie.record.id), store.row_errors(zombie.record.id))

    def test_a_replaced_worker_cannot_renew(
        self, store: JobStore, other: JobStore, advance: Callable[[float], None]
    ) -> None:
        """A zombie's heartbeat tells it that it is one, and neither shows nor extends its successor's lease."""
        zombie = claim_new(store)
        (taken,) = take_over(other, advance)
        other.request(taken.record.id, Verb.PAUSE)
        advance(LEASE_SECONDS - 1)
        (answer,) = store.renew([zombie.lease], lease_seconds=LEASE_SECONDS * 100)
        assert (zombie.lease, False, None) == (answer.lease, answer.is_held, answer.requested)
        advance(2)
        assert [] == claim_all(store, ANA)
        assert JobStatus.PAUSED is store.get(taken.record.id).status

    def test_the_successor_writes(self, store: JobStore, advance: Callable[[float], None]) -> None:
        """The new lease holds where the old one does not."""
        claim_new(store)
        (taken,) = take_over(store, advance)
        assert 4 == store.commit(taken.lease, [a_result(1, 4)]).processed_rows
        assert [True] == [answer.is_held for answer in store.renew([taken.lease], lease_seconds=LEASE_SECONDS)]

    # Requests to a worker that never answered -------------------------------------------------------------------------

    @pytest.mark.parametrize(("verb", "status"), [(Verb.PAUSE, JobStatus.PAUSED), (Verb.CANCEL, JobStatus.CANCELLED)])
    def test_a_takeover_enacts_what_was_requested(
        self,
        store: JobStore,
        advance: Callable[[float], None],
        verb: Verb,
        status: JobStatus,
    ) -> None:
        """A job that somebody paused or cancelled is settled by the next claim, and handed to nobody."""
        claim = claim_new(store)
        noted = store.request(claim.record.id, verb)  # type: ignore[arg-type]
        assert [] == take_over(store, advance)
        record = store.get(claim.record.id)
        assert (status, 1) == (record.status, record.attempt)
        assert noted.revision + 1 == record.revision
        assert status.is_terminal == (record.completed_at is not None)
        with pytest.raises(LeaseLostError):
            store.commit(claim.lease, [a_result(1, 2)])

    def test_settling_one_takes_no_ones_turn(self, store: JobStore, advance: Callable[[float], None]) -> None:
        """A job that a takeover only settles does not count against the limit."""
        claim = claim_new(store)
        store.request(claim.record.id, Verb.CANCEL)
        waiting = store.create(a_draft()).id
        advance(LEASE_SECONDS + 1)
        assert [waiting] == ids(claim_all(store, BEN, limit=1))

    # Crash loops ------------------------------------------------------------------------------------------------------

    def test_the_third_takeover_without_a_chunk_fails_the_job(
        self, store: JobStore, advance: Callable[[float], None]
    ) -> None:
        """A file that kills its workers is given to three of them, and then to no more."""
        claim = claim_new(store)
        (second,) = take_over(store, advance)
        (third,) = take_over(store, advance)
        assert [1, 2, 3] == [held.lease.token for held in (claim, second, third)]
        assert [] == take_over(store, advance)
        record = store.get(claim.record.id)
        assert (JobStatus.FAILED, FileCode.CRASH_LOOP) == (record.status, record.error_code)
        assert record.error_message is not None
        assert record.filename in record.error_message
        assert record.completed_at is not None
        assert third.record.revision + 1 == record.revision
        with pytest.raises(LeaseLostError):
            store.commit(third.lease, [a_result(1, 2)])

    def test_a_new_chunk_breaks_the_loop(self, store: JobStore, advance: Callable[[float], None]) -> None:
        """Whoever gets a chunk done has moved the job on: the count starts anew."""
        claim_new(store)
        take_over(store, advance)
        (third,) = take_over(store, advance)
        store.commit(third.lease, [a_result(1, 2)])
        assert [4, 5, None] == [token_of(take_over(store, advance)) for _ in range(3)]

    def test_an_old_chunk_does_not_break_the_loop(self, store: JobStore, advance: Callable[[float], None]) -> None:
        """Committing a known chunk again, or nothing, is no progress."""
        claim = claim_new(store)
        store.commit(claim.lease, [a_result(1, 2)])
        for _ in range(2):
            (taken,) = take_over(store, advance)
            store.commit(taken.lease, [a_result(1, 2)], total_rows=10)
        assert [] == take_over(store, advance)
        assert FileCode.CRASH_LOOP == store.get(claim.record.id).error_code

    @pytest.mark.parametrize("verb", [Verb.PAUSE, Verb.CANCEL])
    def test_a_request_comes_before_the_crash_loop(
        self, store: JobStore, advance: Callable[[float], None], verb: Verb
    ) -> None:
        """A job that somebody paused or cancelled is so, and not failed."""
        claim = claim_new(store)
        take_over(store, advance)
        take_over(store, advance)
        store.request(claim.record.id, verb)  # type: ignore[arg-type]
        assert [] == take_over(store, advance)
        assert store.get(claim.record.id).error_code is None

    def test_retry_forgets_past_takeovers(self, store: JobStore, advance: Callable[[float], None]) -> None:
        """A retried job may lose as many workers as a new one."""
        claim = claim_new(store)
        for _ in range(3):
            take_over(store, advance)
        store.request(claim.record.id, Verb.RETRY)
        assert [4, 5, 6, None] == [token_of(take_over(store, advance)) for _ in range(4)]

    def test_only_takeovers_count(self, store: JobStore) -> None:
        """A job that is released in good order again and again is in no loop."""
        claim = claim_new(store)
        for _ in range(5):
            store.settle(claim.lease, Verb.RELEASE)
            (claim,) = claim_all(store)
        assert 6 == claim.lease.token

    def test_a_retried_failure_does_not_count_its_chunks_as_new(
        self, store: JobStore, advance: Callable[[float], None]
    ) -> None:
        """Chunks from before a retry are known ones."""
        claim = claim_new(store)
        failure = FileFailure(code=FileCode.ABORTED, message="enough")
        store.settle(claim.lease, Verb.FAIL, results=[a_result(1, 2)], failure=failure)
        store.request(claim.record.id, Verb.RETRY)
        for _ in range(3):
            (taken,) = take_over(store, advance)
            store.commit(taken.lease, [a_result(1, 2)])
        assert [] == take_over(store, advance)


def take_over(store: JobStore, advance: Callable[[float], None]) -> list[Claim]:
    """Let every lease run out, and have `BEN` claim what there is."""
    advance(LEASE_SECONDS + 1)
    return claim_all(store, BEN)


def token_of(claims: list[Claim]) -> int | None:
    """The token of the one claim, None where there is none."""
    return claims[0].lease.token if claims else None


def claim_new_beside(store: JobStore, *, max_bytes: int) -> Claim:
    """Create a job, and have `ANA` claim it and no larger one."""
    record = store.create(a_draft())
    (claim,) = claim_all(store, max_bytes=max_bytes)
    assert record.id == claim.record.id
    return claim
