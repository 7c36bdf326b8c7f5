"""`list_jobs` and `history`: pages, slices and filters."""

from __future__ import annotations

import pytest

from csvpipe.jobs import JobId, JobStatus, Verb
from csvpipe.store import _pages
from csvpipe.store.overview import overview_of
from csvpipe.store.protocol import ANY_OWNER, JobSlice, JobStore, OwnerFilter
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

    def test_what_there_is_as_a_whole(self, store: JobStore, other: JobStore) -> None:
        """How many jobs there are of each status, and since when the oldest pending one waits."""
        assert (0, None) == (sum(overview_of(store).jobs.values()), overview_of(store).oldest_pending_at)
        first = store.create(a_draft())
        for handle in (store, other):
            handle.create(a_draft())
        paused = store.create(a_draft()).id
        store.request(paused, Verb.PAUSE)
        seen = overview_of(other)
        assert {JobStatus.PENDING: 3, JobStatus.PAUSED: 1} == {each: jobs for each, jobs in seen.jobs.items() if jobs}
        assert set(JobStatus) == seen.jobs.keys()
        assert first.created_at == seen.oldest_pending_at

    @pytest.mark.parametrize("limit", [1, 2, 3, 10])
    def test_counting_may_stop(self, store: JobStore, monkeypatch: pytest.MonkeyPatch, limit: int) -> None:
        """What is said of the total holds: it is exact, or not above it; the jobs of the page and the next one count.

        The bound of csvpipe's own stores is lowered; a store that has another one, or none, may count all of them.
        """
        monkeypatch.setattr(_pages, "COUNTED_JOBS", 3)
        created = [store.create(a_draft(owner="ana")).id for _ in range(7)]
        met: list[JobId] = []
        for number in range(1, 9):
            page = store.list_jobs(page=number, limit=limit, owner="ana")
            met += ids(page.jobs)
            assert 7 == page.total if page.is_total_exact else 3 <= page.total <= 7
            assert page.pages > number or not page.jobs or (number == page.pages and len(met) == page.total == 7)
        assert created[::-1] == met

    @pytest.mark.parametrize("jobs", [3, 4])
    def test_few_jobs_are_counted(self, store: JobStore, monkeypatch: pytest.MonkeyPatch, jobs: int) -> None:
        """All of them where they are no more than the bound, and where they are on the page."""
        monkeypatch.setattr(_pages, "COUNTED_JOBS", 3)
        for _ in range(jobs):
            store.create(a_draft())
        pages = [store.list_jobs(limit=jobs), store.list_jobs(page=jobs, limit=1)]
        assert [(jobs, True)] * 2 == [(page.total, page.is_total_exact) for page in pages]
        assert store.list_jobs(limit=2).is_total_exact or jobs == 4
        assert store.list_jobs(page=9, limit=2).is_total_exact or jobs == 4

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

    # History ----------------------------------------------------------------------------------------------------------

    def test_slices_partition_the_jobs(self, store: JobStore, other: JobStore) -> None:
        """Read on and on, every job is met once, in the order of pages; the last slice says that it is."""
        created = [handle.create(a_draft()).id for handle in (store, other) * 4]
        met = slices(store, limit=3)
        assert [3, 3, 2] == [len(each) for each in met]
        assert created[::-1] == [job_id for each in met for job_id in each]
        assert [created[::-1]] == slices(other, limit=8)
        assert created[::-1] == ids(store.list_jobs().jobs)

    def test_an_empty_store_has_no_history(self, store: JobStore) -> None:
        """One slice without jobs, and none after it."""
        assert JobSlice(jobs=(), following=None) == store.history()

    def test_who_comes_and_goes_shifts_nobody(self, store: JobStore) -> None:
        """Between two slices jobs are created and deleted, the one in between among them: the others are met once."""
        created = [store.create(a_draft()).id for _ in range(6)]
        first = store.history(limit=2)
        store.create(a_draft())
        for job_id in (created[5], created[4], created[2]):
            store.delete(job_id)
        second = store.history(after=first.following, limit=10)
        assert created[:3:-1] == ids(first.jobs)
        assert ([created[3], created[1], created[0]], None) == (ids(second.jobs), second.following)

    def test_slices_are_filtered(self, store: JobStore) -> None:
        """By status and owner, as pages are."""
        wanted = [store.create(a_draft(owner=name)).id for name in ("ana", "ben", "ana", None, "ana")]
        store.request(wanted[2], Verb.CANCEL)
        assert [[wanted[4], wanted[2]], [wanted[0]]] == slices(store, limit=2, owner="ana")
        assert [[wanted[4]], [wanted[0]]] == slices(store, limit=1, owner="ana", status=JobStatus.PENDING)
        assert [[wanted[3]]] == slices(store, limit=9, owner=None)

    @pytest.mark.parametrize("after", ["", "7", "yesterday", "1.x", "9" * 18 + ".1", "1.1; DROP TABLE csv_jobs"])
    def test_what_is_no_cursor_is_misuse(self, store: JobStore, after: str) -> None:
        """So is a limit below 1."""
        with pytest.raises(ValueError, match="after"):
            store.history(after=after)
        with pytest.raises(ValueError, match="limit"):
            store.history(limit=0)


def slices(
    store: JobStore, *, limit: int, status: JobStatus | None = None, owner: OwnerFilter = ANY_OWNER
) -> list[list[JobId]]:
    """All slices of a store's history."""
    found = store.history(limit=limit, status=status, owner=owner)
    met = [ids(found.jobs)]
    while found.following is not None:
        found = store.history(after=found.following, limit=limit, status=status, owner=owner)
        met.append(ids(found.jobs))
    return met
