"""`identity`, `forfeit`, `ended_before`, and claims of what a worker can reach: what pools in many places rely on."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import attrs

from csvpipe.errors import FileCode, FileFailure
from csvpipe.jobs import JobStatus, Verb
from csvpipe.store.protocol import JobDraft, JobStore, WorkerId
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


class ReachContract(StoreFixtures):
    """What a store tells its workers of each other, and of files that not all of them see."""

    def test_a_store_has_one_name(self, store: JobStore, other: JobStore) -> None:
        """Every handle knows the store by the same name, which is fit for the name of a file."""
        assert store.identity == other.identity == store.identity
        assert re.fullmatch("[a-z0-9]{8,64}", store.identity)

    def test_a_repeated_creation_gives_the_job(self, store: JobStore, other: JobStore) -> None:
        """Whoever lost the answer asks again with the same draft: one job, as it is now."""
        draft = a_draft()
        claim = claim_new(store, draft)
        assert claim.record == other.create(draft)
        assert 1 == store.list_jobs().total

    # Spools -----------------------------------------------------------------------------------------------------------

    def test_a_file_out_of_reach_is_left_alone(self, store: JobStore, other: JobStore) -> None:
        """A worker gets the uploads of its spools and the files in place, and leaves other spools' to others."""
        here, there = store.create(in_spool("here")), store.create(in_spool("there"))
        in_place = store.create(a_draft())
        assert [here.id, in_place.id] == ids(store.claim(ANA, **_CLAIM, spools=["here", "elsewhere"]))
        assert there == store.get(there.id)
        assert [there.id] == ids(other.claim(BEN, **_CLAIM, spools={"there"}))

    def test_whoever_has_no_spool_gets_files_in_place(self, store: JobStore) -> None:
        """No spools are not the same as any spool."""
        upload, in_place = store.create(in_spool("here")), store.create(a_draft())
        assert [in_place.id] == ids(store.claim(ANA, **_CLAIM, spools=[]))
        assert [upload.id] == ids(store.claim(ANA, **_CLAIM, spools=None))

    def test_takeovers_respect_reach(self, store: JobStore, advance: Callable[[float], None]) -> None:
        """Neither taken over nor ended by somebody who could do nothing for it."""
        draft = in_spool("here")
        claim = claim_new(store, draft)
        noted = store.request(draft.id, Verb.CANCEL)
        advance(LEASE_SECONDS + 1)
        assert [] == store.claim(BEN, **_CLAIM, spools=["there"])
        assert (noted, 1) == (store.get(draft.id), claim.lease.token)
        assert [] == store.claim(BEN, **_CLAIM, spools=["here"])
        assert JobStatus.CANCELLED is store.get(draft.id).status

    def test_a_full_queue_out_of_reach_hides_nothing(self, store: JobStore) -> None:
        """However many older jobs lie elsewhere, what can be reached is found."""
        for _ in range(30):
            store.create(in_spool("there"))
        here = store.create(in_spool("here"))
        assert [here.id] == ids(store.claim(ANA, **{**_CLAIM, "limit": 2}, spools=["here"]))

    # Dead workers -----------------------------------------------------------------------------------------------------

    def test_a_dead_workers_jobs_are_taken_over_at_once(self, store: JobStore, other: JobStore) -> None:
        """Nobody waits for a lease whose worker is known to be gone."""
        claim = claim_new(store)
        assert [] == claim_all(other, BEN)
        assert 1 == other.forfeit([ANA])
        assert claim.record == store.get(claim.record.id)
        (taken,) = claim_all(other, BEN)
        assert (2, claim.record.revision + 1) == (taken.lease.token, taken.record.revision)

    def test_forfeiting_again_ends_nothing(self, store: JobStore) -> None:
        """Two that find the same worker dead do what one would, and the successor keeps its lease."""
        claim_new(store)
        assert [1, 0] == [store.forfeit([ANA]) for _ in range(2)]
        (taken,) = claim_all(store, BEN)
        assert 0 == store.forfeit([ANA])
        assert [] == claim_all(store, ANA)
        assert [True] == [answer.is_held for answer in store.renew([taken.lease], lease_seconds=LEASE_SECONDS)]

    def test_the_living_keep_their_leases(self, store: JobStore) -> None:
        """Only the named workers forfeit anything; unknown ones have nothing to forfeit."""
        claim_new(store)
        assert 0 == store.forfeit([BEN, WorkerId("nobody")])
        assert 0 == store.forfeit([])
        assert [] == claim_all(store, BEN)

    def test_who_was_not_dead_may_renew(self, store: JobStore, advance: Callable[[float], None]) -> None:
        """A forfeited lease is one that has run out: it still writes, and a renewal makes it live again."""
        claim = claim_new(store)
        store.forfeit([ANA])
        assert 2 == store.commit(claim.lease, [a_result(1, 2)]).processed_rows
        assert [True] == [answer.is_held for answer in store.renew([claim.lease], lease_seconds=LEASE_SECONDS)]
        advance(LEASE_SECONDS - 1)
        assert [] == claim_all(store, BEN)

    def test_forfeited_leases_count_towards_a_crash_loop(self, store: JobStore) -> None:
        """A file that kills its workers does so as well where their deaths are noticed at once."""
        claim = claim_new(store)
        for _ in range(2):
            store.forfeit([ANA])
            claim_all(store)
        store.forfeit([ANA])
        assert [] == claim_all(store)
        assert FileCode.CRASH_LOOP == store.get(claim.record.id).error_code

    # Retention --------------------------------------------------------------------------------------------------------

    def test_ended_jobs_are_found_by_their_end(self, store: JobStore, other: JobStore) -> None:
        """Those that ended first come first, up to the limit; what has not ended is never among them."""
        ended = [store.create(a_draft(failure=_FAILURE)) for _ in range(3)]
        completed = claim_new(store)
        done = store.settle(completed.lease, Verb.COMPLETE, results=[a_result(1, 10)], total_rows=10)
        waiting = store.create(a_draft())
        store.request(store.create(a_draft()).id, Verb.PAUSE)
        later = waiting.created_at + timedelta(days=1)
        assert [*ids(ended), done.id] == other.ended_before(later, limit=100)
        assert ids(ended)[:2] == other.ended_before(later, limit=2)
        assert [done.id] == other.ended_before(later, status=JobStatus.COMPLETED, limit=100)
        assert [] == other.ended_before(later, status=JobStatus.PENDING, limit=100)

    def test_what_ended_later_is_not_found(self, store: JobStore) -> None:
        """The time itself is not before it."""
        record = store.create(a_draft(failure=_FAILURE))
        assert record.completed_at is not None
        assert [] == store.ended_before(record.completed_at, limit=100)
        assert [record.id] == store.ended_before(record.completed_at + timedelta(microseconds=1), limit=100)

    def test_a_retried_job_has_not_ended(self, store: JobStore) -> None:
        """Neither has one that goes on."""
        record = store.create(a_draft(failure=_FAILURE))
        store.request(record.id, Verb.RETRY)
        assert [] == store.ended_before(record.created_at + timedelta(days=1), limit=100)


_FAILURE = FileFailure(code=FileCode.ABORTED, message="enough")

_CLAIM: dict[str, Any] = {"pipelines": ["import_people"], "limit": 100, "lease_seconds": LEASE_SECONDS}


def in_spool(spool_id: str) -> JobDraft:
    """A job whose file was uploaded to a spool."""
    draft = a_draft()
    assert draft.plan.source is not None
    source = attrs.evolve(draft.plan.source, is_spooled=True, spool_id=spool_id)
    return attrs.evolve(draft, plan=attrs.evolve(draft.plan, source=source))
