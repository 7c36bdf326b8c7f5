"""From a source to a job in the store. Whatever is wrong with the file makes a failed job, never an exception."""

from __future__ import annotations

import os
from collections.abc import AsyncIterable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, cast
from uuid import uuid4

import anyio
import attrs

from csvpipe._intake.inspect import Stated, inspect_file
from csvpipe._intake.inspection import JobPlan
from csvpipe._intake.source import LocalFile, Source
from csvpipe._intake.spool import BLOCK_BYTES
from csvpipe._intake.take_in import (
    Block,
    Spooling,
    TakenIn,
    source_failed,
    take_in_bytes,
    take_in_file_object,
    take_in_path,
)
from csvpipe.errors import CsvPipeError, FileError, FileFailure
from csvpipe.jobs import JobId, JobRecord
from csvpipe.pipeline import Pipeline
from csvpipe.rowtypes import check_columns
from csvpipe.store.protocol import JobDraft

if TYPE_CHECKING:
    from csvpipe.pool.services import Services

_NAMELESS = "upload.csv"


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
    """

    pipeline: Pipeline[..., Any]
    source: Source
    filename: str
    owner: str | None
    idempotency_key: str | None
    stated: Stated
    dry_run: bool


def display_name(source: Source) -> str:
    """A name for the file where the caller gives none: the path's last part, or that of an open file."""
    named = source if isinstance(source, str | os.PathLike) else getattr(source, "name", None)
    name = Path(os.fsdecode(named)).name if isinstance(named, str | bytes | os.PathLike) else ""
    return name or _NAMELESS


async def submit(submission: Submission, services: Services) -> JobRecord:
    """Take the file in, look at it, and create its job.

    Raises:
        TypeError: The source is nothing that can be read as bytes.
        IdempotencyConflictError: The key belongs to another pipeline or other content.
    """
    job_id = JobId(uuid4())
    name = f"{job_id}.csv"
    is_kept = False
    try:
        draft = await _drafted(submission, job_id, name, services)
        record = await services.threads.call_through(services.store.create, draft)
        is_kept = record.id == job_id and not record.status.is_terminal
        return record
    finally:
        if not is_kept:
            await services.threads.call_through(_forget, services, name)


def _forget(services: Services, name: str) -> None:
    """Remove an upload that became no job."""
    for path in services.spool.kept(name):
        services.spool.remove(path)


async def _drafted(submission: Submission, job_id: JobId, name: str, services: Services) -> JobDraft:
    """Take the file in and look at it: a job that can run, or one that has failed already."""
    plan, failure = JobPlan(source=None, inspection=None, limits=submission.pipeline.limits), None
    taken: TakenIn | None = None
    try:
        taken = await _take_in(submission, name, services)
        plan = await services.threads.call(_planned, submission, taken)
    except FileError as error:
        failure = FileFailure(code=error.code, message=error.message)
    return JobDraft(
        id=job_id,
        pipeline=submission.pipeline.name,
        filename=submission.filename,
        owner=submission.owner,
        plan=plan,
        failure=failure,
        root_id=job_id,
        idempotency_key=submission.idempotency_key,
        content_key=_content_key(submission, None if taken is None else taken.file),
    )


async def _take_in(submission: Submission, name: str, services: Services) -> TakenIn:
    source = submission.source
    stated, limits, place = submission.stated, submission.pipeline.limits, submission.filename

    def taken_in() -> TakenIn:
        try:
            return read()
        except CsvPipeError:
            raise
        except Exception as error:  # whatever a caller's object may do, the file is what is wrong
            raise source_failed(place, error) from error

    def read() -> TakenIn:
        if isinstance(source, str | os.PathLike):
            # The whole path: a name alone would not help whoever looks for a missing file.
            return take_in_path(source, services.spool, name, stated=stated, limits=limits, place=os.fspath(source))
        if isinstance(source, bytes | bytearray | memoryview):
            return take_in_bytes(source, services.spool, name, stated=stated, limits=limits, place=place)
        file = cast("BinaryIO", source)
        return take_in_file_object(file, services.spool, name, stated=stated, limits=limits, place=place)

    if isinstance(source, AsyncIterable):
        with Spooling(services.spool, name, stated=stated, limits=limits, place=place) as spooling:
            await _receive(source, spooling, services, place)
            return await services.intake.call(spooling.finish)
    is_ours = isinstance(source, str | os.PathLike | bytes | bytearray | memoryview)
    threads = services.intake if is_ours else services.readers
    return await threads.call_or_leave(taken_in, undo=lambda: _forget(services, name))


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


def _planned(submission: Submission, taken: TakenIn) -> JobPlan:
    """Look at the local file.

    Raises:
        FileError: It cannot be imported with this pipeline.
    """
    pipeline = submission.pipeline
    inspection = inspect_file(
        taken.file,
        submission.stated,
        pipeline.limits,
        place=submission.filename,
        transcoded=taken.source_encoding,
    )
    if pipeline.signature.row_schema is not None:
        try:
            check_columns(pipeline.signature.row_schema, inspection.columns)
        except FileError as error:
            raise FileError(error.code, f"{submission.filename}: {error.message}") from None
    return JobPlan(source=taken.file, inspection=inspection, limits=pipeline.limits, dry_run=submission.dry_run)


def _content_key(submission: Submission, file: LocalFile | None) -> str:
    """What a repeat under the same idempotency key must equal."""
    content = "nothing" if file is None else file.sha256 or f"{file.path}:{file.size}:{file.mtime_ns}"
    return f"{submission.pipeline.name}:{content}"


def check_source(source: object) -> None:
    """See that a source is one of the kinds that can be read as bytes.

    Raises:
        TypeError: It is not; the message says what is.
    """
    is_readable = callable(getattr(source, "read", None)) or isinstance(source, AsyncIterable)
    if not is_readable and not isinstance(source, str | os.PathLike | bytes | bytearray | memoryview):
        what = type(source).__name__
        raise TypeError(f"a source is a path, bytes, a binary file object or an async iterable of bytes, not {what}")
