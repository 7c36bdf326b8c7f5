"""What is in a store as a whole, whoever the store is."""

import pytest

from csvpipe.jobs import JobStatus, Verb
from csvpipe.store import MemoryJobStore, _pages, overview
from csvpipe.store.overview import Overseeing, Overseer, overview_of
from csvpipe.store.protocol import JobStore
from csvpipe.testing import JumpingClock
from csvpipe.testing._store_contract.harness import a_draft


class Foreign:
    """A store that has what the protocol says, and no more."""

    def __init__(self, store: JobStore) -> None:
        self.list_jobs = store.list_jobs
        self.history = store.history


def test_a_store_without_an_overview_is_asked_by_pages() -> None:
    """The answer is the same."""
    clock = JumpingClock()
    store = MemoryJobStore(clock=clock, monotonic=clock.monotonic)
    for _ in range(3):
        store.create(a_draft())
        clock.advance(60)
    store.request(store.create(a_draft()).id, Verb.PAUSE)
    foreign = Foreign(store)

    assert not isinstance(foreign, Overseeing)
    assert store.overview() == overview_of(foreign)  # type: ignore[arg-type]
    assert (3, 1) == tuple(store.overview().jobs[each] for each in (JobStatus.PENDING, JobStatus.PAUSED))


def test_more_jobs_than_a_store_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """They are counted all the same, as its history is read."""
    monkeypatch.setattr(_pages, "COUNTED_JOBS", 2)
    monkeypatch.setattr(overview, "_SLICE", 2)
    clock = JumpingClock()
    store = MemoryJobStore(clock=clock, monotonic=clock.monotonic)
    for _ in range(5):
        store.create(a_draft())
        clock.advance(60)

    assert not store.list_jobs(limit=1, status=JobStatus.PENDING).is_total_exact
    assert store.overview() == overview_of(Foreign(store))  # type: ignore[arg-type]
    assert 5 == store.overview().jobs[JobStatus.PENDING]


def test_an_empty_store_has_no_queue() -> None:
    """Its age is nothing."""
    assert (None, 0.0) == (
        overview_of(Foreign(MemoryJobStore())).oldest_pending_at,  # type: ignore[arg-type]
        MemoryJobStore().overview().queue_age_seconds,
    )


def test_an_answer_holds_for_a_while() -> None:
    """However often it is asked for, the store is asked once in so many seconds."""
    now, store = [0.0], MemoryJobStore()
    overseer = Overseer(store, keep_seconds=10, monotonic=lambda: now[0])
    seen = []
    for now[0] in (0.0, 9.9, 10.0):
        seen.append(overseer.look().jobs[JobStatus.PENDING])
        store.create(a_draft())

    assert [0, 0, 2] == seen
