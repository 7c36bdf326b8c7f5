"""Faults on demand: a store that fails, or loses its answers, at the calls that a test names."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from threading import Lock
from typing import Any, Literal

import attrs

from csvpipe._intake.inspection import Inspection, JobPlan
from csvpipe._process.result import ChunkResult
from csvpipe._process.rowset import RowSet
from csvpipe.errors import ErrorTotal, FileFailure, RowError
from csvpipe.jobs import JobId, JobRecord, JobStatus, Verb
from csvpipe.store.protocol import (
    ANY_OWNER,
    Claim,
    JobDraft,
    JobPage,
    JobSlice,
    JobStore,
    Lease,
    OwnerFilter,
    Renewal,
    WorkerId,
)


@attrs.define(eq=False)
class _Fault:
    """What happens at some calls of a method, counted from 1."""

    calls: Collection[int]
    before: Callable[[], object]
    after: Callable[[], object]


class FaultyStore:
    """A `JobStore` over another one, which fails where it is told to. Any thread may call it.

    Args:
        store: The one that does the work; the caller's to close.
        error: Makes what failing calls raise; by default `ConnectionError`.

    Attributes:
        calls: How often each method was called, failing calls included.

    Example:
        >>> import csvpipe
        >>> from csvpipe.testing import FaultyStore
        >>> store = FaultyStore(csvpipe.MemoryJobStore())
        >>> store.fail("list_jobs")
        >>> store.list_jobs()
        Traceback (most recent call last):
        ...
        ConnectionError: list_jobs: the store is away
        >>> store.list_jobs().total
        0
    """

    def __init__(self, store: JobStore, *, error: Callable[[str], Exception] = ConnectionError) -> None:
        self.calls: Counter[str] = Counter()
        self._store = store
        self._error = error
        self._faults: dict[str, list[_Fault]] = {}
        self._is_away = False
        self._lock = Lock()

    def __repr__(self) -> str:
        return f"<FaultyStore over {self._store!r}{', away' if self._is_away else ''}>"

    # What a test says -------------------------------------------------------------------------------------------------

    def fail(self, method: str, *, on: int = 1, times: int = 1) -> None:
        """Let calls of a method raise before anything happens.

        Args:
            method: Its name.
            on: Which call is the first to fail, counted from now on: 1 is the next one.
            times: How many fail in a row.
        """
        self.at(method, on=on, times=times, before=lambda: self._raise(method))

    def lose_answer(self, method: str, *, on: int = 1, times: int = 1) -> None:
        """Let calls of a method take effect and then raise: the caller cannot know that they did.

        Args:
            method: Its name.
            on: See `fail`.
            times: See `fail`.
        """
        self.at(method, on=on, times=times, after=lambda: self._raise(method))

    def at(
        self,
        method: str,
        *,
        on: int = 1,
        times: int = 1,
        before: Callable[[], object] = lambda: None,
        after: Callable[[], object] = lambda: None,
    ) -> None:
        """Have something done around calls of a method, in the thread that calls.

        Args:
            method: Its name.
            on: See `fail`.
            times: See `fail`.
            before: Called before the store is; what it raises, the caller gets.
            after: Called when the store has done its part, and not if it has raised.

        Raises:
            AttributeError: A store has no such method.
        """
        getattr(self, method)
        with self._lock:
            first = self.calls[method] + on
            self._faults.setdefault(method, []).append(_Fault(range(first, first + times), before, after))

    def go_away(self) -> None:
        """From now on every call raises."""
        self._is_away = True

    def come_back(self) -> None:
        """The store is as it was."""
        self._is_away = False

    @contextmanager
    def away(self) -> Iterator[None]:
        """Be away for as long as a block lasts."""
        self.go_away()
        try:
            yield
        finally:
            self.come_back()

    def _raise(self, method: str) -> None:
        raise self._error(f"{method}: the store is away")

    def _call(self, method: str, *args: Any, **options: Any) -> Any:
        with self._lock:
            self.calls[method] += 1
            number = self.calls[method]
            faults = [fault for fault in self._faults.get(method, ()) if number in fault.calls]
        if self._is_away:
            self._raise(method)
        for fault in faults:
            fault.before()
        answer = getattr(self._store, method)(*args, **options)
        for fault in faults:
            fault.after()
        return answer

    # The store --------------------------------------------------------------------------------------------------------

    @property
    def identity(self) -> str:
        """See `JobStore.identity`; known also of a store that is away."""
        return self._store.identity

    def create(self, draft: JobDraft) -> JobRecord:
        """See `JobStore.create`."""
        return self._call("create", draft)  # type: ignore[no-any-return]

    def get(self, job_id: JobId) -> JobRecord:
        """See `JobStore.get`."""
        return self._call("get", job_id)  # type: ignore[no-any-return]

    def plan(self, job_id: JobId) -> JobPlan:
        """See `JobStore.plan`."""
        return self._call("plan", job_id)  # type: ignore[no-any-return]

    def inspected(self, inspection_key: str) -> Inspection | None:
        """See `JobStore.inspected`."""
        return self._call("inspected", inspection_key)  # type: ignore[no-any-return]

    def list_jobs(
        self,
        *,
        page: int = 1,
        limit: int = 10,
        status: JobStatus | None = None,
        owner: OwnerFilter = ANY_OWNER,
    ) -> JobPage:
        """See `JobStore.list_jobs`."""
        return self._call("list_jobs", page=page, limit=limit, status=status, owner=owner)  # type: ignore[no-any-return]

    def history(
        self,
        *,
        after: str | None = None,
        limit: int = 100,
        status: JobStatus | None = None,
        owner: OwnerFilter = ANY_OWNER,
    ) -> JobSlice:
        """See `JobStore.history`."""
        return self._call("history", after=after, limit=limit, status=status, owner=owner)  # type: ignore[no-any-return]

    def ended_before(self, when: datetime, *, status: JobStatus | None = None, limit: int) -> list[JobId]:
        """See `JobStore.ended_before`."""
        return self._call("ended_before", when, status=status, limit=limit)  # type: ignore[no-any-return]

    def claim(
        self,
        worker: WorkerId,
        *,
        pipelines: Sequence[str],
        limit: int,
        lease_seconds: float,
        max_bytes: int | None = None,
        spools: Collection[str] | None = None,
    ) -> list[Claim]:
        """See `JobStore.claim`."""
        return self._call(  # type: ignore[no-any-return]
            "claim",
            worker,
            pipelines=pipelines,
            limit=limit,
            lease_seconds=lease_seconds,
            max_bytes=max_bytes,
            spools=spools,
        )

    def renew(self, leases: Sequence[Lease], *, lease_seconds: float) -> list[Renewal]:
        """See `JobStore.renew`."""
        return self._call("renew", leases, lease_seconds=lease_seconds)  # type: ignore[no-any-return]

    def forfeit(self, workers: Collection[WorkerId]) -> int:
        """See `JobStore.forfeit`."""
        return self._call("forfeit", workers)  # type: ignore[no-any-return]

    def commit(self, lease: Lease, results: Sequence[ChunkResult], *, total_rows: int | None = None) -> JobRecord:
        """See `JobStore.commit`."""
        return self._call("commit", lease, results, total_rows=total_rows)  # type: ignore[no-any-return]

    def settle(
        self,
        lease: Lease,
        verb: Literal[Verb.COMPLETE, Verb.FAIL, Verb.CANCEL, Verb.PAUSE, Verb.RELEASE],
        *,
        results: Sequence[ChunkResult] = (),
        total_rows: int | None = None,
        failure: FileFailure | None = None,
    ) -> JobRecord:
        """See `JobStore.settle`."""
        return self._call(  # type: ignore[no-any-return]
            "settle", lease, verb, results=results, total_rows=total_rows, failure=failure
        )

    def request(self, job_id: JobId, verb: Literal[Verb.PAUSE, Verb.RESUME, Verb.CANCEL, Verb.RETRY]) -> JobRecord:
        """See `JobStore.request`."""
        return self._call("request", job_id, verb)  # type: ignore[no-any-return]

    def committed(self, job_id: JobId) -> list[ChunkResult]:
        """See `JobStore.committed`."""
        return self._call("committed", job_id)  # type: ignore[no-any-return]

    def resolved(self, root_id: JobId, *, apart_from: JobId | None = None) -> list[RowSet]:
        """See `JobStore.resolved`."""
        return self._call("resolved", root_id, apart_from=apart_from)  # type: ignore[no-any-return]

    def row_errors(
        self, job_id: JobId, *, limit: int = 100, after: tuple[int, int] | None = None
    ) -> list[tuple[int, RowError]]:
        """See `JobStore.row_errors`."""
        return self._call("row_errors", job_id, limit=limit, after=after)  # type: ignore[no-any-return]

    def error_totals(self, job_id: JobId, *, samples: int = 3) -> list[ErrorTotal]:
        """See `JobStore.error_totals`."""
        return self._call("error_totals", job_id, samples=samples)  # type: ignore[no-any-return]

    def delete(self, job_id: JobId) -> JobPlan:
        """See `JobStore.delete`."""
        return self._call("delete", job_id)  # type: ignore[no-any-return]
