"""`list_jobs`: pages and filters."""

from __future__ import annotations

import pytest

from csvpipe.jobs import JobStatus, Verb
from csvpipe.store.protocol import ANY_OWNER, JobStore, OwnerFilter
from csvpipe.testing._store_contract.harness import StoreFixtures, a_draft, ids


class ListingContract(StoreFixtures):
    """How jobs are found again."""

    def test_an_empty_store_has_no_pages(self, store: JobStore) -> None:
        """Nothing is one empty page, of no pages."""
        page = store.list_jobs()
        assert ((), 1, 10, 0, 0) == (page.jobs, page.page, page.limit, page.total, page.pages)

    def test_newest_come_first(self, store: JobStore, other: JobStore) -> None:
        """Jobs are listed against the order of their creation, also within one tick of the clock."""
        created = [handle.create(a_draft()).id for handle in (store, other) * 3]
        assert created[::-1] == ids(store.list_jobs().jobs)

    def test_pages_partition_the_jobs(self, store: JobStore) -> None:
        """Every job is on exactly one page, and the page says how many there are."""
        created = [store.create(a_draft()).id for _ in range(7)]
        pages = [store.list_jobs(page=number, limit=3) for number in (1, 2, 3)]
        assert created[::-1] == [job_id for page in pages for job_id in ids(page.jobs)]
        assert [3, 3, 1] == [len(page.jobs) for page in pages]
        assert [(1, 3, 7, 3), (2, 3, 7, 3), (3, 3, 7, 3)] == [
            (page.page, page.limit, page.total, page.pages) for page in pages
        ]

    def test_a_page_past_the_end_is_empty(self, store: JobStore) -> None:
        """Asking too far is no error, and still tells the total."""
        store.create(a_draft())
        page = store.list_jobs(page=5, limit=3)
        assert ((), 5, 1) == (page.jobs, page.page, page.total)

    @pytest.mark.parametrize(("page", "limit"), [(0, 10), (-1, 10), (1, 0), (1, -3)])
    def test_pages_and_limits_count_from_one(self, store: JobStore, page: int, limit: int) -> None:
        """A page or limit below 1 is misuse."""
        with pytest.raises(ValueError, match=r"page|limit"):
            store.list_jobs(page=page, limit=limit)

    def test_filter_by_status(self, store: JobStore) -> None:
        """Only jobs of the status are listed and counted."""
        store.create(a_draft())
        paused = store.create(a_draft()).id
        store.request(paused, Verb.PAUSE)
        page = store.list_jobs(status=JobStatus.PAUSED)
        assert ([paused], 1) == (ids(page.jobs), page.total)
        assert 0 == store.list_jobs(status=JobStatus.COMPLETED).total

    @pytest.mark.parametrize(
        ("owner", "expected"),
        [("ana", ["ana", "ana"]), ("ben", ["ben"]), (None, [None]), ("cleo", [])],
    )
    def test_filter_by_owner(self, store: JobStore, owner: OwnerFilter, expected: list[str | None]) -> None:
        """An owner gets the own jobs; None means the jobs that nobody owns."""
        for name in ("ana", "ben", None, "ana"):
            store.create(a_draft(owner=name))
        page = store.list_jobs(owner=owner)
        assert (expected, len(expected)) == ([job.owner for job in page.jobs], page.total)

    def test_any_owner_means_all(self, store: JobStore) -> None:
        """`ANY_OWNER` lists everybody's and nobody's, and is what is meant where nothing is said."""
        for name in ("ana", None):
            store.create(a_draft(owner=name))
        assert [None, "ana"] == [job.owner for job in store.list_jobs(owner=ANY_OWNER).jobs]
        assert store.list_jobs(owner=ANY_OWNER) == store.list_jobs()

    def test_filters_work_together(self, store: JobStore) -> None:
        """Status and owner must both match, and paging counts what matches."""
        wanted = [store.create(a_draft(owner="ana")).id for _ in range(3)]
        store.create(a_draft(owner="ben"))
        store.request(store.create(a_draft(owner="ana")).id, Verb.CANCEL)
        page = store.list_jobs(status=JobStatus.PENDING, owner="ana", page=2, limit=2)
        assert ([wanted[0]], 3) == (ids(page.jobs), page.total)
