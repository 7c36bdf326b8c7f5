"""Chains of mended submissions: one at a time, and what they have resolved is known for good."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Literal
from uuid import uuid4

import attrs
import pytest

from csvpipe._intake.mended.layout import Mends
from csvpipe._process.result import ChunkResult
from csvpipe._process.rowset import RowSet
from csvpipe.errors import FileCode, FileFailure, JobNotFoundError, LeaseLostError, ParentError
from csvpipe.jobs import JobId, JobRecord, JobStatus, Verb
from csvpipe.store.protocol import Claim, JobDraft, JobStore
from csvpipe.testing._store_contract.harness import (
    BEN,
    LEASE_SECONDS,
    StoreFixtures,
    a_draft,
    a_plan,
    a_result,
    claim_all,
    claim_new,
)

_FAILURE = FileFailure(code=FileCode.REJECT_LIMIT, message="too many")


class MendingContract(StoreFixtures):
    """How a job mends the rejected rows of another."""

    # Chains -----------------------------------------------------------------------------------------------------------

    def test_a_mended_submission_knows_where_it_comes_from(self, store: JobStore, other: JobStore) -> None:
        """Its record names its parent and the first job; a first job's names neither."""
        first = a_first_job(store)
        child = store.create(a_child(first))
        assert (first.id, first.id, 0) == (child.parent_id, child.root_id, child.resolved_rows)
        assert (None, None, 0) == (first.parent_id, first.root_id, first.resolved_rows)
        assert child == other.get(child.id)
        (claim,) = claim_all(store)
        assert first.id == claim.root_id

    def test_the_plan_says_where_the_columns_stand(self, store: JobStore, other: JobStore) -> None:
        """What a mended file's plan holds comes back as it was given."""
        first = a_first_job(store)
        mends = Mends(columns=("id", "name"), cells=(3, 1), width=4, row=0, code=None, raw=2)
        draft = attrs.evolve(a_child(first), plan=attrs.evolve(a_plan(), mends=mends))
        store.create(draft)
        assert draft.plan == other.plan(draft.id)

    def test_an_unknown_parent_is_not_found(self, store: JobStore) -> None:
        """Nothing is added where the parent, or the first job of its chain, is gone."""
        first = a_first_job(store)
        unknown = JobId(uuid4())
        for draft in (
            attrs.evolve(a_child(first), parent_id=unknown),
            attrs.evolve(a_child(first), root_id=unknown),
        ):
            with pytest.raises(JobNotFoundError, match=str(unknown)):
                store.create(draft)
        assert 1 == store.list_jobs().total

    @pytest.mark.parametrize("state", ["pending", "processing", "paused"])
    def test_one_submission_at_a_time(self, store: JobStore, other: JobStore, state: str) -> None:
        """While a job of the chain has not ended, the next one is refused, adds nothing, and is told which it is."""
        first = a_first_job(store)
        child = store.create(a_child(first))
        if state == "processing":
            claim_all(store)
        elif state == "paused":
            store.request(child.id, Verb.PAUSE)
        with pytest.raises(ParentError, match=str(child.id)):
            other.create(a_child(first))
        assert 2 == store.list_jobs().total

    def test_the_first_job_must_have_ended(self, store: JobStore) -> None:
        """Rows that are still being handled are nobody's to mend."""
        first = claim_new(store).record
        with pytest.raises(ParentError, match=str(first.id)):
            store.create(a_child(first))

    @pytest.mark.parametrize("verb", [Verb.FAIL, Verb.CANCEL])
    def test_after_its_end_the_next_one_may_come(self, store: JobStore, verb: Literal[Verb.FAIL, Verb.CANCEL]) -> None:
        """However a submission has ended; its own parent may be any job of the chain."""
        first = a_first_job(store)
        claim = claim_new(store, a_child(first))
        store.settle(claim.lease, verb, failure=_FAILURE if verb is Verb.FAIL else None)
        draft = attrs.evolve(a_child(first), parent_id=claim.record.id)
        assert (claim.record.id, first.id) == (store.create(draft).parent_id, store.get(draft.id).root_id)

    def test_other_chains_do_not_matter(self, store: JobStore) -> None:
        """Every first job has a chain of its own."""
        jobs = [a_first_job(store) for _ in range(2)]
        children = [store.create(a_child(first)) for first in jobs]
        assert [first.id for first in jobs] == [child.root_id for child in children]

    def test_however_many_come_at_once_one_is_taken(self, store: JobStore, other: JobStore) -> None:
        """Submissions that race for the same rows make one job."""
        first = a_first_job(store)

        def create(handle: JobStore) -> None:
            with suppress(ParentError):
                handle.create(a_child(first))

        with ThreadPoolExecutor(8) as threads:
            list(threads.map(create, (store, other) * 8))
        assert 2 == store.list_jobs().total

    def test_a_refused_file_is_in_nobodys_way(self, store: JobStore) -> None:
        """A submission that failed at intake is recorded, also while another one runs, and holds up none."""
        first = a_first_job(store)
        refused = [store.create(attrs.evolve(a_child(first), failure=_FAILURE)) for _ in range(2)]
        assert [JobStatus.FAILED] * 2 == [record.status for record in refused]
        store.create(a_child(first))
        store.create(attrs.evolve(a_child(first), failure=_FAILURE))

    def test_a_repeat_under_a_key_is_no_second_submission(self, store: JobStore) -> None:
        """Who repeats a submission gets its job, not an error that it is on its way."""
        first = a_first_job(store)
        child = store.create(attrs.evolve(a_child(first), idempotency_key="k1"))
        assert child == store.create(attrs.evolve(a_child(first), idempotency_key="k1"))

    def test_retry_waits_for_the_others(self, store: JobStore, other: JobStore) -> None:
        """A failed job of a chain goes on only when no other one is on its way."""
        first = a_first_job(store, verb=Verb.FAIL)
        claim = claim_new(store, a_child(first))
        store.settle(claim.lease, Verb.FAIL, failure=_FAILURE)
        second = store.create(a_child(first))
        for failed in (first.id, claim.record.id):
            with pytest.raises(ParentError, match=str(second.id)):
                other.request(failed, Verb.RETRY)
            assert JobStatus.FAILED is store.get(failed).status
        store.request(second.id, Verb.CANCEL)
        assert JobStatus.PENDING is other.request(claim.record.id, Verb.RETRY).status

    # Resolved rows ----------------------------------------------------------------------------------------------------

    def test_what_is_resolved_counts_for_the_first_job(self, store: JobStore, other: JobStore) -> None:
        """Its own counts stay, and it changes once with each commit that resolves rows."""
        first = a_first_job(store)
        claim = claim_new(store, a_child(first))
        record = store.commit(claim.lease, [resolving(1, [2, 3, 9])])
        assert (0, 3) == (record.resolved_rows, record.processed_rows)
        after = other.get(first.id)
        assert (3, first.failed_rows, first.revision + 1) == (after.resolved_rows, after.failed_rows, after.revision)
        assert JobStatus.COMPLETED is after.status
        store.settle(claim.lease, Verb.CANCEL, results=[resolving(4, [4, 5])])
        assert 5 == store.get(first.id).resolved_rows
        assert {2, 3, 4, 5, 9} == rows_of(other.resolved(first.id))

    def test_a_commit_that_resolves_nothing_is_no_news_of_the_first_job(self, store: JobStore) -> None:
        """A row that fails again stays open."""
        first = a_first_job(store)
        claim = claim_new(store, a_child(first))
        store.commit(claim.lease, [a_result(1, 2, failed=2)])
        assert first == store.get(first.id)
        assert [] == store.resolved(first.id)

    def test_a_repeat_resolves_nothing_twice(self, store: JobStore, other: JobStore) -> None:
        """A commit whose outcome was unknown may be repeated."""
        first = a_first_job(store)
        claim = claim_new(store, a_child(first))
        results = [resolving(1, [2, 3]), resolving(3, [7])]
        store.commit(claim.lease, results)
        before = store.get(first.id)
        other.commit(claim.lease, results)
        assert before == store.get(first.id)
        assert 3 == before.resolved_rows

    def test_the_same_start_replaces_what_was_resolved(self, store: JobStore) -> None:
        """A second result for a chunk takes back what the first one has resolved."""
        first = a_first_job(store)
        claim = claim_new(store, a_child(first))
        store.commit(claim.lease, [resolving(1, [2, 3, 4]), resolving(4, [8])])
        store.commit(claim.lease, [resolving(1, [2])])
        assert {2, 8} == rows_of(store.resolved(first.id))
        assert 2 == store.get(first.id).resolved_rows

    def test_results_come_back_with_their_rows(self, store: JobStore, other: JobStore) -> None:
        """What a job has rejected and resolved is part of its committed results."""
        first = a_first_job(store)
        assert [RowSet.of(range(2, 10))] == [result.rejected for result in other.committed(first.id)]
        claim = claim_new(store, a_child(first))
        store.commit(claim.lease, [resolving(1, [2, 9])])
        assert [resolving(1, [2, 9])] == other.committed(claim.record.id)

    def test_a_job_can_be_left_out(self, store: JobStore) -> None:
        """A resuming job must not find the rows resolved that it has resolved itself."""
        first = a_first_job(store)
        earlier = claim_new(store, a_child(first))
        store.settle(earlier.lease, Verb.CANCEL, results=[resolving(1, [2])])
        later = claim_new(store, a_child(first))
        store.commit(later.lease, [resolving(1, [3])])
        assert {2} == rows_of(store.resolved(first.id, apart_from=later.record.id))
        assert {2, 3} == rows_of(store.resolved(first.id))

    def test_a_replaced_worker_resolves_nothing(self, store: JobStore, advance: Callable[[float], None]) -> None:
        """After a takeover only the new owner's results count."""
        first = a_first_job(store)
        claim = claim_new(store, a_child(first))
        store.commit(claim.lease, [resolving(1, [2])])
        advance(LEASE_SECONDS + 1)
        (taken,) = claim_all(store, BEN)
        with pytest.raises(LeaseLostError):
            store.commit(claim.lease, [resolving(2, [3])])
        store.commit(taken.lease, [resolving(2, [4])])
        assert {2, 4} == rows_of(store.resolved(first.id))

    # Deletion ---------------------------------------------------------------------------------------------------------

    def test_what_is_resolved_outlives_the_job(self, store: JobStore, other: JobStore) -> None:
        """Rows that were imported are not open again when the job that did it is deleted."""
        first = a_first_job(store)
        claim = claim_new(store, a_child(first))
        store.settle(claim.lease, Verb.CANCEL, results=[resolving(1, [2, 3])])
        store.delete(claim.record.id)
        assert {2, 3} == rows_of(other.resolved(first.id))
        assert 2 == other.get(first.id).resolved_rows
        again = claim_new(store, a_child(first))
        store.commit(again.lease, [resolving(1, [4])])
        assert 3 == store.get(first.id).resolved_rows

    def test_a_first_job_stays_while_its_rows_are_mended(self, store: JobStore) -> None:
        """It can be deleted when no job of its chain is on its way, and takes along what is known of its rows."""
        first = a_first_job(store)
        claim = claim_new(store, a_child(first))
        with pytest.raises(ParentError, match=str(claim.record.id)):
            store.delete(first.id)
        store.settle(claim.lease, Verb.CANCEL, results=[resolving(1, [2])])
        store.delete(first.id)
        with pytest.raises(JobNotFoundError):
            store.resolved(first.id)
        assert first.id == store.get(claim.record.id).root_id


def a_first_job(store: JobStore, verb: Literal[Verb.COMPLETE, Verb.FAIL] = Verb.COMPLETE) -> JobRecord:
    """A job that has ended with the rows 2 to 9 of 10 rejected."""
    claim: Claim = claim_new(store)
    result = attrs.evolve(a_result(1, 10, failed=8), rejected=RowSet.of(range(2, 10)))
    failure = _FAILURE if verb is Verb.FAIL else None
    return store.settle(claim.lease, verb, results=[result], total_rows=10, failure=failure)


def a_child(first: JobRecord) -> JobDraft:
    """A submission of mended rows of this job."""
    return attrs.evolve(a_draft(), root_id=first.id, parent_id=first.id)


def resolving(first_row: int, rows: Sequence[int]) -> ChunkResult:
    """What a worker reports of a mended file's rows from `first_row` on, which are these of the first file."""
    return attrs.evolve(a_result(first_row, len(rows)), resolved=RowSet.of(rows))


def rows_of(sets: Iterable[RowSet]) -> set[int]:
    """All rows of several sets, none of which may be empty."""
    found = list(sets)
    assert all(found)
    return {row for rows in found for start, stop in rows.ranges() for row in range(start, stop)}
