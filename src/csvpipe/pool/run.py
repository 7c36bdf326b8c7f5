"""One claimed job on its way through this pool: cut, handed out, folded, committed, settled."""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import anyio

from csvpipe._intake.inspection import JobPlan
from csvpipe._partition.chunk import Chunk
from csvpipe._process.conduct import EndedError
from csvpipe._process.resources import Resources
from csvpipe._process.result import ChunkResult
from csvpipe._process.stopping import StopSignal
from csvpipe._process.turn import Turn
from csvpipe._process.work import Allowance, JobWork
from csvpipe._report.progress import Progress
from csvpipe.errors import FileCode, FileError, FileFailure, LeaseLostError
from csvpipe.executors.loop import LoopRun
from csvpipe.executors.worker import Worker
from csvpipe.jobs import Verb
from csvpipe.logs import about, tell_failure
from csvpipe.pipeline import Pipeline
from csvpipe.pool.brief import Brief, is_brief, run_brief
from csvpipe.pool.commits import Commits
from csvpipe.pool.cutting import CHUNKS_AHEAD, next_chunks, remaining_chunks, too_many_rows
from csvpipe.pool.deliveries import bring_home, delivers
from csvpipe.pool.ending import Ending, trouble_with, unexpected
from csvpipe.pool.lineage import mending_of
from csvpipe.pool.observed import turn_of
from csvpipe.pool.portions import ChunkSizes, most_chunks, work_of
from csvpipe.pool.sitting import Part
from csvpipe.pool.spooled import spill_name
from csvpipe.store.protocol import Claim

if TYPE_CHECKING:
    from anyio.abc import TaskGroup

    from csvpipe.pool.services import Services

logger = logging.getLogger("csvpipe")


class JobRun:
    """One job, from its claim to its settlement. Belongs to the event loop.

    Args:
        claim: Of the job.
        pipeline: The job's.
        services: The pool's.
        tasks: Where the run lives, and resources of async handlers are held.
        on_over: Called when the run has come to its end.

    Attributes:
        hands: Who has something of the job in hand.
        observed: Those who watch it, if anybody does.
    """

    def __init__(
        self,
        claim: Claim,
        pipeline: Pipeline[..., Any],
        services: Services,
        tasks: TaskGroup,
        on_over: Callable[[JobRun], object],
    ) -> None:
        self.claim = claim
        self.pipeline = pipeline
        self.is_small = claim.record.bytes_total <= services.settings.chunk_bytes
        self._services = services
        self._tasks = tasks
        self._on_over = on_over
        self._stop = StopSignal()
        self._opening: anyio.CancelScope | None = None
        self._ending: Ending | None = None
        self._failure: FileFailure | None = None
        self._resource: tuple[Any, ...] = ()
        self.hands: set[Worker | LoopRun | Part] = set()
        self._is_hung = False
        self._news: anyio.Event  # while the run is driven
        self._lane = services.rotation.open(self, most=most_chunks(claim, pipeline, services.settings))
        self.observed = services.observers.started(claim)
        self._is_driven = False
        self._is_cut = False
        self._is_settled = False
        self._work: JobWork
        self._progress: Progress
        self._commits: Commits
        self._count_from([])

    def __repr__(self) -> str:
        state = "running" if self._ending is None else self._ending.name.lower()
        return f"<JobRun {self.claim.record.filename!r} {state}, {self._lane}>"

    # The run as a whole -----------------------------------------------------------------------------------------------

    def begin(self) -> None:
        """Set out: in one go where the file is small, else with a task that sees the run through."""
        if is_brief(self.claim, self.pipeline, self._services.settings):
            self._services.rotation.add(self._lane, None)
        else:
            self._begin_driving()

    def _begin_driving(self) -> None:
        if not self._is_driven:
            self._is_driven = True
            self._news = anyio.Event()
            self._tasks.start_soon(self._drive)

    async def _drive(self) -> None:
        """See the job through; never raises but for cancellation."""
        try:
            committed = await self._prepare()
            async with anyio.create_task_group() as group:
                group.start_soon(self._commits.keep_committing)
                await self._guarded(committed)
                await self._until_idle()
                self._commits.stop()
            if not self._is_settled:
                await self._settle()
        except LeaseLostError:
            await self._commits.look_elsewhere()
        except Exception as error:  # noqa: BLE001  # what is committed is safe, and the lease runs out
            record = self.claim.record  # another worker, or this one, will take the job over
            tell_failure(error, "job %s: its worker failed", record.id, extra=about(record))
        finally:
            self._leave()

    def _leave(self) -> None:
        self._services.rotation.close(self._lane)
        self._services.keeper.drop(self.claim.lease)
        if self.observed is not None:
            self.observed.ended(self._commits.record, is_lost=self._ending is Ending.LOST)
        self._on_over(self)

    def end(self, ending: Ending, failure: FileFailure | None = None) -> None:
        """Let the run come to its end: rows in hand are finished, the others stay undone."""
        if self._ending is None or ending > self._ending:
            self._ending, self._failure = ending, failure
        self._stop.set()
        if self._ending is Ending.LOST:
            self._commits.lose()
        if self._opening is not None:
            self._opening.cancel()
        self._services.rotation.close(self._lane)
        for part in [hand for hand in self.hands if isinstance(hand, Part)]:
            part.withdraw()
        self._announce()
        self._begin_driving()  # what is in hand is waited for, and the job settled, by a task

    async def _prepare(self) -> list[ChunkResult]:
        """Look up what earlier workers have committed, and get ready to go on."""
        services, claim = self._services, self.claim
        committed: list[ChunkResult] = []
        if claim.record.attempt > 1:
            committed = await self._commits.ask(lambda: services.store.committed(claim.record.id))
        if delivers(claim, self.pipeline) and self._ending is None:
            home = await bring_home(claim, self.pipeline, committed, services, stop=self._stop, ask=self._commits.ask)
            committed = home.results
            if home.ending is not None:
                self.end(home.ending, home.failure)
        if committed:
            self._count_from(committed)
        return committed

    def _count_from(self, committed: list[ChunkResult]) -> None:
        pipeline = self.pipeline
        self._progress = Progress(
            committed,
            reject_limit=pipeline.reject_limit,
            reject_rate_limit=pipeline.reject_rate_limit,
            reject_rate_min_rows=pipeline.reject_rate_min_rows,
        )
        self._commits = Commits(
            self.claim,
            self._progress,
            self._services,
            on_lost=lambda: self.end(Ending.LOST),
            hold=lambda is_held: self._services.rotation.hold(self._lane, is_held=is_held),
        )

    async def _guarded(self, committed: list[ChunkResult]) -> None:
        """Cut the file, and turn what is wrong with it, or with us, into the job's failure."""
        try:
            if self._ending is None and not self._is_cut:
                await self._open()
            if not self._is_cut:
                await self._cut(committed)
        except FileError as error:
            self.end(Ending.FAILURE, FileFailure(code=error.code, message=error.message))
        except EndedError as ended:
            self.end(Ending.FAILURE, ended.failure)
        except LeaseLostError:
            self.end(Ending.LOST)
        except Exception as error:  # noqa: BLE001  # a defect, or a disk that fails
            self._fail_unexpectedly(error)

    async def _open(self) -> None:
        mending = await mending_of(self.claim, self.pipeline, self._services, self._stop, self._commits.ask)
        self._work = await self._services.threads.call(work_of, self.claim, self.pipeline, self._services, mending)
        if self.pipeline.signature.is_async and self._work.needs_setup and self._ending is None:
            with anyio.CancelScope() as self._opening:
                resource = await self._services.resources.get(self.pipeline, self._tasks)
                self._resource = (resource,) if self.pipeline.signature.takes_resource else ()

    # The file, cut ----------------------------------------------------------------------------------------------------

    async def _cut(self, committed: list[ChunkResult]) -> None:
        """Hand out chunk after chunk of what is not committed yet, never many more than the workers can take."""
        chunks = self._chunks(committed, self.claim.plan)
        rows = self._progress.rows
        most_rows = self.claim.plan.limits.rows
        gate, ahead = self._services.gate, self._services.settings.workers + CHUNKS_AHEAD
        is_cut = False
        try:
            while self._ending is None:
                batch, is_cut = await self._services.threads.call(next_chunks, chunks, gate, self._stop)
                for chunk in batch:
                    rows += chunk.rows
                    self._services.rotation.add(self._lane, chunk)
                if most_rows is not None and rows > most_rows:
                    raise too_many_rows(most_rows)
                if is_cut:
                    self._commits.total_rows = rows
                    break
                while self._lane.waiting >= ahead and self._ending is None:
                    await self._news.wait()
        finally:
            if not is_cut:
                await self._services.threads.call_through(chunks.close)

    def _chunks(self, committed: list[ChunkResult], plan: JobPlan) -> Generator[Chunk]:
        assert plan.source is not None, "a job without a file is never pending"  # noqa: S101  # refused at intake
        sizes = ChunkSizes(plan.source.size, self.pipeline, self._services, self._progress)
        return remaining_chunks(committed, plan, sizes)

    # Chunks, handled --------------------------------------------------------------------------------------------------

    async def handle(self, chunk: Chunk, worker: Worker) -> None:
        """Have a worker do a chunk, and fold in what it brings back."""
        services, pipeline = self._services, self.pipeline
        with self._folding():
            allotted, turn = self._progress.allot(), turn_of(services, pipeline, self.observed, chunk)
            allowance = Allowance(error_budget=allotted, spill=self._spill(chunk))
            result = await self._handled(chunk, worker, allowance, turn)
            if self.observed is not None:
                self.observed.returned(turn, result)
            if result is not None and not self._is_hung and self._ending is not Ending.LOST:
                self._fold(chunk, result, self._progress.add(chunk, result, allotted=allotted))

    @contextmanager
    def _folding(self) -> Iterator[None]:
        """Around whatever a worker has to do with the job; when that is over it has one item less in hand."""
        try:
            yield
        except (anyio.get_cancelled_exc_class(), KeyboardInterrupt, GeneratorExit):
            raise
        except BaseException as error:  # noqa: BLE001  # handlers' errors are results: this is a defect, or a full disk
            self._fail_unexpectedly(error)
        finally:
            self._services.rotation.done(self._lane)
            self._announce()
            if self._is_settled and not self._is_driven:
                self._leave()

    async def _handled(self, chunk: Chunk, worker: Worker, allowance: Allowance, turn: Turn) -> ChunkResult | None:
        services, pipeline = self._services, self.pipeline
        if not pipeline.signature.is_async:
            worker.renew(services.outages)
            self.hands.add(worker)
            try:
                return await worker.run(self._work, chunk, allowance, stop=self._stop, turn=turn)
            finally:
                self.hands.discard(worker)
        loop_run = LoopRun(
            self._work,
            chunk,
            allowance,
            stop=self._stop,
            turn=turn,
            slots=services.slots[pipeline.name],
            concurrency=pipeline.concurrency,
            resource=self._resource,
        )
        self.hands.add(loop_run)
        try:
            with turn.current():
                return await loop_run.run(worker.thread)
        finally:
            self.hands.discard(loop_run)

    # A small file, done in one go; see `Sitting` ---------------------------------------------------------------------

    def put_back(self, part: Part) -> None:
        """It has not begun, and is for another worker."""
        self.hands.discard(part)
        with self._folding():
            self._services.rotation.add(self._lane, None, is_first=True)

    def brief(self, resources: Resources, turn: Turn) -> Brief:
        """In the worker's thread; see `run_brief`."""
        return run_brief(
            self.claim,
            self.pipeline,
            resources,
            cut=lambda plan: self._chunks([], plan),
            progress=self._progress,
            allowance=lambda chunk: Allowance(error_budget=self._progress.allot(), spill=self._spill(chunk)),
            stop=self._stop,
            turn=turn,
            services=self._services,
        )

    def take_home(self, part: Part) -> None:
        """Fold in what came of it; what is left undone is done in the ordinary way."""
        self.hands.discard(part)
        with self._folding():
            brief = part.brief
            if self.observed is not None:
                self.observed.returned(part.turn, None if brief is None else brief.result)
            if part.error is not None:
                raise part.error
            if brief is None or self._is_hung:
                return
            if brief.record is not None:
                self._is_settled, self._commits.record = True, brief.record
                self._services.feed.publish(brief.record)
                return
            if brief.work is not None and brief.chunk is not None and brief.result is not None:
                self._work, self._is_cut, self._commits.total_rows = brief.work, True, brief.chunk.rows
                self._fold(brief.chunk, brief.result, brief.failure)
            self._begin_driving()

    def _fold(self, chunk: Chunk, result: ChunkResult, failure: FileFailure | None) -> None:
        if failure is not None:
            self.end(Ending.FAILURE, failure)
            if failure.code is FileCode.RETRY_EXHAUSTED:
                self._services.outages += 1
                self._services.resources.outdate(self.pipeline)
        elif (rest := result.rest_of(chunk)) is not None:
            self._services.rotation.add(self._lane, rest, is_first=True)
        self._commits.look()

    def _spill(self, chunk: Chunk) -> str:
        """Where row errors over the budget go."""
        services, record = self._services, self.claim.record
        name = spill_name(services.store_id, record.id, start=chunk.start, attempt=record.attempt)
        return str(services.spool.path(name))

    # The end ----------------------------------------------------------------------------------------------------------

    async def _until_idle(self) -> None:
        """Wait for what is in hand; if the run is to end, only as long as the grace lasts."""
        while self._ending is None and not self._lane.is_idle:
            await self._news.wait()
        with anyio.move_on_after(self._services.settings.shutdown_grace):
            while self._lane.in_hand:
                await self._news.wait()
        if self._lane.in_hand:
            self._is_hung = True
            self._services.presence.keep()
            record, hung = self.claim.record, self._lane.in_hand
            logger.warning("job %s: %d chunks do not come back from workers", record.id, hung, extra=about(record))
            for hand in tuple(self.hands):
                hand.give_up()

    async def _settle(self) -> None:
        ending = self._ending
        if ending is None:  # the file must still be the one that was taken in
            self._failure = await self._services.threads.call(trouble_with, self.claim.plan.source)
            ending = None if self._failure is None else Ending.FAILURE
        match ending:
            case Ending.LOST:
                await self._commits.look_elsewhere()
            case Ending.SHUTDOWN if self._is_hung:
                # Its handler may still be at work: whoever takes the job over must first see the lease run out.
                await self._commits.commit()
            case Ending.FAILURE:
                await self._commits.settle(Verb.FAIL, failure=self._failure)
            case Ending.SHUTDOWN | Ending.ASKED:
                # The store knows what was asked for last, and enacts it when the job is released.
                await self._commits.settle(Verb.RELEASE)
            case None:
                await self._commits.settle(Verb.COMPLETE)
        self._services.wake.ring()

    def _fail_unexpectedly(self, error: BaseException) -> None:
        logger.error(
            "job %s: failed unexpectedly", self.claim.record.id, exc_info=error, extra=about(self.claim.record)
        )
        self.end(Ending.FAILURE, unexpected(error))

    def _announce(self) -> None:
        if self._is_driven:  # else nobody waits
            self._news.set()
            self._news = anyio.Event()
