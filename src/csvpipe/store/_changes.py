"""How a job's record changes: pure functions, the same for every store.

None of them touches `revision` or `updated_at`: a store sets both once, when it writes what a whole call has changed.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Final, assert_never

import attrs

from csvpipe._intake.inspection import JobPlan
from csvpipe._process.result import ChunkResult
from csvpipe.errors import FileCode, FileFailure, ParentError
from csvpipe.jobs import JobId, JobRecord, JobStatus, Verb, next_status
from csvpipe.store.conservation import check_tiling
from csvpipe.store.protocol import JobDraft

#: So many takeovers in a row without a newly committed chunk end a job: the last one is not handed out.
CRASH_LOOP_TAKEOVERS: Final = 3

_CRASH_LOOP = FileFailure(
    code=FileCode.CRASH_LOOP,
    message=f"{CRASH_LOOP_TAKEOVERS} workers died or froze on this file without finishing a single chunk; "
    "look for a row that kills the process, then retry the job",
)

_NEVER_INSPECTED = FileFailure(
    code=FileCode.CONSERVATION,
    message="the file was never inspected, so nobody knows what it holds; submit it again as a new job",
)


def created(draft: JobDraft, *, now: datetime) -> JobRecord:
    """The record of a job that was just submitted: `pending`, or `failed` where intake refused the file."""
    source = draft.plan.source
    record = JobRecord(
        id=draft.id,
        pipeline=draft.pipeline,
        filename=draft.filename,
        owner=draft.owner,
        dry_run=draft.plan.dry_run,
        bytes_total=0 if source is None else source.size,
        created_at=now,
        updated_at=now,
        parent_id=draft.parent_id,
        root_id=None if draft.root_id == draft.id else draft.root_id,
    )
    return record if draft.failure is None else enacted(record, Verb.FAIL, now=now, failure=draft.failure)


def check_chain(job_id: JobId, chain: Iterable[JobRecord]) -> None:
    """See that no other job of a chain is on its way: there is one at a time that mends rows.

    Raises:
        ParentError: One is.
    """
    for other in chain:
        if other.id != job_id and not other.status.is_terminal:
            what = "job" if other.parent_id is None else "mended submission"
            raise ParentError(
                other.root_id or other.id,
                f"the {what} {other.id} is {other.status.value}; wait until it has ended, or cancel it",
            )


def enacted(record: JobRecord, verb: Verb, *, now: datetime, failure: FileFailure | None = None) -> JobRecord:
    """`record` after `verb`; the same one where the verb asks for what already is.

    Raises:
        TransitionError: The job's status does not allow the verb.
        ValueError: A job is to fail for no reason.
    """
    status = next_status(record.status, verb)
    if status is record.status and verb is not Verb.TAKEOVER:
        return record
    match verb:
        case Verb.START | Verb.TAKEOVER:
            started_at = record.started_at or now
            return attrs.evolve(record, status=status, attempt=record.attempt + 1, started_at=started_at)
        case Verb.FAIL:
            if failure is None:
                raise ValueError("a job fails for a reason: give the failure")
            code, message = failure.code.value, failure.message
            return attrs.evolve(record, status=status, completed_at=now, error_code=code, error_message=message)
        case Verb.COMPLETE | Verb.CANCEL:
            return attrs.evolve(record, status=status, completed_at=now)
        case Verb.RETRY:
            return attrs.evolve(record, status=status, completed_at=None, error_code=None, error_message=None)
        case Verb.PAUSE | Verb.RESUME | Verb.RELEASE:
            return attrs.evolve(record, status=status)
        case _:  # pragma: no cover
            assert_never(verb)


@attrs.frozen(kw_only=True)
class Sums:
    """What a job's chunk results add up to: their number, their bytes and their rows."""

    chunks: int
    covered: int
    processed: int
    failed: int
    skipped: int


def counted(record: JobRecord, plan: JobPlan, results: Collection[ChunkResult], *, total_rows: int | None) -> JobRecord:
    """`record` with its counters set from all of the job's chunk results, and `total_rows` where it is given."""
    sums = Sums(
        chunks=len(results),
        covered=sum(result.end - result.start for result in results),
        processed=sum(result.processed for result in results),
        failed=sum(result.failed for result in results),
        skipped=sum(result.skipped for result in results),
    )
    data_start = 0 if plan.inspection is None else plan.inspection.data_start
    return with_sums(record, data_start, sums, total_rows=total_rows)


def with_sums(record: JobRecord, data_start: int, sums: Sums, *, total_rows: int | None) -> JobRecord:
    """The same, of results that have been added up elsewhere; the first data record starts at `data_start`."""
    return attrs.evolve(
        record,
        total_rows=record.total_rows if total_rows is None else total_rows,
        processed_rows=sums.processed,
        failed_rows=sums.failed,
        skipped_rows=sums.skipped,
        bytes_processed=data_start + sums.covered if sums.chunks else 0,
    )


def settled(  # what an owner's last word depends on, all of it
    record: JobRecord,
    verb: Verb,
    *,
    plan: JobPlan,
    results: Collection[ChunkResult],
    requested: Verb | None,
    failure: FileFailure | None,
    now: datetime,
) -> JobRecord:
    """`record` after its owner's last word; `results` are all of the job's, and the record is `counted`.

    A noted `pause` or `cancel` wins over `release`, and `cancel` over `pause`: nothing that was asked for is lost.
    A job completes only if its results account for the whole file.
    """
    if requested is not None and (verb is Verb.RELEASE or (verb, requested) == (Verb.PAUSE, Verb.CANCEL)):
        verb = requested
    if verb is not Verb.COMPLETE:
        return enacted(record, verb, now=now, failure=failure)
    broken = _unaccounted(plan, results, record.total_rows)
    if broken is not None:
        return enacted(record, Verb.FAIL, now=now, failure=broken.named(record.filename))
    if record.bytes_processed != record.bytes_total:  # a file that ends with its header has no chunk to say so
        record = attrs.evolve(record, bytes_processed=record.bytes_total)
    return enacted(record, Verb.COMPLETE, now=now)


def _unaccounted(plan: JobPlan, results: Collection[ChunkResult], total_rows: int | None) -> FileFailure | None:
    if plan.inspection is None or plan.source is None:
        return _NEVER_INSPECTED
    return check_tiling(
        results,
        data_start=plan.inspection.data_start,
        data_line=plan.inspection.data_line,
        size=plan.source.size,
        total_rows=total_rows,
    )


def taken_over(record: JobRecord, *, takeovers: int, requested: Verb | None, now: datetime) -> JobRecord:
    """`record` when its lease has run out and another worker comes for it.

    Still `processing` if the worker gets it; otherwise what was asked of the job, or the end of a crash loop.

    Args:
        record: The job, `processing`.
        takeovers: How many since the last newly committed chunk, this one included.
        requested: The noted verb.
        now: Wall clock.
    """
    if requested is not None:
        return enacted(record, requested, now=now)
    if takeovers >= CRASH_LOOP_TAKEOVERS:
        return enacted(record, Verb.FAIL, now=now, failure=_CRASH_LOOP.named(record.filename))
    return enacted(record, Verb.TAKEOVER, now=now)


def noted(requested: Verb | None, verb: Verb) -> Verb | None:
    """What is noted for a job's live owner after one more request.

    `resume` takes back a `pause`; nothing takes back a `cancel`.
    """
    if requested is Verb.CANCEL or verb is Verb.CANCEL:
        return Verb.CANCEL
    if verb is Verb.PAUSE:
        return Verb.PAUSE
    return None if verb is Verb.RESUME else requested


def is_under(record: JobRecord, token: int) -> bool:
    """Whether a write with this token comes from the job's owner."""
    return record.status is JobStatus.PROCESSING and record.attempt == token
