"""What is in a store as a whole: how many jobs of each status, and how long the oldest one has waited."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Final, Protocol, runtime_checkable

import attrs

from csvpipe.jobs import JobRecord, JobStatus
from csvpipe.store.protocol import JobStore

#: Jobs that are read at once where a store does not count so many.
_SLICE: Final = 1_000


@attrs.frozen(kw_only=True)
class StoreOverview:
    """A store at one moment.

    Attributes:
        jobs: How many of each status, also where there are none.
        oldest_pending_at: When the oldest pending job was submitted; None where nothing waits.
    """

    jobs: Mapping[JobStatus, int]
    oldest_pending_at: datetime | None

    @property
    def queue_age_seconds(self) -> float:
        """How long ago that was; 0 where nothing waits. Of a job that was resumed or retried, since its submission."""
        if self.oldest_pending_at is None:
            return 0.0
        return max(0.0, (datetime.now(UTC) - self.oldest_pending_at).total_seconds())


def overview_among(jobs: Iterable[JobRecord]) -> StoreOverview:
    """What can be seen of all jobs of a store."""
    counts, oldest = dict.fromkeys(JobStatus, 0), None
    for job in jobs:
        counts[job.status] += 1
        if job.status is JobStatus.PENDING and (oldest is None or job.created_at < oldest):
            oldest = job.created_at
    return StoreOverview(jobs=counts, oldest_pending_at=oldest)


@runtime_checkable
class Overseeing(Protocol):
    """What a store may be besides: one that knows this by itself. Of any other it is asked by `JobStore.list_jobs`."""

    def overview(self) -> StoreOverview:
        """See `StoreOverview`."""
        ...


def overview_of(store: JobStore) -> StoreOverview:
    """Ask a store; in a thread that may block."""
    if isinstance(store, Overseeing):
        return store.overview()
    jobs = {status: _number(store, status) for status in JobStatus}
    waiting, oldest = jobs[JobStatus.PENDING], None
    if waiting:
        last = store.list_jobs(page=waiting, limit=1, status=JobStatus.PENDING).jobs
        oldest = last[0].created_at if last else None
    return StoreOverview(jobs=jobs, oldest_pending_at=oldest)


def _number(store: JobStore, status: JobStatus) -> int:
    page = store.list_jobs(limit=1, status=status)
    if page.is_total_exact:
        return page.total
    found = store.history(limit=_SLICE, status=status)
    number = len(found.jobs)
    while found.following is not None:
        found = store.history(after=found.following, limit=_SLICE, status=status)
        number += len(found.jobs)
    return number


class Overseer:
    """Asks a store no more often than is of use, however often it is asked itself. From any thread.

    Args:
        store: Whose jobs are counted.
        keep_seconds: For so long an answer holds.
        monotonic: Clock that never goes back.
    """

    def __init__(
        self, store: JobStore, *, keep_seconds: float = 10.0, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._store = store
        self._keep_seconds = keep_seconds
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._last: tuple[float, StoreOverview] | None = None

    def __repr__(self) -> str:
        return f"<Overseer of {self._store!r}>"

    def look(self) -> StoreOverview:
        """The store as it is, or was a moment ago."""
        with self._lock:
            now = self._monotonic()
            if self._last is None or now - self._last[0] >= self._keep_seconds:
                self._last = now, overview_of(self._store)
            return self._last[1]
