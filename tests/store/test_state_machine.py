"""Two workers and a crowd of impatient users against the store: whatever they do, its promises hold."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import attrs
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, multiple, precondition, rule

from csvpipe.errors import FileCode, FileFailure, LeaseLostError, TransitionError
from csvpipe.jobs import JobId, JobRecord, JobStatus, Verb, next_status
from csvpipe.store import MemoryJobStore
from csvpipe.store.protocol import Lease, WorkerId
from csvpipe.testing._store_contract.harness import PIPELINE, a_draft, a_result

if TYPE_CHECKING:
    from csvpipe._process.result import ChunkResult

_LEASE_SECONDS = 10.0
_ROWS = 6
_NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)
_WORKERS = st.sampled_from([WorkerId("ana"), WorkerId("ben")])
_VERDICTS = [Verb.COMPLETE, Verb.FAIL, Verb.CANCEL, Verb.PAUSE, Verb.RELEASE]
_REQUESTS = [Verb.PAUSE, Verb.RESUME, Verb.CANCEL, Verb.RETRY]
_RESULTS = st.lists(
    st.integers(1, _ROWS).flatmap(
        lambda row: st.builds(a_result, st.just(row), st.integers(1, _ROWS + 1 - row), skipped=st.integers(0, 1))
    ),
    max_size=3,
)


@attrs.define(kw_only=True)
class KnownJob:
    """What the model knows of a job. `owner` is who may write; its lease lives until `lease_until`."""

    seen: JobRecord
    owner: Lease | None = None
    lease_until: float = 0.0
    results: dict[int, ChunkResult] = attrs.field(factory=dict)


class JobsAndWorkers(RuleBasedStateMachine):
    """A store in memory beside a model that is too simple to be wrong."""

    leases = Bundle("leases")
    jobs = Bundle("jobs")

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.store = MemoryJobStore(clock=lambda: _NOON + timedelta(seconds=self.now), monotonic=lambda: self.now)
        self.known: dict[JobId, KnownJob] = {}

    # What happens -----------------------------------------------------------------------------------------------------

    @rule(target=jobs)
    def submit(self) -> JobId:
        """Somebody uploads a file."""
        record = self.store.create(a_draft(rows=_ROWS))
        self.known[record.id] = KnownJob(seen=record)
        return record.id

    @rule(seconds=st.sampled_from([1.0, 6.0, 11.0]))
    def time_passes(self, seconds: float) -> None:
        """Leases grow older."""
        self.now += seconds

    @rule(target=leases, worker=_WORKERS, limit=st.integers(0, 2))
    def claim(self, worker: WorkerId, limit: int) -> object:
        """A worker asks for jobs: none of them is in live hands, and each token is higher than all before it."""
        claims = self.store.claim(worker, pipelines=[PIPELINE], limit=limit, lease_seconds=_LEASE_SECONDS)
        assert len(claims) <= limit
        for claim in claims:
            job = self.known[claim.record.id]
            assert job.owner is None or self.now >= job.lease_until
            assert job.seen.attempt + 1 == claim.lease.token == claim.record.attempt
            job.owner, job.lease_until = claim.lease, self.now + _LEASE_SECONDS
        return multiple(*(claim.lease for claim in claims))

    @precondition(lambda self: self.known)
    @rule(lease=leases)
    def renew(self, lease: Lease) -> None:
        """A heartbeat holds exactly for the owner."""
        (answer,) = self.store.renew([lease], lease_seconds=_LEASE_SECONDS)
        assert self.owns(lease) == answer.is_held
        if answer.is_held:
            self.known[lease.job_id].lease_until = self.now + _LEASE_SECONDS

    @rule(lease=leases, results=_RESULTS)
    def commit(self, lease: Lease, results: list[ChunkResult]) -> None:
        """Results are taken from exactly the owner."""
        if not self.owns(lease):
            with pytest.raises(LeaseLostError):
                self.store.commit(lease, results)
            return
        record = self.store.commit(lease, results, total_rows=_ROWS)
        self.enter(lease.job_id, results)
        assert JobStatus.PROCESSING is record.status

    @rule(lease=leases, verb=st.sampled_from(_VERDICTS), results=_RESULTS)
    def settle(self, lease: Lease, verb: Verb, results: list[ChunkResult]) -> None:
        """The last word is taken from exactly the owner, and only once."""
        failure = FileFailure(code=FileCode.ABORTED, message="enough")
        if not self.owns(lease):
            with pytest.raises(LeaseLostError):
                self.store.settle(lease, verb, results=results, failure=failure)  # type: ignore[arg-type]
            return
        record = self.store.settle(lease, verb, results=results, total_rows=_ROWS, failure=failure)  # type: ignore[arg-type]
        self.enter(lease.job_id, results)
        assert JobStatus.PROCESSING is not record.status
        self.known[lease.job_id].owner = None

    @rule(lease=leases)
    def finish(self, lease: Lease) -> None:
        """An owner does the whole file anew in one chunk; it completes if nothing else was ever committed."""
        if not self.owns(lease):
            return
        whole = a_result(1, _ROWS)
        record = self.store.settle(lease, Verb.COMPLETE, results=[whole], total_rows=_ROWS)
        self.enter(lease.job_id, [whole])
        is_whole = [1] == [result.first_row for result in self.known[lease.job_id].results.values()]
        assert (JobStatus.COMPLETED if is_whole else JobStatus.FAILED) is record.status
        self.known[lease.job_id].owner = None

    @rule(job_id=jobs, verb=st.sampled_from(_REQUESTS))
    def request(self, job_id: JobId, verb: Verb) -> None:
        """A user asks: a live owner keeps the job, and anybody else's job obeys or refuses by the table."""
        if job_id not in self.known:
            return
        job = self.known[job_id]
        try:
            expected = next_status(job.seen.status, verb)
        except TransitionError:
            with pytest.raises(TransitionError):
                self.store.request(job_id, verb)  # type: ignore[arg-type]
            return
        record = self.store.request(job_id, verb)  # type: ignore[arg-type]
        is_live = job.owner is not None and self.now < job.lease_until
        assert (job.seen.status if is_live else expected) is record.status

    @rule(job_id=consumes(jobs))
    def delete(self, job_id: JobId) -> None:
        """A user deletes: refused exactly while an owner is alive."""
        job = self.known.get(job_id)
        if job is None:
            return
        if job.owner is not None and self.now < job.lease_until:
            with pytest.raises(TransitionError):
                self.store.delete(job_id)
            return
        self.store.delete(job_id)
        del self.known[job_id]

    # What must hold after every step ----------------------------------------------------------------------------------

    @invariant()
    def every_change_is_lawful(self) -> None:
        """A record changes exactly when its revision grows, its status by a verb, its attempt and times forwards."""
        for job_id, job in self.known.items():
            before, after = job.seen, self.store.get(job_id)
            assert (before == after) == (before.revision == after.revision)
            assert before.revision <= after.revision <= before.revision + 1
            assert before.attempt <= after.attempt <= before.attempt + 1
            assert before.updated_at <= after.updated_at
            assert before.started_at in (None, after.started_at)
            assert before.status is after.status or is_reachable(before.status, after.status)
            job.seen = after
            if after.status is not JobStatus.PROCESSING:
                job.owner = None

    @invariant()
    def statuses_agree_with_the_other_fields(self) -> None:
        """Ends have a time, failures a reason, and exactly what is processing has an owner."""
        for job in self.known.values():
            record = job.seen
            assert record.status.is_terminal == (record.completed_at is not None)
            assert (record.status is JobStatus.FAILED) == (record.error_code is not None)
            assert (record.status is JobStatus.PROCESSING) == (job.owner is not None)

    @invariant()
    def counters_are_sums(self) -> None:
        """Counters are what the committed results add up to."""
        for job_id, job in self.known.items():
            results = [job.results[start] for start in sorted(job.results)]
            assert results == self.store.committed(job_id)
            record = self.store.get(job_id)
            assert sum(result.processed for result in results) == record.processed_rows
            assert sum(result.skipped for result in results) == record.skipped_rows
            covered = sum(result.end - result.start for result in results)
            assert (covered + 10 if results else 0) == record.bytes_processed
            if record.status is JobStatus.COMPLETED:
                assert (record.total_rows, record.bytes_total) == (record.handled_rows, record.bytes_processed)

    @invariant()
    def the_list_is_complete(self) -> None:
        """Every job is listed once, as it is."""
        listed = self.store.list_jobs(limit=1_000).jobs
        assert {job_id: self.store.get(job_id) for job_id in self.known} == {job.id: job for job in listed}

    # The model --------------------------------------------------------------------------------------------------------

    def owns(self, lease: Lease) -> bool:
        """Whether the model takes this lease for the job's owner's, alive or merely late."""
        job = self.known.get(lease.job_id)
        return job is not None and job.owner == lease

    def enter(self, job_id: JobId, results: list[ChunkResult]) -> None:
        """Note what was committed."""
        self.known[job_id].results.update({result.start: result for result in results})


def is_reachable(before: JobStatus, after: JobStatus) -> bool:
    """Whether some verb leads from one status to the other."""
    return any(after is reached(before, verb) for verb in Verb)


def reached(status: JobStatus, verb: Verb) -> JobStatus | None:
    """The status after `verb`, None where it is refused."""
    try:
        return next_status(status, verb)
    except TransitionError:
        return None


TestJobsAndWorkers = JobsAndWorkers.TestCase
TestJobsAndWorkers.__doc__ = "The store keeps its promises under any sequence of calls."
TestJobsAndWorkers.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
