"""Leases are kept from a thread, and given up where they cannot be kept."""

import threading
from uuid import uuid4

import pytest

from csvpipe.jobs import JobId, Verb
from csvpipe.pool.leases import LeaseKeeper
from csvpipe.store.protocol import Lease, Renewal, WorkerId


class Store:
    """Answers renewals as it is told to."""

    def __init__(self) -> None:
        self.asked: list[list[Lease]] = []
        self.is_down = False
        self.is_held = True
        self.renewed = threading.Semaphore(0)

    def renew(self, leases: list[Lease], *, lease_seconds: float) -> list[Renewal]:
        """See `JobStore.renew`."""
        self.renewed.release()
        if self.is_down:
            raise ConnectionError("no store")
        self.asked.append(list(leases))
        requested = Verb.PAUSE if self.is_held else None
        return [Renewal(lease=lease, is_held=self.is_held, requested=requested) for lease in leases]


class Clock:
    """Moves when it is told to."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        """Seconds."""
        return self.now


def a_lease() -> Lease:
    """Of a job of its own."""
    return Lease(job_id=JobId(uuid4()), worker=WorkerId("ana"), token=1)


@pytest.fixture
def store() -> Store:
    """A store that works."""
    return Store()


@pytest.fixture
def clock() -> Clock:
    """Both the keeper's and the test's."""
    return Clock()


@pytest.fixture
def keeper(store: Store, clock: Clock) -> LeaseKeeper:
    """A keeper whose thread sleeps: tests renew by hand."""
    kept = LeaseKeeper(store, lease_seconds=30_000, stall_seconds=60_000, monotonic=clock)  # type: ignore[arg-type]
    kept.close()
    return kept


def test_the_thread_renews_by_itself(store: Store) -> None:
    """Several times within the term, as long as the keeper is open."""
    keeper = LeaseKeeper(store, lease_seconds=0.003, stall_seconds=60)  # type: ignore[arg-type]
    lease = a_lease()
    keeper.add(lease)
    for _ in range(3):
        assert store.renewed.acquire(timeout=60)
    keeper.close()

    assert [lease] == store.asked[0]


def test_answers_are_heard_in_the_loop(keeper: LeaseKeeper, store: Store) -> None:
    """What the store says of a lease is passed on at the next tick."""
    lease = a_lease()
    keeper.add(lease)
    keeper.renew()

    assert [Renewal(lease=lease, is_held=True, requested=Verb.PAUSE)] == list(keeper.tick())
    assert [] == list(keeper.tick())


def test_dropped_leases_are_not_renewed(keeper: LeaseKeeper, store: Store) -> None:
    """A job that has ended is nobody's; with no leases the store is left alone."""
    lease = a_lease()
    keeper.add(lease)
    assert "<LeaseKeeper of 1 leases>" == repr(keeper)
    keeper.drop(lease)
    keeper.renew()

    assert [] == store.asked


def test_a_lost_lease_is_told(keeper: LeaseKeeper, store: Store) -> None:
    """The store has given the job to somebody else."""
    store.is_held = False
    keeper.add(a_lease())
    keeper.renew()

    assert [False] == [answer.is_held for answer in keeper.tick()]


def test_a_store_that_is_away_costs_the_lease_in_the_end(keeper: LeaseKeeper, store: Store, clock: Clock) -> None:
    """Counted from the last renewal that was sent, a lease is given up when its term is over."""
    keeper.add(a_lease())
    store.is_down = True
    clock.now += 29_000
    keeper.renew()
    early = list(keeper.tick())
    clock.now += 2_000
    keeper.renew()

    assert [] == early
    assert [False] == [answer.is_held for answer in keeper.tick()]


def test_a_renewal_begins_a_new_term(keeper: LeaseKeeper, store: Store, clock: Clock) -> None:
    """The term counts from the last renewal that the store has taken."""
    keeper.add(a_lease())
    clock.now += 29_000
    keeper.renew()
    list(keeper.tick())
    store.is_down = True
    clock.now += 29_000
    keeper.renew()

    assert [] == list(keeper.tick())


def test_a_loop_that_stands_still_loses_its_leases(keeper: LeaseKeeper, store: Store, clock: Clock) -> None:
    """Nothing is renewed on behalf of a loop that hangs; when it goes on, renewals do."""
    keeper.add(a_lease())
    clock.now += 61_000
    keeper.renew()
    stalled = list(store.asked)
    list(keeper.tick())
    keeper.renew()

    assert ([], 1) == (stalled, len(store.asked))


def test_a_store_that_does_not_answer_costs_the_lease_too(keeper: LeaseKeeper, store: Store, clock: Clock) -> None:
    """While a renewal waits for its answer, the loop counts; a lease is given up once."""
    keeper.add(a_lease())
    told: list[list[bool]] = []

    def hang(leases: list[Lease], *, lease_seconds: float) -> list[Renewal]:
        for _ in range(3):
            clock.now += 20_000
            told.append([answer.is_held for answer in keeper.tick()])
        return [Renewal(lease=lease, is_held=True) for lease in leases]

    store.renew = hang  # type: ignore[method-assign]
    keeper.renew()

    assert [[], [False], []] == told
    assert "<LeaseKeeper of 0 leases>" == repr(keeper)
