"""Numbered pages of jobs. How many there are is counted up to a bound, so that the first costs the same among many."""

from __future__ import annotations

from collections.abc import Sequence

from csvpipe.jobs import JobRecord
from csvpipe.store.protocol import JobPage

#: So many jobs that match are counted, and of one more it is seen that there is one.
COUNTED_JOBS = 10_000


def page_of(found: Sequence[JobRecord], *, page: int, limit: int, counted: int) -> JobPage:
    """The page, and as much of the total as can be known.

    Args:
        found: The records from the beginning of the page on, one more than `limit` if there are so many.
        page: Counted from 1.
        limit: Records a page.
        counted: Jobs that match, at most `COUNTED_JOBS + 1`.
    """
    seen = (page - 1) * limit + len(found) if found else 0
    is_last = 0 < len(found) <= limit
    total = counted if counted <= COUNTED_JOBS else max(COUNTED_JOBS, seen)
    return JobPage(
        jobs=tuple(found[:limit]),
        page=page,
        limit=limit,
        total=total,
        is_total_exact=counted <= COUNTED_JOBS or (is_last and seen > COUNTED_JOBS),
    )
