"""`claim` and `renew`: who owns a job."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import attrs
import pytest

from csvpipe._intake.inspection import PLAN_VERSION
from csvpipe.errors import FileCode, FileFailure
from csvpipe.jobs import JobId, JobStatus, Verb
from csvpipe.store.protocol import JobStore, Lease, WorkerId
from csvpipe.testing._store_contract.harness import (
    ANA,
    BEN,
    LEASE_SECONDS,
    StoreFixtures,
    a_draft,
    a_result,
    claim_all,
    claim_new,
    ids,
)


class ClaimingContract(StoreFixtures):
    """How a worker gets a pending job, and keeps it."""

    def test_a_claimed_job_is_processing(self, store: JobStore, other: JobStore) -> None:
        """A claim changes the job once, and everybody sees it."""
        created = store.create(a_draft())
        (claim,) = claim_all(store)
        record = claim.record
        assert (JobStatus.PROCESSING, 1, 2) == (record.status, record.attempt, record.revision)
        assert record.started_at is not None
        assert record.updated_at >= created.updated_at
        assert record == other.get(created.id)

    def test_a_claim_holds_all_that_a_worker_needs(self, store: JobStore) -> None:
        """Plan, root and a lease whose token is the attempt."""
        root = JobId(a_draft().id)
        draft = attrs.evolve(a_draft(rows=5), root_id=root)
        claim = claim_new(store, draft)
        assert (draft.plan, root) == (claim.plan, claim.root_id)
        assert Lease(job_id=draft.id, worker=ANA, token=1) == claim.lease

    def test_a_claimed_job_is_not_claimed_again(self, store: JobStore, other: JobStore) -> None:
        """Under a live lease nobody else gets the job."""
        claim_new(store)
        assert [] == claim_all(other, BEN)

    def test_oldest_are_claimed_first(self, store: JobStore, other: JobStore) -> None:
        """Jobs are handed out in the order of their creation, up to the limit."""
        created = [handle.create(a_draft()).id for handle in (store, other) * 3]
        assert created[:4] == ids(claim_all(store, limit=4))
        assert created[4:] == ids(claim_all(other, limit=4))

    def test_a_released_job_takes_its_old_place(self, store: JobStore) -> None:
        """Age counts from creation, not from the release."""
        oldest = claim_new(store)
        younger = store.create(a_draft())
        store.settle(oldest.lease, Verb.RELEASE)
        assert [oldest.record.id, younger.id] == ids(claim_all(store))

    def test_only_the_named_pipelines(self, store: JobStore) -> None:
        """A worker gets jobs of the pipelines it knows, oldest first across them, and no others."""
        created = [store.create(a_draft(pipeline=name)).id for name in ("p", "q", "r", "p")]
        assert [created[0], created[1], created[3]] == ids(claim_all(store, pipelines=["q", "p"]))
        assert [] == claim_all(store, pipelines=["s"])
        assert [] == claim_all(store, pipelines=[])

    def test_no_file_above_max_bytes(self, store: JobStore) -> None:
        """`max_bytes` is inclusive; larger files stay for others."""
        sizes = {rows: store.create(a_draft(rows=rows)).id for rows in (50, 10, 11, 2)}
        assert [sizes[10], sizes[2]] == ids(claim_all(store, max_bytes=110))
        assert [sizes[50], sizes[11]] == ids(claim_all(store))

    def test_a_limit_of_none_at_all(self, store: JobStore) -> None:
        """A worker without a free slot gets nothing."""
        store.create(a_draft())
        assert [] == claim_all(store, limit=0)

    def test_started_at_is_set_once(self, store: JobStore, advance: Callable[[float], None]) -> None:
        """A job that is claimed again keeps the time of its first start, and counts the attempt."""
        first = claim_new(store)
        store.settle(first.lease, Verb.RELEASE)
        advance(100)
        (second,) = claim_all(store, BEN)
        assert first.record.started_at == second.record.started_at
        assert (2, 2) == (second.record.attempt, second.lease.token)

    @pytest.mark.parametrize("verb", [Verb.COMPLETE, Verb.FAIL, Verb.CANCEL, Verb.PAUSE])
    def test_only_pending_jobs_are_claimed(self, store: JobStore, advance: Callable[[float], None], verb: Verb) -> None:
        """What is paused or over is handed to nobody, however long it lies."""
        claim = claim_new(store)
        failure = FileFailure(code=FileCode.ABORTED, message="enough")
        store.settle(claim.lease, verb, results=[a_result(1, 10)], total_rows=10, failure=failure)  # type: ignore[arg-type]
        advance(LEASE_SECONDS * 10)
        assert [] == claim_all(store, BEN)

    def test_each_job_is_claimed_once_however_many_claim(self, store: JobStore, other: JobStore) -> None:
        """Eight workers that grab at the same time never get the same job."""
        created = {store.create(a_draft()).id for _ in range(40)}

        def grab_until_empty(number: int) -> list[JobId]:
            handle, worker, got = (store, other)[number % 2], WorkerId(f"worker {number}"), []
            while claims := claim_all(handle, worker, limit=3):
                got += ids(claims)
            return got

        with ThreadPoolExecutor(8) as threads:
            hauls = list(threads.map(grab_until_empty, range(8)))
        assert sorted(created) == sorted(job_id for haul in hauls for job_id in haul)

    # Turns ------------------------------------------------------------------------------------------------------------

    def test_owners_take_turns(self, store: JobStore, other: JobStore) -> None:
        """Who comes late with one file does not wait for all of another's; within an owner the oldest are first."""
        anas = [store.create(a_draft(owner="ana")).id for _ in range(4)]
        bens = [other.create(a_draft(owner="ben")).id for _ in range(2)]
        nobodys = store.create(a_draft()).id
        assert [anas[0], bens[0], nobodys, anas[1], bens[1], anas[2]] == ids(claim_all(store, limit=6))
        assert anas[3:] == ids(claim_all(other))

    def test_who_has_jobs_in_hand_waits(self, store: JobStore, other: JobStore) -> None:
        """Turns count over calls, and over pipelines: what an owner has in live hands counts, until it is settled."""
        first, *anas = [store.create(a_draft(owner="ana", pipeline=name)).id for name in ("q", "p", "p")]
        assert [first] == ids(claim_all(store, pipelines=["q"]))
        bens = [store.create(a_draft(owner="ben", pipeline="p")).id for _ in range(3)]
        assert bens[:1] == ids(claim_all(other, BEN, pipelines=["p"], limit=1))
        assert anas[:1] == ids(claim_all(store, pipelines=["p"], limit=1))
        claims = claim_all(other, pipelines=["p"], limit=1)
        assert bens[1:2] == ids(claims)
        store.settle(claims[0].lease, Verb.CANCEL)
        assert bens[2:] == ids(claim_all(store, pipelines=["p"], limit=1))

    def test_a_silent_workers_jobs_are_in_nobodys_hands(
        self, store: JobStore, advance: Callable[[float], None]
    ) -> None:
        """An owner whose worker is gone has its turn, and gets its oldest job back."""
        anas = [store.create(a_draft(owner="ana")).id for _ in range(3)]
        assert anas[:2] == ids(claim_all(store, limit=2))
        advance(LEASE_SECONDS + 1)
        ben = store.create(a_draft(owner="ben")).id
        assert [anas[0], ben, anas[1], anas[2]] == ids(claim_all(store, BEN))

    def test_turns_go_by_what_a_worker_can_do(self, store: JobStore) -> None:
        """Whose oldest file is too large for a worker has its turn with the next one that is not."""
        large, small = [store.create(a_draft(owner="ana", rows=rows)).id for rows in (50, 10)]
        bens = [store.create(a_draft(owner="ben")).id for _ in range(2)]
        assert [small, bens[0]] == ids(claim_all(store, limit=2, max_bytes=110))
        assert [large, bens[1]] == ids(claim_all(store))

    def test_a_later_plan_is_left_to_who_knows_it(self, store: JobStore) -> None:
        """A job of a newer csvpipe waits for one, neither claimed nor in the way of others."""
        draft = a_draft()
        later = store.create(attrs.evolve(draft, plan=attrs.evolve(draft.plan, version=PLAN_VERSION + 1))).id
        mine = store.create(a_draft()).id
        assert [mine] == ids(claim_all(store))
        assert JobStatus.PENDING is store.get(later).status

    # Renewal ----------------------------------------------------------------------------------------------------------

    def test_a_renewed_lease_lives_on(self, store: JobStore, other: JobStore, advance: Callable[[float], None]) -> None:
        """A renewal counts from now: the job stays with its worker past the first expiry, and not past the second."""
        claim = claim_new(store)
        advance(LEASE_SECONDS - 1)
        store.renew([claim.lease], lease_seconds=LEASE_SECONDS)
        advance(LEASE_SECONDS - 1)
        assert [] == claim_all(other, BEN)
        advance(2)
        assert [claim.record.id] == ids(claim_all(other, BEN))

    def test_renewal_changes_no_record(self, store: JobStore) -> None:
        """A heartbeat is no news of the job."""
        claim = claim_new(store)
        store.renew([claim.lease], lease_seconds=LEASE_SECONDS)
        assert claim.record == store.get(claim.record.id)

    def test_renewals_are_answered_in_order(self, store: JobStore) -> None:
        """One answer for each lease, held or not, in the order given."""
        for _ in range(3):
            store.create(a_draft())
        leases = [claim.lease for claim in claim_all(store)]
        store.settle(leases[1], Verb.RELEASE)
        answers = store.renew(leases[::-1], lease_seconds=LEASE_SECONDS)
        assert leases[::-1] == [answer.lease for answer in answers]
        assert [True, False, True] == [answer.is_held for answer in answers]

    def test_renewing_nothing(self, store: JobStore) -> None:
        """No leases, no answers."""
        assert [] == store.renew([], lease_seconds=LEASE_SECONDS)

    @pytest.mark.parametrize("verb", [Verb.PAUSE, Verb.CANCEL])
    def test_an_owner_learns_of_requests_by_renewal(self, store: JobStore, other: JobStore, verb: Verb) -> None:
        """What somebody asked of the job comes with the heartbeat, for as long as it stands."""
        claim = claim_new(store)
        assert [None] == [answer.requested for answer in store.renew([claim.lease], lease_seconds=LEASE_SECONDS)]
        other.request(claim.record.id, verb)  # type: ignore[arg-type]
        for _ in range(2):
            answers = store.renew([claim.lease], lease_seconds=LEASE_SECONDS)
            assert [(True, verb)] == [(answer.is_held, answer.requested) for answer in answers]
