"""Job state in this process's memory: for tests, for scripts, and wherever a crash may take the jobs with it."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import UTC, datetime
from itertools import islice
from operator import attrgetter
from threading import Lock
from typing import Final, Literal
from uuid import uuid4

import attrs

from csvpipe._intake.inspection import Inspection, JobPlan
from csvpipe._process.result import ChunkResult
from csvpipe._process.rowset import RowSet
from csvpipe.errors import (
    ErrorTotal,
    FileFailure,
    IdempotencyConflictError,
    JobNotFoundError,
    LeaseLostError,
    RowError,
    TransitionError,
)
from csvpipe.jobs import JobId, JobRecord, JobStatus, Verb
from csvpipe.store._chains import Chains
from csvpipe.store._changes import check_chain, counted, created, enacted, is_under, noted, settled, taken_over
from csvpipe.store._history import History
from csvpipe.store._kept import NO_LEASE, KeptJob
from csvpipe.store._waiting import Waiting
from csvpipe.store.overview import StoreOverview, overview_among
from csvpipe.store.protocol import ANY_OWNER, Claim, JobDraft, JobPage, JobSlice, Lease, OwnerFilter, Renewal, WorkerId

_AGE: Final = attrgetter("age")


def _utc_now() -> datetime:
    return datetime.now(UTC)


@attrs.define(eq=False, repr=False, kw_only=True)
class MemoryJobStore:
    """A `JobStore` that lives and dies with this process, for the worker pools and threads in it.

    Args:
        clock: Aware UTC time, for the times that records show.
        monotonic: Seconds that never go back, for leases.

    Attributes:
        identity: See `JobStore.identity`; made with the store.
    """

    _clock: Callable[[], datetime] = attrs.field(default=_utc_now, alias="clock")
    _monotonic: Callable[[], float] = attrs.field(default=time.monotonic, alias="monotonic")
    identity: str = attrs.field(factory=lambda: uuid4().hex, init=False)
    _lock: Lock = attrs.field(factory=Lock, init=False)
    _jobs: dict[JobId, KeptJob] = attrs.field(factory=dict, init=False)
    _keys: dict[tuple[str | None, str], KeptJob] = attrs.field(factory=dict, init=False)
    _history: History = attrs.field(factory=History, init=False)
    _chains: Chains = attrs.field(factory=Chains, init=False)
    _created_jobs: int = attrs.field(default=0, init=False)
    _waiting: Waiting[KeptJob] = attrs.field(factory=lambda: Waiting(_AGE, attrgetter("owner")), init=False)
    _processing: dict[JobId, KeptJob] = attrs.field(factory=dict, init=False)
    # How many of each owner's jobs are processing.
    _held: Counter[str | None] = attrs.field(factory=Counter, init=False)
    # No lease runs out before this time: until then a claim need not look for takeovers.
    _next_expiry: float = attrs.field(default=math.inf, init=False)

    def __repr__(self) -> str:
        shown = [f"{status.value}={number}" for status, number in self.overview().jobs.items() if number]
        return f"<{' '.join([type(self).__name__, *shown])}>"

    # Looking ----------------------------------------------------------------------------------------------------------

    def get(self, job_id: JobId) -> JobRecord:
        """See `JobStore.get`."""
        with self._lock:
            return self._find(job_id).record

    def plan(self, job_id: JobId) -> JobPlan:
        """See `JobStore.plan`."""
        with self._lock:
            return self._find(job_id).draft.plan

    def inspected(self, inspection_key: str) -> Inspection | None:
        """See `JobStore.inspected`."""
        with self._lock:
            return self._history.inspected(inspection_key)

    def list_jobs(
        self,
        *,
        page: int = 1,
        limit: int = 10,
        status: JobStatus | None = None,
        owner: OwnerFilter = ANY_OWNER,
    ) -> JobPage:
        """See `JobStore.list_jobs`."""
        if page < 1 or limit < 1:
            raise ValueError(f"page and limit count from 1, not page={page}, limit={limit}")
        with self._lock:
            return self._history.page(page=page, limit=limit, status=status, owner=owner)

    def history(
        self,
        *,
        after: str | None = None,
        limit: int = 100,
        status: JobStatus | None = None,
        owner: OwnerFilter = ANY_OWNER,
    ) -> JobSlice:
        """See `JobStore.history`."""
        with self._lock:
            return self._history.slice(after=after, limit=limit, status=status, owner=owner)

    def overview(self) -> StoreOverview:
        """See `Overseeing`."""
        with self._lock:
            return overview_among(job.record for job in self._jobs.values())

    def ended_before(self, when: datetime, *, status: JobStatus | None = None, limit: int) -> list[JobId]:
        """See `JobStore.ended_before`."""
        with self._lock:
            return self._history.ended_before(when, status=status, limit=limit)

    def committed(self, job_id: JobId) -> list[ChunkResult]:
        """See `JobStore.committed`."""
        with self._lock:
            return self._find(job_id).ledger.in_file_order()

    def resolved(self, root_id: JobId, *, apart_from: JobId | None = None) -> list[RowSet]:
        """See `JobStore.resolved`."""
        with self._lock:
            self._find(root_id)
            return self._chains.resolved(root_id, apart_from=apart_from)

    def row_errors(
        self, job_id: JobId, *, limit: int = 100, after: tuple[int, int] | None = None
    ) -> list[tuple[int, RowError]]:
        """See `JobStore.row_errors`."""
        with self._lock:
            return self._find(job_id).ledger.page(limit=limit, after=after)

    def error_totals(self, job_id: JobId, *, samples: int = 3) -> list[ErrorTotal]:
        """See `JobStore.error_totals`."""
        with self._lock:
            return self._find(job_id).ledger.totals(samples=samples)

    # Anybody's writes -------------------------------------------------------------------------------------------------

    def create(self, draft: JobDraft) -> JobRecord:
        """See `JobStore.create`."""
        with self._lock:
            if draft.id in self._jobs:
                return self._jobs[draft.id].record
            first = self._first_under_key(draft)
            if first is not None:
                return first.record
            if draft.parent_id is not None:
                self._join_chain(draft, draft.parent_id)
            record = created(draft, now=self._clock())
            self._created_jobs += 1
            age = (record.created_at, self._created_jobs)
            job = KeptJob(record=record, draft=draft, age=age)
            self._jobs[draft.id] = job
            if draft.idempotency_key is not None:
                self._keys[draft.owner, draft.idempotency_key] = job
            self._history.add(job)
            if record.status is JobStatus.PENDING:
                self._waiting.add(record.pipeline, job)
            return record

    def request(self, job_id: JobId, verb: Literal[Verb.PAUSE, Verb.RESUME, Verb.CANCEL, Verb.RETRY]) -> JobRecord:
        """See `JobStore.request`."""
        with self._lock:
            job = self._find(job_id)
            record = enacted(job.record, verb, now=self._clock())
            if job.record.status is not JobStatus.PROCESSING:
                if record.status is JobStatus.PENDING and job.record.status.is_terminal:
                    check_chain(job_id, self._chain(job.draft.root_id))
                if verb is Verb.RETRY:
                    job.takeovers = 0
                return self._save(job, record)
            if record.status is JobStatus.PROCESSING or job.is_live(self._monotonic()):
                requested = noted(job.requested, verb)
                is_news, job.requested = requested is not job.requested, requested
                return self._save(job, job.record, is_changed=is_news)
            return self._save(job, record)

    def delete(self, job_id: JobId) -> JobPlan:
        """See `JobStore.delete`."""
        with self._lock:
            job = self._find(job_id)
            if job.is_live(self._monotonic()):
                raise TransitionError("delete", job.record.status.value)
            if job.draft.root_id == job_id:
                check_chain(job_id, self._chain(job_id))
            self._withdraw(job, job.record.status)
            del self._jobs[job_id]
            self._chains.leave(job.draft.root_id, job_id)
            if job.draft.idempotency_key is not None:
                del self._keys[job.draft.owner, job.draft.idempotency_key]
            self._history.remove(job)
            return job.draft.plan

    # Owners' writes ---------------------------------------------------------------------------------------------------

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
        largest = math.inf if max_bytes is None else max_bytes
        names = set(pipelines)

        def fits(job: KeptJob) -> bool:
            return job.fits(largest=largest, spools=spools)

        with self._lock:
            orphans, held = self._orphans(names, fits)
            waiting = self._waiting.in_turn(names, orphans, held, fits)
            chosen = list(islice(waiting, max(0, limit)))
            return [self._hand_over(job, worker, lease_seconds) for job in chosen]

    def renew(self, leases: Sequence[Lease], *, lease_seconds: float) -> list[Renewal]:
        """See `JobStore.renew`."""
        with self._lock:
            return [self._renew(lease, lease_seconds) for lease in leases]

    def forfeit(self, workers: Collection[WorkerId]) -> int:
        """See `JobStore.forfeit`."""
        with self._lock:
            now = self._monotonic()
            jobs = [job for job in self._processing.values() if job.worker in workers and job.is_live(now)]
            for job in jobs:
                self._next_expiry = job.lease_until = NO_LEASE
            return len(jobs)

    def commit(self, lease: Lease, results: Sequence[ChunkResult], *, total_rows: int | None = None) -> JobRecord:
        """See `JobStore.commit`."""
        with self._lock:
            job = self._owned(lease)
            is_changed = self._enter(job, results)
            record = counted(job.record, job.draft.plan, job.ledger.results, total_rows=total_rows)
            return self._save(job, record, is_changed=is_changed)

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
        if verb is Verb.FAIL and failure is None:
            raise ValueError("a job fails for a reason: give the failure")
        with self._lock:
            job = self._owned(lease)
            self._enter(job, results)
            plan, ledger = job.draft.plan, job.ledger
            record = settled(
                counted(job.record, plan, ledger.results, total_rows=total_rows),
                verb,
                plan=plan,
                results=ledger.results,
                requested=job.requested,
                failure=failure,
                now=self._clock(),
            )
            return self._save(job, record)

    # Under the lock ---------------------------------------------------------------------------------------------------

    def _find(self, job_id: JobId) -> KeptJob:
        try:
            return self._jobs[job_id]
        except KeyError:
            raise JobNotFoundError(job_id) from None

    def _owned(self, lease: Lease) -> KeptJob:
        job = self._jobs.get(lease.job_id)
        if job is None or not is_under(job.record, lease.token):
            raise LeaseLostError(lease.job_id)
        return job

    def _first_under_key(self, draft: JobDraft) -> KeptJob | None:
        if draft.idempotency_key is None:
            return None
        first = self._keys.get((draft.owner, draft.idempotency_key))
        if first is not None and first.draft.content_key != draft.content_key:
            raise IdempotencyConflictError(draft.idempotency_key, str(first.draft.id))
        return first

    def _orphans(
        self, pipelines: set[str], fits: Callable[[KeptJob], bool]
    ) -> tuple[list[KeptJob], Counter[str | None]]:
        """The jobs to take over, oldest first, and how many of each owner's jobs are in live hands.

        Those that nobody shall have any more are ended on the way.
        """
        now = self._monotonic()
        if now < self._next_expiry:
            return [], self._held
        left = [job for job in self._processing.values() if not job.is_live(now)]
        fit = [job for job in left if job.record.pipeline in pipelines and fits(job)]
        orphans = [job for job in fit if not self._is_ended_instead(job)]
        self._next_expiry = min((job.lease_until for job in self._processing.values()), default=math.inf)
        live = Counter(job.owner for job in self._processing.values() if job.is_live(now))
        return sorted(orphans, key=_AGE), live

    def _is_ended_instead(self, job: KeptJob) -> bool:
        record = taken_over(job.record, takeovers=job.takeovers + 1, requested=job.requested, now=self._clock())
        if record.status is JobStatus.PROCESSING:
            return False
        self._save(job, record)
        return True

    def _hand_over(self, job: KeptJob, worker: WorkerId, lease_seconds: float) -> Claim:
        is_takeover = job.record.status is JobStatus.PROCESSING
        job.takeovers += is_takeover
        record = self._save(job, enacted(job.record, Verb.TAKEOVER if is_takeover else Verb.START, now=self._clock()))
        self._extend(job, lease_seconds)
        job.worker = worker
        lease = Lease(job_id=record.id, worker=worker, token=record.attempt)
        plan, root_id = job.draft.plan, job.draft.root_id
        return Claim(lease=lease, record=record, plan=plan, root_id=root_id, is_takeover=is_takeover)

    def _renew(self, lease: Lease, lease_seconds: float) -> Renewal:
        try:
            job = self._owned(lease)
        except LeaseLostError:
            return Renewal(lease=lease, is_held=False)
        self._extend(job, lease_seconds)
        return Renewal(lease=lease, is_held=True, requested=job.requested)

    def _extend(self, job: KeptJob, lease_seconds: float) -> None:
        job.lease_until = self._monotonic() + lease_seconds
        self._next_expiry = min(self._next_expiry, job.lease_until)

    def _enter(self, job: KeptJob, results: Sequence[ChunkResult]) -> bool:
        """Put results into the job's ledger, the last one of each start; tell whether that changes anything."""
        results = list({result.start: result for result in results}.values())
        if any(result.start not in job.ledger for result in results):
            job.takeovers = 0
        changes = [job.ledger.add(result) for result in results]
        root = self._jobs.get(job.draft.root_id)
        if job.draft.parent_id is not None and root is not None:
            self._chains.enter(root.record.id, job.record.id, results)
            self._save(root, attrs.evolve(root.record, resolved_rows=self._chains.rows(root.record.id)))
        return any(changes)

    def _chain(self, root_id: JobId) -> Iterator[JobRecord]:
        """The jobs of a chain, as far as there are any."""
        members = (root_id, *self._chains.members(root_id))
        return (self._jobs[job_id].record for job_id in members if job_id in self._jobs)

    def _join_chain(self, draft: JobDraft, parent_id: JobId) -> None:
        for job_id in (parent_id, draft.root_id):
            self._find(job_id)
        if draft.failure is None:
            check_chain(draft.id, self._chain(draft.root_id))
        self._chains.join(draft.root_id, draft.id)

    def _save(self, job: KeptJob, record: JobRecord, *, is_changed: bool = False) -> JobRecord:
        """Write what one call has made of a job, and keep the job where its status belongs."""
        before = job.record
        if record == before and not is_changed:
            return before
        updated_at = max(before.updated_at, self._clock())
        job.record = attrs.evolve(record, revision=before.revision + 1, updated_at=updated_at)
        if record.status is not before.status:
            self._withdraw(job, before.status)
            if record.status is JobStatus.PENDING:
                self._waiting.add(record.pipeline, job)
            elif record.status is JobStatus.PROCESSING:
                self._processing[record.id] = job
                self._held[record.owner] += 1
        return job.record

    def _withdraw(self, job: KeptJob, status: JobStatus) -> None:
        """Take a job from where it was kept while it had this status; with `processing` ends its ownership."""
        if status is JobStatus.PENDING:
            self._waiting.remove(job.record.pipeline, job)
        elif status is JobStatus.PROCESSING:
            del self._processing[job.record.id]
            self._held[job.record.owner] -= 1
            job.lease_until, job.requested = NO_LEASE, None
