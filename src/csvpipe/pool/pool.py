"""The pool: takes files in, runs them, tells of their progress, and comes to an orderly end."""

from __future__ import annotations

import os
from collections.abc import Iterable
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self
from uuid import UUID

import anyio
from anyio.abc import TaskGroup

from csvpipe._intake.source import Source
from csvpipe._report.feed import PoolEvents
from csvpipe._report.only_async import AsyncContext
from csvpipe.dialect import Dialect
from csvpipe.errors import PoolClosedError
from csvpipe.executors.choice import ExecutorChoice, crew_for
from csvpipe.jobs import JobRecord, JobStatus, Verb
from csvpipe.observing import Observer
from csvpipe.pipeline import Pipeline
from csvpipe.pool.asking import check_open, check_options, key_of_file, submission_of
from csvpipe.pool.job import Job, id_of
from csvpipe.pool.leaving import leave, stop_in_time
from csvpipe.pool.observed import Observers
from csvpipe.pool.retention import purge
from csvpipe.pool.service import EventCallback, Service
from csvpipe.pool.services import PoolStatistics, Services, Settings, by_name, statistics_of
from csvpipe.pool.submission import Submission, submit, submit_in_order
from csvpipe.pool.unfinished import Unfinished, is_settled
from csvpipe.store.memory import MemoryJobStore
from csvpipe.store.protocol import ANY_OWNER, JobPage, JobSlice, JobStore, OwnerFilter


class WorkerPool(AsyncContext):
    """Imports files: many at once, each by many workers. An async context manager, on asyncio and on trio.

    Any number of pools, in any number of processes, may share a store. A pool belongs to the event loop that entered it
    and is entered once.

    Args:
        store: Where job state lives; the caller's to close. None for one in memory. Also an attribute.
        pipelines: The only ones that this pool runs, by their names; also an attribute.
        workers: How many chunks are handled at once; by default ten in threads, or as many as there are processors.
        executor: Who runs handlers: `thread`, `process` for processes of our own, which use all processors and survive
            a row that crashes one, or an executor of the application's. Async handlers run in the event loop always.
            Processes find a pipeline by its name in an importable module.
        max_files: Files that are imported at once. Files of a single chunk do not count: they never wait for others.
        spool_dir: Where uploads are kept until they are imported, and spilled row errors. None for a temporary folder,
            which is removed when the pool is left.
        on_event: Called in the event loop with each event of each job, sync or async. What it raises is only logged.
        observers: Told of each job and each chunk; also an attribute, whose `add` takes more. See `csvpipe.observing`.
        on_exit: What happens when the block is left without an exception: `drain` waits for all submitted jobs, `stop`
            checkpoints and leaves the rest to the next process.
        lease_seconds: For how long a job is kept from others when this process falls silent.
        flush_interval: Seconds between two commits of a running job, which are what progress shows.
        shutdown_grace: Seconds that handlers in hand are given to return when a run comes to its end.

    Raises:
        PipelineError: Two pipelines have the same name, one is no pipeline, or the executor cannot run it: a process
            cannot find it by its name, or it has a `timeout` in an executor of the application's.
        ValueError: A number is out of range, or there is no such executor.

    Example:
        >>> import anyio, csvpipe
        >>> @csvpipe.pipeline
        ... def greet(row: csvpipe.Row) -> None: ...
        >>> async def main():
        ...     async with csvpipe.WorkerPool(pipelines=[greet]) as pool:
        ...         job = await pool.submit(greet, "people.csv")
        ...         return await job.wait()
        >>> anyio.run(main).processed_rows
        6
    """

    def __init__(
        self,
        store: JobStore | None = None,
        *,
        pipelines: Iterable[Pipeline[..., Any]] = (),
        workers: int | None = None,
        executor: ExecutorChoice = "thread",
        max_files: int = 10,
        spool_dir: str | os.PathLike[str] | None = None,
        on_event: EventCallback | None = None,
        observers: Iterable[Observer] = (),
        on_exit: Literal["drain", "stop"] = "drain",
        lease_seconds: float = 30.0,
        flush_interval: float = 2.0,
        shutdown_grace: float = 10.0,
    ) -> None:
        check_options(store, on_exit)
        self._pipelines = by_name(pipelines)
        self.pipelines = tuple(self._pipelines.values())
        self._crew = crew_for(executor, workers, self._pipelines)
        self._settings = Settings(
            workers=self._crew.size,
            in_threads=self._crew.in_threads,
            max_files=max_files,
            lease_seconds=lease_seconds,
            flush_interval=flush_interval,
            shutdown_grace=shutdown_grace,
        )
        self.store = MemoryJobStore() if store is None else store
        self._spool_dir = None if spool_dir is None else Path(spool_dir)
        self._on_event = on_event
        self.observers = Observers(observers)
        self._on_exit = on_exit
        self._state: Literal["new", "open", "stopping", "closed"] = "new"
        self._process = os.getpid()
        self._unfinished = Unfinished()
        self._tasks: TaskGroup
        self._service: Service
        self._services: Services

    def __repr__(self) -> str:
        names = ", ".join(self._pipelines)
        return f"<WorkerPool {self._state}, workers={self._settings.workers}, pipelines: {names or 'none'}>"

    # In and out -------------------------------------------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        if self._state != "new":
            raise PoolClosedError("a pool is entered once; make a new one")
        self._process = os.getpid()
        self._service = Service(
            self._settings, self.store, self._pipelines, self._crew, self._spool_dir, observers=self.observers
        )
        self._tasks = anyio.create_task_group()
        await self._tasks.__aenter__()
        try:
            with anyio.CancelScope(shield=True):  # a moment later the cancelled host would find a pool that can stop
                self._services = await self._tasks.start(self._service.serve, self._on_event)
        except BaseException as error:
            self._state = "closed"
            await self._tasks.__aexit__(type(error), error, error.__traceback__)
            raise
        self._state = "open"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool | None:
        if kind is None and self._on_exit == "drain" and self._state == "open":
            try:
                await self.drain()
            except BaseException as cause:
                await self._leave(cause)
                raise
        return await self._leave(error)

    async def _leave(self, error: BaseException | None) -> bool | None:
        await stop_in_time(self.stop, self._service, grace_seconds=self._settings.shutdown_grace)
        self._state = "closed"
        return await leave(self._tasks, error)

    # Submitting -------------------------------------------------------------------------------------------------------

    async def submit(
        self,
        pipeline: Pipeline[..., Any] | str,
        source: Source,
        *,
        filename: str | None = None,
        owner: str | None = None,
        parent: Job | UUID | str | None = None,
        idempotency_key: str | None = None,
        encoding: str | None = None,
        dialect: Dialect | None = None,
        dry_run: bool = False,
    ) -> Job:
        """Take a file in; its import begins when there is room. What is wrong with the file makes a failed job.

        A path is read in place and must not change until the job has ended. Everything else is on disk, and durable
        where the store and `spool_dir` are, when this returns.

        Args:
            pipeline: One of the pool's, or its name.
            source: A path, bytes, a binary file object (read to its end, not closed), or an async iterable of bytes.
            filename: For display; by default the path's last part.
            owner: Whoever the application says; `jobs` selects by it.
            parent: The job, or its id, whose mended rejects file this is. Its rows keep their numbers and row keys.
            idempotency_key: A repeat with the same key, owner, pipeline, content and options gives the first job.
            encoding: Of this file, where the pipeline's does not hold.
            dialect: Of this file, where the pipeline's does not hold.
            dry_run: Rows are parsed, converted and validated; only a handler that takes a `Context` is called, and
                finds `dry_run` set there.

        Raises:
            PipelineNotFoundError: The pool does not have the pipeline.
            EncodingUnknownError: There is no such encoding.
            IdempotencyConflictError: The key belongs to another pipeline, other content or other options.
            JobNotFoundError: There is no such parent.
            ParentError: The parent has another pipeline or owner, has not ended, or is being mended already.
            PoolClosedError: The pool is not open.
            TypeError: The source is none of these, or the dialect is none.
            ValueError: The owner or the key has more than 1,000 bytes.
        """
        self._check_open()
        submission = submission_of(
            self._pipelines,
            pipeline,
            source,
            filename=filename,
            owner=owner,
            idempotency_key=idempotency_key,
            encoding=encoding,
            dialect=dialect,
            dry_run=dry_run,
            is_mended=parent is not None,
        )
        record = await submit(submission, self._services, parent_id=None if parent is None else id_of(parent))
        return self._submitted(record)

    async def submit_many(
        self,
        pipeline: Pipeline[..., Any] | str,
        sources: Iterable[Source],
        *,
        owner: str | None = None,
        encoding: str | None = None,
        dialect: Dialect | None = None,
        dry_run: bool = False,
        idempotency_key: str | None = None,
    ) -> list[Job]:
        """`submit` each of many files; the jobs in the order of the sources.

        Faster than one `submit` after the other: paths and bytes are taken in several at a time. With a key, a repeat
        with the same sources in the same order gives the first jobs, and completes a call that was broken off.

        Raises:
            Exception: As for `submit`; the files before the one at fault are submitted.
        """
        jobs: list[Job] = []
        ordinals = count(1)

        def asked(source: Source) -> Submission:
            self._check_open()
            return submission_of(
                self._pipelines,
                pipeline,
                source,
                owner=owner,
                encoding=encoding,
                dialect=dialect,
                dry_run=dry_run,
                idempotency_key=key_of_file(idempotency_key, next(ordinals)),
            )

        await submit_in_order(sources, asked, self._services, lambda record: jobs.append(self._submitted(record)))
        return jobs

    def _submitted(self, record: JobRecord) -> Job:
        self._unfinished.add(record)
        self.observers.submitted(record)
        self._services.feed.publish(record)
        self._services.wake.ring()
        return self._job(record)

    # Looking ----------------------------------------------------------------------------------------------------------

    async def job(self, job_id: UUID | str) -> Job:
        """A handle on any job of the store.

        Raises:
            JobNotFoundError: There is none of this id.
            PoolClosedError: The pool is not open.
        """
        self._check_open()
        return self._job(await self._services.threads.call(self.store.get, id_of(job_id)))

    async def jobs(
        self,
        *,
        page: int = 1,
        limit: int = 10,
        status: JobStatus | None = None,
        owner: OwnerFilter = ANY_OWNER,
    ) -> JobPage:
        """A page of the store's jobs, newest first. A program that reads on and on takes `history`.

        Args:
            page: Counted from 1.
            limit: Jobs a page.
            status: Only those with this status.
            owner: Only those of this owner; None for those without one. By default everybody's.

        Raises:
            PoolClosedError: The pool is not open.
            ValueError: `page` or `limit` is below 1.
        """
        self._check_open()
        return await self._services.threads.call(
            lambda: self.store.list_jobs(page=page, limit=limit, status=status, owner=owner)
        )

    async def history(
        self,
        *,
        after: str | None = None,
        limit: int = 100,
        status: JobStatus | None = None,
        owner: OwnerFilter = ANY_OWNER,
    ) -> JobSlice:
        """The store's jobs, newest first, slice by slice: the last one costs what the first does, among any number.

        Args:
            after: What `following` of the slice before said; None to begin with the newest.
            limit: Jobs in a slice.
            status: Only those with this status.
            owner: As for `jobs`.

        Raises:
            PoolClosedError: The pool is not open.
            ValueError: `limit` is below 1, or `after` is of no slice.
        """
        self._check_open()
        return await self._services.threads.call(
            lambda: self.store.history(after=after, limit=limit, status=status, owner=owner)
        )

    async def purge(
        self, *, older_than: timedelta | datetime, status: JobStatus | None = None, batch: int = 100
    ) -> int:
        """Delete jobs that have ended, with their uploads and spilled errors; tell how many.

        A job whose rejects are being mended stays. What is deleted in another place leaves its files to the next sweep
        of the pools that reach them.

        Args:
            older_than: How long ago a job must have ended, or an aware time before which.
            status: Only jobs with this status; None for all that are completed, failed or cancelled.
            batch: How many are deleted in one turn of a thread.

        Raises:
            PoolClosedError: The pool is not open.
            ValueError: The time is naive, or `batch` is below 1.
        """
        self._check_open()
        return await purge(self._services, older_than, status=status, batch=batch)

    def events(self) -> PoolEvents:
        """Follow all jobs from now on until the pool is closed: `async for event in pool.events()`.

        Raises:
            PoolClosedError: The pool is not open.
        """
        self._check_open()
        return PoolEvents(self._services.feed.subscribe())

    def statistics(self) -> PoolStatistics:
        """What the pool is doing at the moment.

        Raises:
            PoolClosedError: The pool is not open.
        """
        self._check_open()
        return statistics_of(self._services, running_jobs=len(self._service.claims))

    # Ending -----------------------------------------------------------------------------------------------------------

    async def drain(self) -> None:
        """Wait until every job that was submitted to this pool has ended, or is paused.

        Raises:
            PoolClosedError: The pool is not open.
        """
        self._check_open()
        await self._unfinished.drain(self._services)

    async def stop(self) -> None:
        """Take no more jobs, let rows in hand be finished, commit, and leave the rest to whoever comes next.

        Idempotent. A handler that does not return within `shutdown_grace` is left behind: its job stays `processing`
        until its lease runs out, so that nobody works beside it.
        """
        if self._state == "new" or os.getpid() != self._process:
            raise PoolClosedError("the pool is not open in this process: use it within `async with`")
        if self._state == "open":
            self._state = "stopping"
        await self._service.stop()

    def _job(self, record: JobRecord) -> Job:
        return Job(record, self._services, self._asked)

    def _asked(self, record: JobRecord, verb: Verb) -> None:
        """A verb was noted, or enacted, for a job: act on it if that is up to this pool."""
        if verb in (Verb.PAUSE, Verb.CANCEL):
            if record.status is JobStatus.PROCESSING:
                self._service.claims.ask(record.id)
        elif self._state == "open" and not is_settled(record):
            self._unfinished.add(record)
            self._services.wake.ring()

    def _check_open(self) -> None:
        check_open(self._state, self._process)
