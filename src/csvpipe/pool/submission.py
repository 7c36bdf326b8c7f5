"""From a source to a job in the store. Whatever is wrong with the file makes a failed job, never an exception."""

from __future__ import annotations

import hashlib
import os
from collections.abc import AsyncIterable, Callable, Iterable, Sequence
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast
from uuid import uuid4

import anyio
import attrs

from csvpipe._intake.arrival.receive import BlockingSource, take_in
from csvpipe._intake.arrival.spool import BLOCK_BYTES
from csvpipe._intake.arrival.take_in import (
    Block,
    Spooling,
    TakenIn,
    source_failed,
)
from csvpipe._intake.inspect import inspect_file
from csvpipe._intake.inspection import Inspection, JobPlan
from csvpipe._intake.mended.layout import lay_out
from csvpipe._intake.plan import matched
from csvpipe._intake.source import BoundedStream, LocalFile, Source
from csvpipe._intake.stated import Stated
from csvpipe._intake.url import is_url
from csvpipe.dialect import Dialect
from csvpipe.errors import FileCode, FileError, FileFailure
from csvpipe.jobs import JobId, JobRecord
from csvpipe.limits import Limits
from csvpipe.pipeline import Pipeline
from csvpipe.pool.lineage import Parent, parent_of, spelt_after, stated_by, with_room_for_reasons
from csvpipe.pool.portions import LEAST_BYTES
from csvpipe.pool.retention import create_or_find, forget_uploads
from csvpipe.pool.spooled import upload_name
from csvpipe.store.protocol import JobDraft, JobStore

if TYPE_CHECKING:
    from csvpipe.pool.services import Services


#: Files that are taken in before the jobs of any are created.
_GROUP: Final = 16

#: What is wrong with the way to a file, and not with what is in it.
_NOT_ARRIVED: Final = frozenset(
    {FileCode.NOT_FOUND, FileCode.SOURCE_FAILED, FileCode.SOURCE_CHANGED, FileCode.DISK_FULL}
)


@attrs.frozen(kw_only=True)
class Submission:
    """What a caller asks for.

    Attributes:
        pipeline: One of the pool's.
        source: See `Source`.
        filename: For display.
        owner: Whoever the application says.
        idempotency_key: Makes a repeat give the first job.
        stated: What the caller, or else the pipeline, says about the file.
        dry_run: Whether handlers are to write nothing.
        spelling: Encoding and dialect, as far as the caller says them for this file.
        parent: Whose rejects the file mends; None for a file of its own.
    """

    pipeline: Pipeline[..., Any]
    source: Source
    filename: str
    owner: str | None
    idempotency_key: str | None
    stated: Stated
    dry_run: bool
    spelling: tuple[str | None, Dialect | None]
    parent: Parent | None = None


async def submit(submission: Submission, services: Services, *, parent_id: JobId | None = None) -> JobRecord:
    """Take the file in, look at it, and create its job.

    Args:
        submission: Without its parent.
        services: The pool's.
        parent_id: The job whose rejects the file mends.

    Raises:
        JobNotFoundError: There is no such parent.
        ParentError: Its rejects cannot be mended with this submission, or not now.
        TypeError: The source is nothing that can be read as bytes.
        IdempotencyConflictError: The key belongs to another pipeline or other content.
    """
    if parent_id is not None:
        submission = await services.threads.call(_with_parent, submission, services.store, parent_id)
    job_id = JobId(uuid4())
    is_kept = False
    try:
        draft = await _drafted(submission, job_id, services)
        record = await services.threads.call_through(create_or_find, services.store, draft)
        is_kept = _is_kept(record, job_id)
        return record
    finally:
        if not is_kept:
            await services.threads.call_through(forget_uploads, services, job_id)


async def submit_in_order(
    sources: Iterable[Source],
    ask: Callable[[Source], Submission],
    services: Services,
    tell: Callable[[JobRecord], object],
) -> None:
    """`submit` many files; those that are read by our own code in groups, each in two turns of threads.

    Args:
        sources: Iterated in the event loop.
        ask: What a source is submitted as; raises if it must not be.
        services: The pool's.
        tell: Called with each job, in the order of the sources.

    Raises:
        Exception: Of a source that must not be submitted, or of the iteration; the files before are submitted.
    """
    if isinstance(sources, str | os.PathLike | bytes | bytearray | memoryview):
        raise TypeError(f"submit_many takes a list of files, not {sources!r:.80}; write [...] around it, or submit it")
    group: list[Submission] = []
    remaining = iter(sources)
    while True:
        try:
            source = next(remaining)
            submission = ask(source)
        except StopIteration:
            return await _submit_group(group, services, tell)
        except Exception:
            await _submit_group(group, services, tell)
            raise
        if _is_ours(source):
            group.append(submission)
            if len(group) == _GROUP:
                await _submit_group(group, services, tell)
        else:
            await _submit_group(group, services, tell)
            tell(await submit(submission, services))


async def _submit_group(group: list[Submission], services: Services, tell: Callable[[JobRecord], object]) -> None:
    """Submit what has gathered, and begin to gather anew."""
    asked = [(submission, JobId(uuid4())) for submission in group]
    group.clear()
    if not asked:
        return
    created: list[JobRecord] = []

    def create(drafts: Sequence[JobDraft]) -> Exception | None:
        try:
            created.extend(create_or_find(services.store, draft) for draft in drafts)
        except Exception as error:  # noqa: BLE001  # raised below, when the files before are told of
            return error
        return None

    error: Exception | None
    try:
        drafts, failed = await services.intake.call_or_leave(
            lambda: _drafted_all(asked, services),
            undo=lambda: forget_uploads(services, *(job_id for _, job_id in asked)),
        )
        error = await services.threads.call_through(create, drafts) or failed
    finally:
        kept = {record.id for record in created if not record.status.is_terminal}
        forgotten = [job_id for _, job_id in asked if job_id not in kept]
        if forgotten:
            await services.threads.call_through(forget_uploads, services, *forgotten)
    for record in created:
        tell(record)
    if error is not None:
        raise error


def _drafted_all(
    asked: Sequence[tuple[Submission, JobId]], services: Services
) -> tuple[list[JobDraft], Exception | None]:
    """In a thread: the drafts up to the first file that must not be submitted, and why it must not."""
    drafts: list[JobDraft] = []
    try:
        with services.baton.turn():
            for submission, job_id in asked:
                drafts.append(_drafted_in_thread(submission, job_id, services))
    except Exception as error:  # noqa: BLE001  # told when those before it are created
        return drafts, error
    return drafts, None


def _with_parent(submission: Submission, store: JobStore, parent_id: JobId) -> Submission:
    parent = parent_of(
        store,
        parent_id,
        pipeline=submission.pipeline.name,
        owner=submission.owner,
        dry_run=submission.dry_run,
        encoding=submission.stated.encoding,
    )
    return attrs.evolve(submission, parent=parent, stated=stated_by(parent, submission.stated))


def _is_kept(record: JobRecord, job_id: JobId) -> bool:
    """Whether what was submitted has become this job, which is going to read the file."""
    return record.id == job_id and not record.status.is_terminal


def _is_ours(source: Source) -> bool:
    """Whether a source is read by code of ours alone, which comes to an end."""
    return isinstance(source, str | os.PathLike | bytes | bytearray | memoryview) and not is_url(source)


async def _drafted(submission: Submission, job_id: JobId, services: Services) -> JobDraft:
    """Take the file in and look at it: a job that can run, or one that has failed already."""
    source = submission.source
    if isinstance(source, AsyncIterable):
        taken: TakenIn | FileError
        try:
            taken = await _received(source, submission, job_id, services)
        except FileError as error:
            taken = error
        return await services.threads.call(_draft, submission, job_id, taken, services)
    threads = services.intake if _is_ours(source) else services.readers
    return await threads.call_or_leave(
        lambda: _drafted_in_thread(submission, job_id, services), undo=lambda: forget_uploads(services, job_id)
    )


def _drafted_in_thread(submission: Submission, job_id: JobId, services: Services) -> JobDraft:
    """`_drafted`, of a source that can be read in a thread."""
    given = cast("BlockingSource", submission.source)
    stated, limits, place = submission.stated, submission.pipeline.limits, submission.filename
    taken: TakenIn | FileError
    name = upload_name(services.store_id, job_id)
    if not (services.settings.in_threads or submission.pipeline.signature.is_async):
        services.expect(_large_bytes(given) // services.settings.chunk_bytes)
    try:
        taken = take_in(given, services.spool, name, stated=stated, limits=limits, place=place)
    except FileError as error:
        taken = error
    return _draft(submission, job_id, taken, services)


def _large_bytes(source: BlockingSource) -> int:
    """Size of a file that can be told before it is looked at; 0 for another source."""
    if isinstance(source, str | os.PathLike) and not is_url(source):
        with suppress(OSError, ValueError):  # which is found out when it is taken in
            return Path(source).stat().st_size
    return 0


def _draft(submission: Submission, job_id: JobId, taken: TakenIn | FileError, services: Services) -> JobDraft:
    """Look at the local file, if there is one."""
    plan, failure = JobPlan(source=None, inspection=None, limits=submission.pipeline.limits), None
    parent, key, file = submission.parent, "", None
    try:
        if isinstance(taken, FileError):
            raise taken
        file, key = taken.file, _inspection_key(submission, taken)
        plan = _planned(submission, taken, services.store.inspected, key)
        if taken.content is not None and len(taken.content) <= LEAST_BYTES:  # as is_brief
            services.contents.keep(job_id, taken.content)
    except FileError as error:
        failure = FileFailure(code=error.code, message=error.message)
    return JobDraft(
        id=job_id,
        pipeline=submission.pipeline.name,
        filename=submission.filename,
        owner=submission.owner,
        plan=plan,
        failure=failure,
        root_id=job_id if parent is None else parent.root_id,
        parent_id=None if parent is None else parent.id,
        # What did not arrive may come yet, under the same key.
        idempotency_key=None if failure is not None and failure.code in _NOT_ARRIVED else submission.idempotency_key,
        content_key=_content_key(submission, file),
        inspection_key=key if plan.inspection is not None else "",
    )


async def _received(source: AsyncIterable[bytes], submission: Submission, job_id: JobId, services: Services) -> TakenIn:
    """Take in a stream, which only the event loop can read."""
    stated, limits, place = submission.stated, submission.pipeline.limits, submission.filename
    name = upload_name(services.store_id, job_id)
    if isinstance(source, BoundedStream) and limits.file_bytes is None:
        limits = attrs.evolve(limits, file_bytes=source.file_bytes)
    with Spooling(services.spool, name, stated=stated, limits=limits, place=place) as spooling:
        await _receive(source, spooling, services, place)
        return await services.intake.call(spooling.finish)


async def _receive(source: AsyncIterable[bytes], spooling: Spooling, services: Services, place: str) -> None:
    """Feed a stream to the spool, in larger pieces than networks give; whatever it raises is the file's fault."""
    try:
        blocks = aiter(source)
    except Exception as error:  # the caller's code
        raise source_failed(place, error) from error
    gathered: list[bytes] = []
    size = 0
    try:
        while True:
            try:
                block = await anext(blocks)
            except StopAsyncIteration:
                break
            except Exception as error:  # the caller's code
                raise source_failed(place, error) from error
            if not isinstance(block, Block):
                spooling.feed(block)  # type: ignore[unreachable]  # a stream of something else is told what is wrong
            gathered.append(bytes(block))  # a buffer may be the caller's to fill again
            size += len(gathered[-1])
            if size >= BLOCK_BYTES:
                await services.intake.call(spooling.feed, b"".join(gathered))
                gathered, size = [], 0
        await services.intake.call(spooling.feed, b"".join(gathered))
    finally:
        close = getattr(blocks, "aclose", None)
        if close is not None:
            with anyio.CancelScope(shield=True), suppress(Exception):
                await close()


def _planned(
    submission: Submission, taken: TakenIn, inspected: Callable[[str], Inspection | None], inspection_key: str
) -> JobPlan:
    """Look at the local file, unless that was done before.

    Raises:
        FileError: It cannot be imported with this pipeline.
    """
    pipeline, parent, stated, place = submission.pipeline, submission.parent, submission.stated, submission.filename
    limits = pipeline.limits if parent is None else with_room_for_reasons(pipeline.limits)
    if parent is not None:
        stated, taken = spelt_after(parent, stated, taken, limits, place=place)
    known = inspected(inspection_key)
    inspection = known or inspect_file(taken, stated, limits, place=place)
    mends = None if parent is None else lay_out(inspection.columns, parent.columns, place=place)
    columns = inspection.columns if mends is None else mends.columns
    inspection = matched(inspection, columns, pipeline, taken=taken, stated=stated, place=place)
    return JobPlan(
        source=taken.file,
        inspection=inspection,
        limits=limits,
        dry_run=submission.dry_run,
        mends=mends,
    )


def _content(file: LocalFile | None) -> str:
    """Names the content of a file, which is what it is as long as it is not changed."""
    return "nothing" if file is None else file.sha256 or f"{file.path}:{file.size}:{file.mtime_ns}"


def _inspection_key(submission: Submission, taken: TakenIn) -> str:
    """See `JobDraft.inspection_key`."""
    stated, limits, parent = submission.stated, submission.pipeline.limits, submission.parent
    said = _said(stated, limits, parent and parent.root_id)
    charset = taken.encoding.encoding, taken.compression  # what is found may depend on what is installed
    what = submission.pipeline.name, _content(taken.file)  # its row type and sensitive columns show in what is found
    return hashlib.sha256(f"({what!r}, {charset!r}, {said})".encode()).hexdigest()


@lru_cache(maxsize=64)
def _said(stated: Stated, limits: Limits, root_id: JobId | None) -> str:
    """What is said of a file, which is mostly the same for many."""
    return repr((attrs.evolve(stated, wanted=frozenset()), sorted(stated.wanted), limits, root_id))


def _content_key(submission: Submission, file: LocalFile | None) -> str:
    """What a repeat under the same idempotency key must equal."""
    content = _content(file)
    mended = "" if submission.parent is None else f":{submission.parent.root_id}"
    options = (submission.dry_run, *submission.spelling)
    said = "" if options == (False, None, None) else f":{options!r}"
    return f"{submission.pipeline.name}:{content}{mended}{said}"
