"""What the parts of an open pool share."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final

import anyio
import attrs
from attrs import validators

from csvpipe._intake.arrival.spool import Spool
from csvpipe._process.turn import Habit
from csvpipe._report.feed import Feed
from csvpipe.errors import PipelineError, PipelineNotFoundError
from csvpipe.executors.gate import CpuGate
from csvpipe.executors.rotation import Rotation
from csvpipe.executors.slots import Slots
from csvpipe.executors.threads import ThreadGroup
from csvpipe.limits import MIB
from csvpipe.pipeline import Pipeline
from csvpipe.pool.contents import Contents
from csvpipe.pool.leases import LeaseKeeper
from csvpipe.pool.observed import Observers
from csvpipe.pool.presence import Presence
from csvpipe.pool.resources import LoopResources
from csvpipe.pool.sitting import Pace
from csvpipe.store.protocol import JobStore, WorkerId

if TYPE_CHECKING:
    from csvpipe._partition.chunk import Chunk
    from csvpipe.pool.run import JobRun

#: How long the baton is waited for: whoever has it may have met a file, or a handler, that does not answer.
_BATON_SECONDS: Final = 0.02

_count = validators.and_(validators.instance_of(int), validators.ge(1))


@attrs.frozen(kw_only=True)
class Settings:
    """How a pool behaves; see `WorkerPool` for the public ones.

    Attributes:
        in_threads: Whether handlers run in threads of this process, which share its interpreter.
        chunk_bytes: Size of a chunk of a large file; a file of at most one chunk takes no slot of `max_files`.
        chunk_seconds: After so long a worker returns what it has done, so that others have their turn.
        poll_seconds: How often the store is asked for jobs that nobody told this pool of, and the spool for workers
            that have died.
        sweep_seconds: How often the spool is looked through for files that nobody needs.
        stall_seconds: An event loop that stands still for so long loses its leases.
    """

    workers: int = attrs.field(default=10, validator=_count)
    max_files: int = attrs.field(default=10, validator=_count)
    lease_seconds: float = attrs.field(default=30.0, validator=validators.gt(0))
    flush_interval: float = attrs.field(default=2.0, validator=validators.gt(0))
    shutdown_grace: float = attrs.field(default=10.0, validator=validators.ge(0))
    in_threads: bool = True
    chunk_bytes: int = 2 * MIB
    chunk_seconds: float = 1.0
    poll_seconds: float = 1.0
    sweep_seconds: float = 3600.0

    @property
    def stall_seconds(self) -> float:
        """Longer than the lease, so that a short hiccup costs nothing."""
        return max(60.0, 3 * self.lease_seconds)


@attrs.frozen(kw_only=True)
class PoolStatistics:
    """What a pool is doing at the moment.

    Attributes:
        workers: Threads or processes that may handle rows.
        busy_workers: Those that have something in hand.
        running_jobs: Jobs that this pool has claimed.
        waiting_chunks: Chunks that are cut and wait for a worker.
    """

    workers: int
    busy_workers: int
    running_jobs: int
    waiting_chunks: int


class Wake:
    """A bell: whoever waits for it goes on at the next ring, or at once if it rang since they last heard it."""

    def __init__(self) -> None:
        self._event = anyio.Event()

    def ring(self) -> None:
        """Wake the one who waits."""
        self._event.set()

    async def wait(self, seconds: float) -> None:
        """Until the bell rings, or so many seconds have passed."""
        with anyio.move_on_after(seconds):
            await self._event.wait()
        self._event = anyio.Event()


@attrs.define(eq=False, repr=False, kw_only=True)
class Services:
    """Made when a pool is entered; everything here belongs to its event loop unless it says otherwise.

    Attributes:
        store: The caller's; called in `threads`.
        store_id: The store's identity.
        worker_id: Names this pool, this time.
        presence: Shows others on this host that this pool lives.
        threads: For short calls of our own: files, the store.
        intake: For taking files in, which may take long.
        readers: For file objects of callers, which may never answer.
        gate: For threads that compute.
        baton: For the one thread that is about many small files: quick steps of ours between calls of the system. With
            two such threads, each call costs one of them the interpreter, and both twice their processor time.
        slots: By pipeline name, for async handlers: bounds their calls in flight.
        contents: Of small files that were taken in.
        paces: By pipeline name: how long its small files take.
        expect: Tells the crew that so many chunks are about to come.
        busy_workers: How many have something in hand.
        claimed: How many jobs this pool has been given.
        outages: How often a job has failed because the world stayed down: resources from before may be broken.
        observers: Told of jobs and chunks.
    """

    settings: Settings
    store: JobStore
    store_id: str
    worker_id: WorkerId
    presence: Presence
    pipelines: Mapping[str, Pipeline[..., Any]]
    threads: ThreadGroup
    intake: ThreadGroup
    readers: ThreadGroup
    spool: Spool
    keeper: LeaseKeeper
    resources: LoopResources
    expect: Callable[[int], None]
    feed: Feed = attrs.field(factory=Feed)
    rotation: Rotation[JobRun, Chunk | None] = attrs.field(factory=Rotation)
    gate: CpuGate = attrs.field(factory=CpuGate)
    baton: CpuGate = attrs.field(factory=lambda: CpuGate(1, patience_seconds=_BATON_SECONDS))
    habits: dict[str, Habit] = attrs.field(init=False)
    slots: dict[str, Slots] = attrs.field(init=False)
    contents: Contents = attrs.field(factory=Contents)
    paces: dict[str, Pace] = attrs.field(init=False)
    wake: Wake = attrs.field(factory=Wake)
    busy_workers: int = 0
    claimed: int = 0
    outages: int = 0
    observers: Observers = attrs.field(factory=Observers)

    def __attrs_post_init__(self) -> None:
        self.habits = {name: Habit() for name in self.pipelines}
        self.paces = {name: Pace() for name in self.pipelines}
        self.slots = {name: Slots(pipeline.concurrency) for name, pipeline in self.pipelines.items()}


def statistics_of(services: Services, *, running_jobs: int) -> PoolStatistics:
    """What a pool is doing at the moment."""
    rotation = services.rotation
    return PoolStatistics(
        workers=services.settings.workers,
        busy_workers=services.busy_workers,
        running_jobs=running_jobs,
        waiting_chunks=rotation.waiting,
    )


def by_name(pipelines: Iterable[Pipeline[..., Any]]) -> dict[str, Pipeline[..., Any]]:
    """The pipelines of a pool.

    Raises:
        PipelineError: Two have the same name, or one is no pipeline.
    """
    if isinstance(pipelines, Pipeline):
        raise PipelineError(f"pipelines must be a list of pipelines: [{pipelines.name}]")
    known: dict[str, Pipeline[..., Any]] = {}
    for pipeline in pipelines:
        if not isinstance(pipeline, Pipeline):
            raise PipelineError(f"{pipeline!r} is no pipeline; decorate the handler with @csvpipe.pipeline")
        if pipeline.name in known:
            raise PipelineError(f"two pipelines are named {pipeline.name!r}; give one of them another name=")
        known[pipeline.name] = pipeline
    return known


def known_by(given: Pipeline[..., Any] | str, pipelines: Mapping[str, Pipeline[..., Any]]) -> Pipeline[..., Any]:
    """The pipeline of a pool that is given by itself or by its name.

    Raises:
        PipelineNotFoundError: The pool does not have it.
    """
    name = given if isinstance(given, str) else getattr(given, "name", repr(given))
    known = pipelines.get(name)
    if known is None or not (isinstance(given, str) or given is known):
        raise PipelineNotFoundError(name, tuple(pipelines))
    return known
