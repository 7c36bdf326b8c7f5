"""The blocking door: import files from code that has no event loop, or has one and must not use it."""

from __future__ import annotations

import logging
import os
import queue
import threading
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from contextvars import Context, copy_context
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

import anyio
import anyio.from_thread
import anyio.lowlevel
import anyio.to_thread
import attrs

from csvpipe._intake.arrival.receive import BlockingSource, check_source
from csvpipe._report.feed import LOOK_SECONDS, Outage
from csvpipe.dialect import Dialect
from csvpipe.errors import CsvPipeError, JobNotFoundError, PipelineError
from csvpipe.events import EventKind, JobEvent
from csvpipe.executors.choice import ExecutorChoice
from csvpipe.jobs import JobId, JobRecord, JobStatus
from csvpipe.logs import about
from csvpipe.observing import Observer
from csvpipe.pipeline import Pipeline
from csvpipe.pool import Job, WorkerPool
from csvpipe.pool.continuing import Wanted, unfinished_job
from csvpipe.pool.rejecting import RejectsFolder
from csvpipe.store.protocol import JobStore

logger = logging.getLogger("csvpipe")


def run(
    pipeline: Pipeline[..., Any],
    *files: BlockingSource,
    store: JobStore | None = None,
    workers: int | None = None,
    executor: ExecutorChoice = "thread",
    max_files: int = 10,
    encoding: str | None = None,
    dialect: Dialect | None = None,
    rejects_dir: str | os.PathLike[str] | None = None,
    on_event: Callable[[JobEvent], object] | None = None,
    owner: str | None = None,
    parent: UUID | str | None = None,
    dry_run: bool = False,
    spool_dir: str | os.PathLike[str] | None = None,
    flush_interval: float = 2.0,
    resume: bool = False,
    observers: Iterable[Observer] = (),
) -> list[JobRecord]:
    """Import files and wait for them. Also works while an event loop runs in the calling thread, which it blocks.

    Never raises for what is wrong with a file or its rows: see each record's `status`, or `raise_for_status()`.

    Args:
        pipeline: What to do with the rows.
        *files: Paths, bytes or binary file objects.
        store: As for `WorkerPool`, like the options that are not listed here.
        workers: As for `WorkerPool`.
        executor: As for `WorkerPool`. For processes the pipeline must stand in a module that can be imported.
        max_files: Files that are imported at once.
        encoding: Of all the files, where the pipeline's does not hold.
        dialect: Of all the files, where the pipeline's does not hold.
        rejects_dir: A folder, made if need be, or a URL (extra `remote`), for `NAME.rejects.csv` of each file with
            rejected rows. One of an earlier run goes when the file is imported without any.
        on_event: Called in the calling thread with each event of each job. What it raises is logged.
        owner: Whoever the application says.
        parent: The id of the job in `store` whose mended rejects file is the one file given; see `WorkerPool.submit`.
        dry_run: Rows are parsed, converted and validated, and nothing is written; see `WorkerPool.submit`.
        spool_dir: Where what is no path is kept until it is imported.
        flush_interval: Seconds between two commits of a running job, which are what progress shows.
        resume: Go on with the job in `store` that an earlier process began with the same pipeline, owner and unchanged
            file and did not end, instead of importing the file from its start. A paused one is resumed.
        observers: As for `WorkerPool`.

    Returns:
        A record for each file, in the order given.

    Raises:
        CsvPipeError: For misuse, such as an encoding that does not exist; or a rejects file cannot be written because
            the file it is taken from has changed.
        OSError: A rejects file cannot be written, or `rejects_dir` is no folder.
        KeyboardInterrupt: As it came, after rows in hand were finished and committed.

    Example:
        >>> import csvpipe
        >>> @csvpipe.pipeline
        ... def greet(row: csvpipe.Row) -> None: ...
        >>> [record] = csvpipe.run(greet, "people.csv")
        >>> record.processed_rows
        6
    """
    options = RunOptions(
        store=store,
        workers=workers,
        executor=executor,
        max_files=max_files,
        encoding=encoding,
        dialect=dialect,
        rejects_dir=rejects_dir,
        owner=owner,
        parent=parent,
        dry_run=dry_run,
        spool_dir=spool_dir,
        flush_interval=flush_interval,
        resume=resume,
        observers=tuple(observers),
    )
    return BlockingRun(pipeline, files, options).wait(on_event)


@attrs.frozen(kw_only=True)
class RunOptions:
    """The keywords of `run`, where they are described."""

    store: JobStore | None = None
    workers: int | None = None
    executor: ExecutorChoice = "thread"
    max_files: int = 10
    encoding: str | None = None
    dialect: Dialect | None = None
    rejects_dir: str | os.PathLike[str] | None = None
    owner: str | None = None
    parent: UUID | str | None = None
    dry_run: bool = False
    spool_dir: str | os.PathLike[str] | None = None
    flush_interval: float = 2.0
    resume: bool = False
    observers: tuple[Observer, ...] = ()


@attrs.define(eq=False, repr=False)
class BlockingRun:
    """A pool in a thread with an event loop of its own; what it has to say arrives in the calling thread.

    Args:
        pipeline: What to do with the rows.
        files: See `run`.
        options: See `run`.

    Raises:
        CsvPipeError: `rejects_dir` is a URL, and what reaches its store is not installed.
        NotADirectoryError: `rejects_dir` is no folder.
        PipelineError: The pipeline is among the files.
        TypeError: A file is nothing that can be read.
        ValueError: A `parent` for more than one file.
    """

    _pipeline: Pipeline[..., Any]
    _files: tuple[BlockingSource, ...]
    _options: RunOptions
    _job_ids: list[JobId] = attrs.field(factory=list, init=False)
    _submitted: dict[JobId, None] = attrs.field(factory=dict, init=False)
    _rejects: RejectsFolder | None = attrs.field(default=None, init=False)
    _said: queue.SimpleQueue[JobEvent | None] = attrs.field(factory=queue.SimpleQueue, init=False)
    _records: list[JobRecord] = attrs.field(factory=list, init=False)
    _is_telling: bool = attrs.field(default=False, init=False)
    _is_shared: bool = attrs.field(default=False, init=False)
    _ends: dict[JobId, JobRecord] = attrs.field(factory=dict, init=False)
    _awaited: JobId | None = attrs.field(default=None, init=False)
    _news: anyio.Event = attrs.field(init=False)
    _error: BaseException | None = attrs.field(default=None, init=False)
    _context: Context = attrs.field(init=False)
    _cancel: Callable[[], object] = attrs.field(default=lambda: None, init=False)

    def __attrs_post_init__(self) -> None:
        given: object = self._pipeline
        if not isinstance(given, Pipeline) and any(isinstance(file, Pipeline) for file in self._files):
            raise PipelineError("the pipeline comes first, then the files: csvpipe.run(pipeline, 'people.csv')")
        for file in self._files:  # before a pool is made for it
            check_source(file)
        if self._options.parent is not None and len(self._files) > 1:
            raise ValueError(f"one mended rejects file at a time can be given with parent=, not {len(self._files)}")
        if self._options.rejects_dir is not None:
            self._rejects = RejectsFolder(self._options.rejects_dir)

    @property
    def job_ids(self) -> list[JobId]:
        """The jobs of the files in their order, as far as the run came, however it ended."""
        return list(self._job_ids or self._submitted)

    @property
    def rejects(self) -> tuple[Path | str, ...]:
        """The rejects files that were written, by path or URL."""
        return () if self._rejects is None else tuple(self._rejects.written)

    def wait(self, on_event: Callable[[JobEvent], object] | None = None) -> list[JobRecord]:
        """Run to the end. See `run`."""
        self._is_telling = on_event is not None
        self._context = copy_context()
        thread = threading.Thread(target=self._run, name="csvpipe-run", daemon=True)
        thread.start()
        try:
            while (event := self._said.get()) is not None:
                if on_event is not None:
                    _tell(on_event, event)
        except BaseException:  # an interrupt
            self._cancel()
            thread.join()
            raise
        thread.join()
        if self._error is not None:
            raise self._error
        return self._records

    def _run(self) -> None:
        try:
            anyio.run(self._main)
        except BaseException as error:  # noqa: BLE001  # carried to the calling thread
            self._error = error
        finally:
            self._said.put(None)

    async def _main(self) -> None:
        token, scope = anyio.lowlevel.current_token(), anyio.CancelScope()
        self._cancel = partial(_cancel, scope, token)
        with scope:
            begun = await self._begun()  # before the pool comes and ends such a job unseen
            async with self._pool() as pool:
                pool.observers.context = self._context
                jobs = await self._submit(pool, begun)
                for job in jobs:
                    record = await self._ended(job)
                    self._records.append(record)
                    if self._rejects is None:
                        continue
                    try:
                        if record.failed_rows:
                            await self._rejects.write(job, record)
                        elif record.status is JobStatus.COMPLETED:
                            await self._rejects.remove_stale(record)
                    except (OSError, CsvPipeError) as error:
                        self._error = self._error or error  # the other files' rejects are worth having all the same

    def _pool(self) -> WorkerPool:
        options = self._options
        return WorkerPool(
            options.store,
            pipelines=[self._pipeline],
            workers=options.workers,
            executor=options.executor,
            max_files=options.max_files,
            spool_dir=options.spool_dir,
            on_event=self._hear,
            flush_interval=options.flush_interval,
            observers=options.observers,
        )

    async def _submit(self, pool: WorkerPool, left: Mapping[int, JobRecord]) -> list[Job]:
        options = self._options
        if options.parent is not None:
            job = await pool.submit(
                self._pipeline,
                self._files[0],
                owner=options.owner,
                parent=options.parent,
                encoding=options.encoding,
                dialect=options.dialect,
                dry_run=options.dry_run,
            )
            self._job_ids.append(job.id)
            return [job]
        begun = await _taken_up(left, pool)
        fresh = [file for number, file in enumerate(self._files) if number not in begun]
        submitted = iter(
            await pool.submit_many(
                self._pipeline,
                fresh,
                owner=options.owner,
                encoding=options.encoding,
                dialect=options.dialect,
                dry_run=options.dry_run,
            )
        )
        jobs = [begun[number] if number in begun else next(submitted) for number in range(len(self._files))]
        self._job_ids += [job.id for job in jobs]
        return jobs

    async def _begun(self) -> dict[int, JobRecord]:
        """Jobs that an earlier process has left, by the number of their file."""
        options = self._options
        found: dict[int, JobRecord] = {}
        if not options.resume or options.store is None:
            return found
        wanted = Wanted(
            pipeline=self._pipeline,
            owner=options.owner,
            encoding=options.encoding,
            dialect=options.dialect,
            dry_run=options.dry_run,
        )
        for number, file in enumerate(self._files):
            taken = {record.id for record in found.values()}
            look = partial(unfinished_job, options.store, file, wanted, apart_from=taken)
            if (record := await anyio.to_thread.run_sync(look)) is not None:
                found[number] = record
                self._submitted[record.id] = None  # its events are wanted from the first one
        return found

    def _hear(self, event: JobEvent) -> None:
        """In the loop: an event of one of the jobs, or of one that others have left in the store."""
        job = event.job
        if event.kind is EventKind.SUBMITTED or not job.attempt:  # one that is refused has no other event than that
            self._submitted[job.id] = None
        if event.is_terminal:
            self._ends[job.id] = job
            if job.id == self._awaited:
                self._news.set()
        if self._is_telling and (job.id in self._submitted or job.id in self._job_ids):
            self._said.put(event)

    async def _ended(self, job: Job) -> JobRecord:
        """`job.wait()`, which would cost a look at the store for each of many files."""
        outage = Outage()
        while job.id not in self._ends:
            if self._is_shared:
                try:
                    record = await job.record()
                except JobNotFoundError:
                    raise
                except Exception as error:  # noqa: BLE001  # whatever a store raises that is away
                    outage.bear(error)
                else:
                    outage.end()
                    if record.status.is_terminal:
                        return record
            self._awaited, self._news = job.id, anyio.Event()
            with anyio.move_on_after(LOOK_SECONDS) as wait:
                await self._news.wait()
            self._is_shared = self._is_shared or wait.cancelled_caught  # perhaps another process has some of the jobs
        return self._ends.pop(job.id)


async def _taken_up(left: Mapping[int, JobRecord], pool: WorkerPool) -> dict[int, Job]:
    """The jobs of these records, whoever runs them; one that was paused goes on."""
    jobs = {}
    for number, record in left.items():
        jobs[number] = job = await pool.job(record.id)
        if record.status is JobStatus.PAUSED:
            await job.resume()
    return jobs


def _cancel(scope: anyio.CancelScope, token: anyio.lowlevel.EventLoopToken) -> None:
    with suppress(RuntimeError, anyio.RunFinishedError):  # it has come to its end by itself
        anyio.from_thread.run_sync(scope.cancel, token=token)


def _tell(on_event: Callable[[JobEvent], object], event: JobEvent) -> None:
    try:
        on_event(event)
    except Exception:
        logger.exception("on_event raised at %s of job %s", event.kind.value, event.job.id, extra=about(event.job))
