"""A job as its submitter holds it."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, TypeVar
from uuid import UUID

from csvpipe._intake.inspection import Inspection
from csvpipe._intake.url import is_url
from csvpipe._report.feed import JobEvents
from csvpipe._report.retrieval import errors_after, write_job_rejects
from csvpipe.errors import ErrorTotal, JobNotFoundError, PoolClosedError, RowError
from csvpipe.jobs import JobId, JobRecord, Verb
from csvpipe.pool.retention import remove_job
from csvpipe.pool.wishes import Wish, ask

if TYPE_CHECKING:
    from csvpipe.pool.services import Services

T = TypeVar("T")


class Job:
    """A handle on one job of a store. Cheap: it holds nothing but the job's id.

    It outlives its pool, as far as the store does. Verbs may be asked of any job, whichever process runs it, and are
    idempotent: each returns the record as it is when the wish is noted. A job that this pool runs obeys within about a
    second, or one call of its handler; one that runs elsewhere when its worker next renews the lease.
    """

    def __init__(self, record: JobRecord, services: Services, ask: Callable[[JobRecord, Verb], None]) -> None:
        self._id = record.id
        self._filename = record.filename
        self._services = services
        self._ask = ask

    def __repr__(self) -> str:
        return f"<Job {self._id} of {self._filename!r}>"

    @property
    def id(self) -> JobId:
        """Names the job in the store."""
        return self._id

    async def record(self) -> JobRecord:
        """The job as it is now.

        Raises:
            JobNotFoundError: It has been deleted.
        """
        return await self._call(lambda: self._services.store.get(self._id))

    async def inspection(self) -> Inspection | None:
        """How the job's file is read, on what evidence; None for a file that was refused.

        Raises:
            JobNotFoundError: It has been deleted.
        """
        return await self._call(lambda: self._services.store.plan(self._id).inspection)

    def events(self, *, after: int | None = None) -> JobEvents:
        """Follow the job to its end, or to that of its pool: `async for event in job.events()`.

        When the pool is left, a last look at the store tells what has become of the job; `csvpipe.watch` follows it
        further.

        Args:
            after: The last revision that the reader has seen; what came later arrives as one snapshot.
        """
        return JobEvents(self._services.feed.subscribe(self._id), self.record, after=after)

    async def wait(self) -> JobRecord:
        """Until the job is completed, failed or cancelled; a paused one is waited for.

        Raises:
            JobNotFoundError: It has been deleted.
            PoolClosedError: The pool was left before the job has ended, and perhaps nobody runs it.
        """
        async with self.events() as events:
            async for event in events:
                if event.is_terminal:
                    return event.job
        record = await self.record()
        if record.status.is_terminal:
            return record
        raise PoolClosedError(
            f"the pool is closed, and job {self._id} is {record.status.value}; "
            "to wait for whoever runs it next, follow it with csvpipe.watch(store, job.id)"
        )

    # Verbs ------------------------------------------------------------------------------------------------------------

    async def pause(self) -> JobRecord:
        """Stop at the next row, and let nobody go on until `resume`.

        Raises:
            JobNotFoundError: It has been deleted.
        """
        return await self._request(Verb.PAUSE)

    async def resume(self) -> JobRecord:
        """Let a paused job go on where it stopped.

        Raises:
            JobNotFoundError: It has been deleted.
            TransitionError: It has ended.
        """
        return await self._request(Verb.RESUME)

    async def cancel(self) -> JobRecord:
        """End the job at the next row, for good. What is done stays done.

        Raises:
            JobNotFoundError: It has been deleted.
        """
        return await self._request(Verb.CANCEL)

    async def retry(self) -> JobRecord:
        """Let a failed job go on from what is committed; its limits count afresh.

        Raises:
            JobNotFoundError: It has been deleted.
            ParentError: Another job of its chain of mended submissions has not ended.
            TransitionError: It has not failed, or its file was refused when it came: submit that again.
        """
        return await self._request(Verb.RETRY)

    async def delete(self) -> None:
        """Remove the job from the store, and its upload and spilled errors from the spool.

        Raises:
            JobNotFoundError: It has been deleted already.
            ParentError: Its rejects are being mended by a job that has not ended.
            TransitionError: It is running: cancel it first.
        """
        await self._call(lambda: remove_job(self._services, self._id))

    # Errors -----------------------------------------------------------------------------------------------------------

    async def row_errors(self, *, limit: int = 100, after: int = 0) -> list[RowError]:
        """A page of the stored row errors, in file order; a row's errors are never parted.

        Args:
            limit: Errors, or a few more where the last row has several.
            after: Number of the last row that was seen.

        Raises:
            JobNotFoundError: It has been deleted.
        """
        return await self._call(lambda: errors_after(self._services.store, self._id, row=after, limit=limit))

    async def error_summary(self) -> list[ErrorTotal]:
        """Exact totals by code and column, most frequent first, each with its first few errors.

        Raises:
            JobNotFoundError: It has been deleted.
        """
        return await self._call(lambda: self._services.store.error_totals(self._id))

    async def write_rejects(self, dest: str | os.PathLike[str] | BinaryIO, *, open_only: bool = True) -> int:
        """Write the rejected rows as a CSV file: what is wrong first, then the row as it stands in the file.

        Mend the cells and hand the file to `WorkerPool.submit(..., parent=job)`. Cells that a spreadsheet would run as
        a formula have an apostrophe in front, which is taken off then.

        Args:
            dest: A path, or a URL (extra `remote`), written to in the end only; or a binary file object.
            open_only: Whether rows that mended submissions have imported since are left out.

        Returns:
            The number of rows.

        Raises:
            JobNotFoundError: It has been deleted.
            SourceGoneError: The job's file is gone or has changed.
            OSError: `dest` cannot be written.
        """
        store, spool = self._services.store, self._services.spool

        def write() -> int:
            with writing(dest) if isinstance(dest, str) and is_url(dest) else nullcontext(dest) as given:
                target = Path(given) if isinstance(given, str | os.PathLike) else given
                return write_job_rejects(target, store, self._id, spool, open_only=open_only)

        return await self._call(write)

    async def _call(self, function: Callable[[], T]) -> T:
        return await self._services.threads.call(function)

    async def _request(self, verb: Wish) -> JobRecord:
        store, spool = self._services.store, self._services.spool
        record = await self._services.threads.call_through(lambda: ask(store, spool, self._id, verb))
        self._services.feed.publish(record)
        self._ask(record, verb)
        return record


def id_of(job: Job | UUID | str) -> JobId:
    """The id of a job, however it is given.

    Raises:
        JobNotFoundError: A text that is no id.
    """
    given = job.id if isinstance(job, Job) else job
    try:
        return JobId(given if isinstance(given, UUID) else UUID(given))
    except ValueError:
        raise JobNotFoundError(given) from None


def writing(url: str) -> AbstractContextManager[BinaryIO]:
    """A file whose content becomes an object; see `written`."""
    from csvpipe._intake.remote import written  # noqa: PLC0415  # few need it

    return written(url)
