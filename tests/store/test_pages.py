"""How many jobs there are: as much as can be known of it at a bounded cost."""

from __future__ import annotations

import pytest

from csvpipe import MemoryJobStore
from csvpipe.store import _pages
from csvpipe.testing._store_contract.harness import a_draft


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> MemoryJobStore:
    """One with seven jobs, that counts to four."""
    monkeypatch.setattr(_pages, "COUNTED_JOBS", 4)
    store = MemoryJobStore()
    for _ in range(7):
        store.create(a_draft())
    return store


@pytest.mark.parametrize(
    ("page", "limit", "known"),
    [
        (1, 2, (4, False, 2)),  # there are more than four
        (2, 2, (5, False, 3)),  # the first of the next page is seen
        (3, 2, (7, False, 4)),
        (4, 2, (7, True, 4)),  # the last page
        (5, 2, (4, False, 2)),  # nothing is seen from there
        (7, 1, (7, True, 7)),
        (1, 6, (7, False, 2)),
        (1, 7, (7, True, 1)),
    ],
)
def test_what_is_known(store: MemoryJobStore, page: int, limit: int, known: tuple[int, bool, int]) -> None:
    """From the count, and from the page and the first job after it."""
    found = store.list_jobs(page=page, limit=limit)

    assert known == (found.total, found.is_total_exact, found.pages)


def test_it_counts_to_ten_thousand() -> None:
    """As is said of `JobStore.list_jobs`."""
    assert 10_000 == _pages.COUNTED_JOBS
