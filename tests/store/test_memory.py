"""The store in memory: the contract, and what is its own."""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta

import attrs
import pytest

from csvpipe.errors import ErrorTotal, FileCode, FileFailure
from csvpipe.jobs import JobStatus, Verb
from csvpipe.store import JobStore, MemoryJobStore
from csvpipe.testing import JobStoreContract, JumpingClock, StoreHarness
from csvpipe.testing._store_contract.harness import (
    ANA,
    BEN,
    a_draft,
    a_plan,
    a_result,
    a_row_error,
    claim_all,
    claim_new,
    ids,
)

_NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)


@pytest.fixture
def clock() -> JumpingClock:
    """The store's time."""
    return JumpingClock()


@pytest.fixture
def store(clock: JumpingClock) -> MemoryJobStore:
    """An empty store."""
    return MemoryJobStore(clock=clock, monotonic=clock.monotonic)


class TestMemoryJobStore(JobStoreContract):
    """The store in memory keeps the contract."""

    @pytest.fixture
    def make_store(self, clock: JumpingClock) -> StoreHarness:
        """Two handles on a store in memory are the same object."""
        store = MemoryJobStore(clock=clock, monotonic=clock.monotonic)
        return StoreHarness(store, store, clock.advance)


class TestWithTheSystemsClock:
    """A store that is made without arguments."""

    def test_times_are_now_in_utc(self) -> None:
        """Without a clock the system's is used."""
        before = datetime.now(UTC)
        record = MemoryJobStore().create(a_draft())
        assert before <= record.created_at <= datetime.now(UTC)

    def test_leases_live(self) -> None:
        """Without a monotonic clock the system's is used: a fresh lease of an hour holds."""
        store: JobStore = MemoryJobStore()
        store.create(a_draft())
        assert 1 == len(claim_all(store, lease_seconds=3600.0))
        assert [] == claim_all(store, BEN)


class TestTimes:
    """Which moment a record shows."""

    def test_each_change_is_stamped(self, store: MemoryJobStore, clock: JumpingClock) -> None:
        """Creation, start, change and end bear the clock's time, and a later change leaves the earlier times alone."""
        store.create(a_draft())
        clock.advance(5)
        (claim,) = claim_all(store)
        clock.advance(5)
        store.renew([claim.lease], lease_seconds=60.0)
        clock.advance(5)
        record = store.settle(claim.lease, Verb.COMPLETE, results=[a_result(1, 10)], total_rows=10)
        times = (record.created_at, record.started_at, record.updated_at, record.completed_at)
        assert (0, 5, 15, 15) == tuple(time and (time - _NOON).total_seconds() for time in times)

    def test_leases_ignore_the_wall_clock(self, clock: JumpingClock) -> None:
        """A wall clock that jumps takes no job from its owner."""
        wall = [_NOON]
        store = MemoryJobStore(clock=lambda: wall[0], monotonic=clock.monotonic)
        claim_new(store)
        wall[0] += timedelta(days=365)
        assert [] == claim_all(store, BEN)

    def test_order_follows_the_wall_clock_then_creation(self, clock: JumpingClock) -> None:
        """A job that was created under an earlier time is older; under the same time the first one is."""
        wall = [_NOON]
        store = MemoryJobStore(clock=lambda: wall[0], monotonic=clock.monotonic)
        noon, also_noon = store.create(a_draft()).id, store.create(a_draft()).id
        wall[0] -= timedelta(hours=1)
        eleven = store.create(a_draft()).id
        assert [also_noon, noon, eleven] == ids(store.list_jobs().jobs)
        assert [eleven, noon, also_noon] == ids(claim_all(store))


class TestLeases:
    """What the shortcut to the next expiry must not break."""

    def test_a_lease_ends_on_its_last_second(self, store: MemoryJobStore, clock: JumpingClock) -> None:
        """A lease of 30 seconds holds before the thirtieth, and not on it."""
        claim_new(store)
        clock.advance(29.999)
        assert [] == claim_all(store, BEN)
        clock.advance(0.001)
        assert 1 == len(claim_all(store, BEN))

    def test_a_shorter_renewal_brings_the_end_nearer(self, store: MemoryJobStore, clock: JumpingClock) -> None:
        """A renewal counts from now, also where the lease would have run longer."""
        claim = claim_new(store)
        store.renew([claim.lease], lease_seconds=1.0)
        clock.advance(1)
        assert [claim.record.id] == ids(claim_all(store, BEN))

    def test_each_lease_runs_out_by_itself(self, store: MemoryJobStore, clock: JumpingClock) -> None:
        """Of leases with different ends only those that have run out are taken over."""
        jobs = [store.create(a_draft()).id for _ in range(3)]
        for lease_seconds in (30.0, 10.0, 20.0):
            claim_all(store, limit=1, lease_seconds=lease_seconds)
        taken = []
        for _ in range(3):
            clock.advance(10)
            taken += ids(claim_all(store, BEN, lease_seconds=1000.0))
        assert [jobs[1], jobs[2], jobs[0]] == taken

    def test_a_job_left_to_others_stays_claimable(self, store: MemoryJobStore, clock: JumpingClock) -> None:
        """A claim that could not take a job over does not hide it from the next one."""
        claim = claim_new(store)
        clock.advance(31)
        for _ in range(3):
            assert [] == claim_all(store, BEN, pipelines=["something_else"])
        assert [claim.record.id] == ids(claim_all(store, BEN))


class TestTotals:
    """What is known of errors that the store was not given."""

    def test_samples_of_spilled_errors(self, store: MemoryJobStore) -> None:
        """A kind of error that went to a spill file as a whole is shown by the worker's own samples."""
        claim = claim_new(store)
        spilled = [a_row_error(row, code="date") for row in (3, 4)]
        total = ErrorTotal(code="date", column="id", errors=900, samples=tuple(spilled))
        result = attrs.evolve(a_result(1, 1000, failed=901, errors=[a_row_error(1)]))
        result = attrs.evolve(result, totals=(*result.totals, total))
        store.commit(claim.lease, [result])
        totals = store.error_totals(claim.record.id, samples=1)
        assert [(900, (spilled[0],)), (1, (a_row_error(1),))] == [(each.errors, each.samples) for each in totals]


class TestMisuse:
    """What a careful caller never does."""

    def test_a_job_does_not_fail_for_no_reason(self, store: MemoryJobStore) -> None:
        """Failing without a failure raises, and writes nothing of the call."""
        claim = claim_new(store)
        with pytest.raises(ValueError, match="failure"):
            store.settle(claim.lease, Verb.FAIL, results=[a_result(1, 2)])
        assert (claim.record, []) == (store.get(claim.record.id), store.committed(claim.record.id))

    def test_a_job_that_was_never_inspected_cannot_complete(self, store: MemoryJobStore) -> None:
        """A retry of a file that intake refused ends as a failure that says so."""
        failure = FileFailure(code=FileCode.EMPTY, message="nothing in it")
        draft = attrs.evolve(a_draft(failure=failure), plan=attrs.evolve(a_plan(), source=None, inspection=None))
        store.create(draft)
        store.request(draft.id, Verb.RETRY)
        (claim,) = claim_all(store)
        record = store.settle(claim.lease, Verb.COMPLETE, total_rows=0)
        assert (JobStatus.FAILED, FileCode.CONSERVATION) == (record.status, record.error_code)
        assert "never inspected" in str(record.error_message)

    def test_a_cancelled_pending_job_can_be_deleted(self, store: MemoryJobStore) -> None:
        """Deletion finds a job wherever its status has put it."""
        first, second = store.create(a_draft()).id, store.create(a_draft()).id
        store.request(first, Verb.CANCEL)
        store.delete(first)
        assert [second] == ids(claim_all(store))


class TestRepr:
    """What the store says of itself."""

    def test_jobs_are_counted_by_status(self, store: MemoryJobStore) -> None:
        """The repr shows how many jobs are where, and leaves out where none are."""
        assert "<MemoryJobStore>" == repr(store)
        for _ in range(3):
            store.create(a_draft())
        claim_all(store, ANA, limit=1)
        assert "<MemoryJobStore pending=2 processing=1>" == repr(store)


class TestLargeNumbers:
    """Thousands of jobs, without a clock: the work is counted, not timed."""

    def test_claiming_does_not_look_at_every_job(self, store: MemoryJobStore) -> None:
        """A claim among 4,000 jobs runs no more Python code than one among 40."""
        assert lines_of_a_claim(store, jobs=40) * 2 > lines_of_a_claim(store, jobs=4_000)


def lines_of_a_claim(store: MemoryJobStore, *, jobs: int) -> int:
    """How many Python lines run in a claim when so many jobs are waiting and as many are processing."""
    for _ in range(jobs):
        store.create(a_draft())
    claim_all(store, limit=jobs)
    for _ in range(jobs):
        store.create(a_draft())
    lines = 0

    def count(_frame: object, event: str, _argument: object) -> object:
        nonlocal lines
        lines += event == "line"
        return count

    before = sys.gettrace()
    sys.settrace(count)  # type: ignore[arg-type]
    try:
        claims = claim_all(store, limit=1)
    finally:
        sys.settrace(before)
    assert 1 == len(claims)
    return lines
