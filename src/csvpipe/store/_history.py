"""All jobs by their age: what pages of them are read from, and where one goes on; held in memory."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime
from itertools import islice
from operator import attrgetter
from typing import Final

from csvpipe._intake.inspection import PLAN_VERSION, Inspection
from csvpipe.jobs import JobId, JobStatus
from csvpipe.store import _pages
from csvpipe.store._cursor import cursor_of, cursor_to, see_limit
from csvpipe.store._kept import KeptJob
from csvpipe.store.protocol import ANY_OWNER, JobPage, JobSlice, OwnerFilter

_AGE: Final = attrgetter("age")


class History:
    """Jobs in the order of their creation."""

    def __init__(self) -> None:
        self._jobs: list[KeptJob] = []
        self._inspected: defaultdict[str, list[KeptJob]] = defaultdict(list)

    def __repr__(self) -> str:
        return f"<History of {len(self._jobs)} jobs>"

    def add(self, job: KeptJob) -> None:
        """Note a new job."""
        insort(self._jobs, job, key=_AGE)
        if job.draft.inspection_key:
            insort(self._inspected[job.draft.inspection_key], job, key=_AGE)

    def remove(self, job: KeptJob) -> None:
        """Forget a job."""
        del self._jobs[bisect_left(self._jobs, job.age, key=_AGE)]
        key = job.draft.inspection_key
        if key:
            self._inspected[key].remove(job)
            if not self._inspected[key]:
                del self._inspected[key]

    def inspected(self, key: str) -> Inspection | None:
        """See `JobStore.inspected`."""
        plans = (job.draft.plan for job in reversed(self._inspected.get(key, ())))
        return next((plan.inspection for plan in plans if plan.version <= PLAN_VERSION), None)

    def page(self, *, page: int, limit: int, status: JobStatus | None, owner: OwnerFilter) -> JobPage:
        """See `JobStore.list_jobs`."""
        end, offset = len(self._jobs), (page - 1) * limit
        counted = sum(1 for _ in islice(self._matching(end, status, owner), _pages.COUNTED_JOBS + 1))
        found = islice(self._matching(end, status, owner), offset, offset + limit + 1)
        return _pages.page_of([job.record for job in found], page=page, limit=limit, counted=counted)

    def slice(self, *, after: str | None, limit: int, status: JobStatus | None, owner: OwnerFilter) -> JobSlice:
        """See `JobStore.history`."""
        see_limit(limit)
        end = len(self._jobs) if after is None else bisect_left(self._jobs, cursor_to(after), key=_AGE)
        found = list(islice(self._matching(end, status, owner), limit + 1))
        following = cursor_of(*found[limit - 1].age) if len(found) > limit else None
        return JobSlice(jobs=tuple(job.record for job in found[:limit]), following=following)

    def ended_before(self, when: datetime, *, status: JobStatus | None, limit: int) -> list[JobId]:
        """See `JobStore.ended_before`."""
        ended = [
            (job.record.completed_at, job.age, job.record.id)
            for job in self._jobs
            if job.record.completed_at is not None and job.record.completed_at < when
            if job.record.status.is_terminal and status in (None, job.record.status)
        ]
        return [job_id for _, _, job_id in sorted(ended)[: max(0, limit)]]

    def _matching(self, end: int, status: JobStatus | None, owner: OwnerFilter) -> Iterator[KeptJob]:
        """Those before a place, newest first."""
        for job in reversed(self._jobs) if end == len(self._jobs) else map(self._jobs.__getitem__, range(end)[::-1]):
            if status in (None, job.record.status) and (owner is ANY_OWNER or owner == job.record.owner):
                yield job
