"""A clock that jumps, and what stores make of it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

import csvpipe
from csvpipe.jobs import Verb
from csvpipe.store.protocol import JobStore
from csvpipe.testing import JumpingClock
from csvpipe.testing._store_contract.harness import BEN, LEASE_SECONDS, a_result, claim_all, claim_new


@pytest.fixture
def clock() -> JumpingClock:
    """Of the store."""
    return JumpingClock()


@pytest.fixture(params=["memory", "sqlite"])
def store(request: pytest.FixtureRequest, clock: JumpingClock, tmp_path: Path) -> Iterator[JobStore]:
    """A store that goes by the clock."""
    if request.param == "memory":
        yield csvpipe.MemoryJobStore(clock=clock, monotonic=clock.monotonic)
        return
    with csvpipe.SQLJobStore(f"sqlite:///{tmp_path}/jobs.db", clock=clock) as opened:
        yield opened


def test_time_passes_and_clocks_are_set(clock: JumpingClock) -> None:
    """Time moves both; a jump moves what the clock shows alone."""
    before = clock()
    clock.advance(10)
    clock.jump(-60)
    assert (before - timedelta(seconds=50), 10.0) == (clock(), clock.monotonic())
    with pytest.raises(ValueError, match="jump"):
        clock.advance(-1)


def test_a_clock_that_is_set_back_undoes_nothing(store: JobStore, clock: JumpingClock) -> None:
    """Revisions count on and times of change do not go back; nobody gets a job that is in live hands."""
    claim = claim_new(store)
    clock.jump(-3600)
    record = store.commit(claim.lease, [a_result(1, 2)])
    assert [] == claim_all(store, BEN)
    assert [True] == [answer.is_held for answer in store.renew([claim.lease], lease_seconds=LEASE_SECONDS)]
    done = store.settle(claim.lease, Verb.COMPLETE, results=[a_result(3, 8)], total_rows=10)
    assert (claim.record.revision + 2, claim.record.updated_at) == (done.revision, done.updated_at)
    assert claim.record.updated_at == record.updated_at


def test_a_lease_that_was_renewed_after_a_jump_back_runs_out_in_time(store: JobStore, clock: JumpingClock) -> None:
    """It counts from then on, by the clock as it is now, and not until the clock has caught up."""
    claim = claim_new(store)
    clock.jump(-3600)
    store.renew([claim.lease], lease_seconds=LEASE_SECONDS)
    clock.advance(LEASE_SECONDS - 1)
    assert [] == claim_all(store, BEN)
    clock.advance(2)
    (taken,) = claim_all(store, BEN)
    assert 2 == taken.lease.token


def test_who_lost_a_job_to_a_jump_forward_writes_nothing(store: JobStore, clock: JumpingClock) -> None:
    """Where leases go by a clock that people set, a job may be taken from the living: the token keeps them apart."""
    claim = claim_new(store)
    clock.jump(3600)
    taken = claim_all(store, BEN)
    for successor in taken:
        with pytest.raises(csvpipe.LeaseLostError):
            store.commit(claim.lease, [a_result(1, 2)])
        store.commit(successor.lease, [a_result(1, 2)])
    if not taken:  # leases of a store in memory go by time alone
        store.commit(claim.lease, [a_result(1, 2)])
    assert 2 == store.get(claim.record.id).processed_rows
