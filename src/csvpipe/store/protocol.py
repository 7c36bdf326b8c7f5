"""Where job state lives: the contract of every store.

A store is synchronous and thread-safe: the pool calls it in worker threads, the lease is renewed from a thread of its
own. Whoever makes a store closes it. `csvpipe.testing.JobStoreContract` is this page in executable form.

**Ownership.** `claim` hands a job to a worker together with a `Lease`. Its `token` is the job's `attempt`, which every
claim raises by one: a write with a lower token comes from a worker that has been replaced, and is refused with
`LeaseLostError` before anything changes. A lease that is not renewed within its seconds may be claimed by another
worker, by the store's own clock. A lease that has run out but that nobody has taken still writes.

**Changes.** Every call is one transaction. Whatever changes a job raises `revision` by one and sets `updated_at`;
renewals and repeats that change nothing do not. Status changes go through `csvpipe.jobs.next_status`.

**Idempotence.** Chunk results are keyed by (job, start): committing one again replaces it. Row errors are keyed by
(job, row, ordinal within the row). Counters are sums over the job's chunk results, never increments, so a commit whose
outcome is unknown may simply be repeated.

**Chains.** A job with a `parent_id` mends rejected rows of the job `root_id`, the first of its chain, whose row numbers
its results name in `resolved`. At most one job of a chain, the first one included, is neither completed, failed nor
cancelled: so no row is in two hands, and which rows are open does not change under a worker. `create` and `retry` see
to it in their transaction. A commit with resolved rows sets the first job's `resolved_rows` to their number over all
jobs of the chain, as a change of that job. What a job has resolved outlives it: it goes with the first job.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from enum import Enum
from typing import Final, Literal, NewType, Protocol

import attrs

from csvpipe._intake.inspection import Inspection, JobPlan
from csvpipe._process.result import ChunkResult
from csvpipe._process.rowset import RowSet
from csvpipe.errors import ErrorTotal, FileFailure, RowError
from csvpipe.jobs import JobId, JobRecord, JobStatus, Verb

#: Names one pool in one process, made anew on entering the pool.
WorkerId = NewType("WorkerId", str)


class AnyOwner(Enum):
    """The type of `ANY_OWNER`."""

    ANY_OWNER = "any owner"


#: "Whoever owns it": None means the jobs that have no owner.
ANY_OWNER: Final = AnyOwner.ANY_OWNER

OwnerFilter = str | None | AnyOwner


@attrs.frozen(kw_only=True)
class JobDraft:
    """A job before the store has seen it.

    Attributes:
        id: Made by the pool.
        pipeline: Registered name.
        filename: For display.
        owner: Whoever the application says.
        plan: See `JobPlan`.
        failure: Set when the file was refused at intake: the job is created `failed`.
        root_id: First job of a chain of mended submissions; equal to `id` where there is none.
        parent_id: The job of that chain whose rejects this one mends; None where there is none.
        idempotency_key: Makes a repeat of (owner, key) return the first job; None for no such check.
        content_key: What a repeat under the same key must equal: names the pipeline, the content and the options.
        inspection_key: Equal for two jobs exactly if their pipelines are the same, their files have the same content
            and the same is stated about them, so that what was found in one holds for the other; empty where nothing
            was found.
    """

    id: JobId
    pipeline: str
    filename: str
    owner: str | None
    plan: JobPlan
    failure: FileFailure | None = None
    root_id: JobId
    parent_id: JobId | None = None
    idempotency_key: str | None = None
    content_key: str = ""
    inspection_key: str = ""


@attrs.frozen(kw_only=True)
class Lease:
    """Proof of ownership, shown with every write."""

    job_id: JobId
    worker: WorkerId
    token: int


@attrs.frozen(kw_only=True)
class Claim:
    """A job in hand.

    Attributes:
        lease: To be renewed, and shown with every write.
        record: The job after the claim: `processing`, its `attempt` equal to the token.
        plan: What to do.
        root_id: For row keys.
        is_takeover: Whether another worker had it, and its lease has run out.
    """

    lease: Lease
    record: JobRecord
    plan: JobPlan
    root_id: JobId
    is_takeover: bool = False


@attrs.frozen(kw_only=True)
class Renewal:
    """The answer for one lease: whether it still holds, and what somebody asked of the job meanwhile."""

    lease: Lease
    is_held: bool
    requested: Verb | None = None


@attrs.frozen(kw_only=True)
class JobPage:
    """One page of jobs, newest first.

    Attributes:
        jobs: At most `limit` records.
        page: 1-based.
        limit: Records a page.
        total: Records on all pages. Where there are more than 10,000, a store may have stopped counting.
        is_total_exact: Whether there are just so many records and pages; otherwise there are at least so many.
    """

    jobs: tuple[JobRecord, ...]
    page: int
    limit: int
    total: int
    is_total_exact: bool = True

    @property
    def pages(self) -> int:
        """Number of pages, as far as `total` is known; 0 where there is nothing."""
        return -(-self.total // self.limit)


@attrs.frozen(kw_only=True)
class JobSlice:
    """Some jobs, newest first, and where to go on.

    Attributes:
        jobs: At most `limit` records.
        following: To be given as `after` to get the next ones; None where there are none.
    """

    jobs: tuple[JobRecord, ...]
    following: str | None


class JobStore(Protocol):
    """See the module's docstring for what holds for every method."""

    @property
    def identity(self) -> str:
        """A name of this store, and of no other one: the same for every handle, in every process, for ever.

        Lower-case letters and digits, 8 to 64 of them: it becomes part of names of files.
        """
        ...

    def create(self, draft: JobDraft) -> JobRecord:
        """Add a job: `pending`, or `failed` with the draft's failure.

        Where the draft's (owner, idempotency_key) exists, nothing is added and the first job is returned: its `id`
        differs from the draft's. Where the draft's own id exists, this is a repeat of a call whose answer was lost:
        nothing is added either, and the job is returned as it is.

        Raises:
            IdempotencyConflictError: The key was used with another `content_key`.
            JobNotFoundError: The draft has a `parent_id`, and that job or the `root_id` is gone.
            ParentError: The draft has a `parent_id`, and another job of the chain has not ended; the error names it.
        """
        ...

    def get(self, job_id: JobId) -> JobRecord:
        """The job as it is now.

        Raises:
            JobNotFoundError: There is none.
        """
        ...

    def plan(self, job_id: JobId) -> JobPlan:
        """The plan that the job was created with.

        Raises:
            JobNotFoundError: There is none.
        """
        ...

    def inspected(self, inspection_key: str) -> Inspection | None:
        """What was found in the file of the newest job with this key that is still here; None if there is none."""
        ...

    def list_jobs(
        self,
        *,
        page: int = 1,
        limit: int = 10,
        status: JobStatus | None = None,
        owner: OwnerFilter = ANY_OWNER,
    ) -> JobPage:
        """One page of the jobs that match, newest first by (`created_at`, order of creation).

        A store may stop counting at 10,000 jobs, and say so in `is_total_exact`; a page that is not empty has its own
        jobs in its `total`, and one of the next page where there is one. To get to a page those before it are gone
        past: whoever reads on and on takes `history`.

        Raises:
            ValueError: `page` or `limit` is below 1.
        """
        ...

    def history(
        self,
        *,
        after: str | None = None,
        limit: int = 100,
        status: JobStatus | None = None,
        owner: OwnerFilter = ANY_OWNER,
    ) -> JobSlice:
        """Jobs that match, in the order of `list_jobs`, to be read on and on: nothing is counted or gone past.

        Jobs that are created or deleted meanwhile, the one that `after` was made of among them, shift no other one.

        Args:
            after: What `following` of the slice before said; None to begin with the newest.
            limit: Records in a slice.
            status: Only jobs with this status.
            owner: Only jobs of this owner.

        Raises:
            ValueError: `limit` is below 1, or `after` is of no slice.
        """
        ...

    def ended_before(self, when: datetime, *, status: JobStatus | None = None, limit: int) -> list[JobId]:
        """Up to `limit` jobs that ended before a time, those that ended first in front.

        Args:
            when: Aware; compared with `completed_at`.
            status: Only jobs with this status; None for all that are completed, failed or cancelled.
            limit: At most so many.
        """
        ...

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
        """Take up to `limit` jobs, each by at most one worker, however many call at once.

        Candidates are the `pending` jobs, and the `processing` ones whose lease has run out (a takeover), of these
        pipelines and, with `max_bytes`, of at most that `bytes_total`; those whose plan is of a later `PLAN_VERSION`
        are left to whoever knows it. Each becomes `processing` with `attempt + 1`; `started_at` is set once and kept.

        Owners take turns: each time the next job is one of the owner who has the fewest jobs in live hands, those
        chosen by this call included, and of several such owners the oldest one. Within an owner it is the oldest first.
        Jobs without an owner take turns as if they had one together. So whoever submits ten thousand files keeps nobody
        waiting who submits one.

        With `spools`, a job whose file has a `spool_id` that is not among them is left alone, in every respect: the
        worker cannot reach its file. A file without one, which was submitted by its path, is taken to be in reach.

        A takeover of a job for which a verb was requested enacts the verb instead: `pause` and `cancel` settle it
        without a claim. The third takeover in a row without a newly committed chunk ends the job as `failed` with
        `crash_loop`: a row that kills its host must not kill one host after the other.
        """
        ...

    def renew(self, leases: Sequence[Lease], *, lease_seconds: float) -> list[Renewal]:
        """Extend the leases that still hold by `lease_seconds` from now; one answer each, in the order given."""
        ...

    def forfeit(self, workers: Collection[WorkerId]) -> int:
        """End the leases of workers that are known to be dead, at once; tell of how many jobs.

        Nothing else changes: the jobs are taken over by whoever claims next, as if their leases had run out, and a
        worker that is alive against all evidence gets a lease back by renewing it first. A repeat ends nothing.
        """
        ...

    def commit(self, lease: Lease, results: Sequence[ChunkResult], *, total_rows: int | None = None) -> JobRecord:
        """Add chunk results and their errors, recompute the counters, and set `total_rows` where it is given.

        Every error is kept: the pool bounds how many there are, and lets its workers spill the others.

        Raises:
            LeaseLostError: The token is not the job's.
        """
        ...

    def settle(
        self,
        lease: Lease,
        verb: Literal[Verb.COMPLETE, Verb.FAIL, Verb.CANCEL, Verb.PAUSE, Verb.RELEASE],
        *,
        results: Sequence[ChunkResult] = (),
        total_rows: int | None = None,
        failure: FileFailure | None = None,
    ) -> JobRecord:
        """Commit the last results and end the ownership, in one transaction.

        `COMPLETE` first checks that the job's chunk results tile `[data_start, size)` without gap or overlap, that
        their row numbers follow on each other, and that their rows add up to `total_rows`; otherwise the job is
        `failed` with `conservation` and a message that says where. A verb that was requested before the settling
        wins over `RELEASE`: a released job with a requested `pause` is `paused`.

        Raises:
            LeaseLostError: The token is not the job's.
        """
        ...

    def request(self, job_id: JobId, verb: Literal[Verb.PAUSE, Verb.RESUME, Verb.CANCEL, Verb.RETRY]) -> JobRecord:
        """Ask something of a job, from any process.

        Of a job that a live worker owns, `pause` and `cancel` are noted for its owner, which learns of them by
        `renew`; `resume` takes back a noted `pause`. Otherwise the verb is enacted here and now. A repeat changes
        nothing. `retry` clears the error and `completed_at`, keeps the committed chunks, and forgets past takeovers.

        Raises:
            JobNotFoundError: There is none.
            ParentError: A failed job is to be retried, and another one of its chain has not ended; the error names it.
            TransitionError: The job's status does not allow it.
        """
        ...

    def committed(self, job_id: JobId) -> list[ChunkResult]:
        """The job's chunk results by `start`, without their errors: what a resuming worker leaves out.

        Raises:
            JobNotFoundError: There is none.
        """
        ...

    def resolved(self, root_id: JobId, *, apart_from: JobId | None = None) -> list[RowSet]:
        """Rows of a first job that jobs of its chain have imported: one set a chunk result, none of them empty.

        Args:
            root_id: The first job of the chain.
            apart_from: A job whose own results are left out.

        Raises:
            JobNotFoundError: There is no such first job.
        """
        ...

    def row_errors(
        self, job_id: JobId, *, limit: int = 100, after: tuple[int, int] | None = None
    ) -> list[tuple[int, RowError]]:
        """Stored errors in file order, each with its ordinal (0-based) among its row's errors.

        Args:
            job_id: The job.
            limit: At most so many.
            after: (row, ordinal) of the last one seen, to read on from there.

        Raises:
            JobNotFoundError: There is none.
        """
        ...

    def error_totals(self, job_id: JobId, *, samples: int = 3) -> list[ErrorTotal]:
        """Exact totals per (code, column), most frequent first, each with the first errors that are known of it.

        Raises:
            JobNotFoundError: There is none.
        """
        ...

    def delete(self, job_id: JobId) -> JobPlan:
        """Remove a job with its chunks and errors; its plan is returned so that the caller can remove its files.

        Raises:
            JobNotFoundError: There is none.
            ParentError: It is the first of a chain of which another job has not ended; the error names it.
            TransitionError: It is `processing` under a live lease: cancel it first.
        """
        ...
