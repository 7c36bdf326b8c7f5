"""What a pool does by itself from when it is entered until it has come to its end."""

from __future__ import annotations

import inspect
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, TypeAlias
from uuid import uuid4

import anyio
from anyio.abc import TaskGroup, TaskStatus

from csvpipe._intake.arrival.spool import OWN_FOLDER, Spool
from csvpipe._report.feed import PoolEvents
from csvpipe.events import JobEvent
from csvpipe.executors.threads import ThreadGroup
from csvpipe.executors.worker import Crew, Leaving, Worker
from csvpipe.logs import about
from csvpipe.pipeline import Pipeline
from csvpipe.pool.claims import Claims
from csvpipe.pool.hearing import keep_hearing
from csvpipe.pool.leases import LeaseKeeper
from csvpipe.pool.observed import Observers
from csvpipe.pool.presence import Presence
from csvpipe.pool.resources import LoopResources
from csvpipe.pool.services import Services, Settings
from csvpipe.pool.sitting import sitting_of
from csvpipe.pool.watchman import keep_watching
from csvpipe.store.protocol import JobStore, WorkerId

logger = logging.getLogger("csvpipe")

#: Told of every event; may be async.
EventCallback: TypeAlias = Callable[[JobEvent], object]

#: Threads for our own short calls: the store's, and those that touch files.
_SERVICE_THREADS: Final = 8

#: Threads that take files in.
_INTAKE_THREADS: Final = 4

#: Threads that read callers' file objects, each of which may block for as long as it likes.
_READER_THREADS: Final = 16


class Service:
    """Runs jobs until it is told to stop. Shielded: a cancelled host first lets it come to its end.

    Attributes:
        claims: The jobs at hand, once it serves.
    """

    def __init__(
        self,
        settings: Settings,
        store: JobStore,
        pipelines: Mapping[str, Pipeline[..., Any]],
        crew: Crew,
        spool_dir: Path | None,
        *,
        observers: Observers,
    ) -> None:
        self.claims: Claims
        self._settings = settings
        self._crew = crew
        self._store = store
        self._pipelines = pipelines
        self._spool_dir = spool_dir
        self._observers = observers
        self._scope = anyio.CancelScope(shield=True)
        self._stop_wanted = anyio.Event()
        self._stopped = anyio.Event()

    def __repr__(self) -> str:
        state = "stopped" if self._stopped.is_set() else "stopping" if self._stop_wanted.is_set() else "serving"
        return f"<Service {state}>"

    async def serve(self, on_event: EventCallback | None, *, task_status: TaskStatus[Services]) -> None:
        """Serve until `stop`; started with what it has made for the pool.

        Raises:
            OSError: The spool cannot be made.
        """
        spool, threads = Spool(self._spool_dir), ThreadGroup("service", _SERVICE_THREADS)
        intake, readers = ThreadGroup("intake", _INTAKE_THREADS), ThreadGroup("reader", _READER_THREADS)
        try:
            with self._scope:
                store_id = await threads.call(self._ready, spool)
                services = self._services(store_id, spool, threads, intake, readers)
                async with anyio.create_task_group() as tellers:
                    if on_event is not None:
                        tellers.start_soon(_tell, PoolEvents(services.feed.subscribe()), on_event)
                    async with anyio.create_task_group() as runs:
                        self.claims = Claims(services, runs)
                        await self._run(services, runs, task_status)
                    services.feed.close()
        finally:
            self._crew.abandon()
            with anyio.CancelScope(shield=True):
                await threads.call(spool.close)
            threads.close()
            intake.close()
            readers.close()
            self._stopped.set()

    async def stop(self) -> None:
        """Let it come to its end, and wait for that."""
        self._stop_wanted.set()
        await self._stopped.wait()

    def abandon(self) -> None:
        """Let it end here and now, wherever it stands."""
        self._scope.cancel()

    def _ready(self, spool: Spool) -> str:
        """In a thread: make the spool ready; the store's identity."""
        spool.directory  # noqa: B018  # made on first use
        spool.identify()
        return self._store.identity

    def _services(
        self, store_id: str, spool: Spool, threads: ThreadGroup, intake: ThreadGroup, readers: ThreadGroup
    ) -> Services:
        settings, worker_id = self._settings, WorkerId(str(uuid4()))
        locks = None if spool.is_temporary else spool.path(OWN_FOLDER)
        return Services(
            settings=settings,
            store=self._store,
            store_id=store_id,
            worker_id=worker_id,
            presence=Presence(locks, store_id, worker_id),
            pipelines=self._pipelines,
            threads=threads,
            intake=intake,
            readers=readers,
            spool=spool,
            keeper=LeaseKeeper(self._store, lease_seconds=settings.lease_seconds, stall_seconds=settings.stall_seconds),
            resources=LoopResources(),
            expect=self._crew.expect,
            observers=self._observers,
        )

    async def _run(self, services: Services, runs: TaskGroup, task_status: TaskStatus[Services]) -> None:
        """Run jobs until it is time to stop, and then until none is left."""
        workers = self._crew.hire(services.threads)
        await services.threads.call(services.presence.show)
        async with anyio.create_task_group() as shifts:
            for worker in workers:
                shifts.start_soon(_keep_handling, worker, services)
            shifts.start_soon(keep_watching, services)
            shifts.start_soon(keep_hearing, services)
            runs.start_soon(self.claims.keep_claiming)
            task_status.started(services)
            await self._stop_wanted.wait()
            self.claims.stop()
            while self.claims:
                self.claims.heed()
                await services.wake.wait(self._settings.poll_seconds)
            shifts.cancel_scope.cancel()
        await services.resources.close(self._settings.shutdown_grace)
        services.keeper.close()
        leaving = [each for worker in workers for each in worker.close()]
        leaving += self._crew.close()
        await services.threads.call(services.presence.leave)
        await services.threads.call(_join, leaving, self._settings.shutdown_grace)


async def _keep_handling(worker: Worker, services: Services) -> None:
    """One of the crew: chunk after chunk, of whichever job's turn it is, or small files as a whole."""
    while True:
        lane, chunk = await services.rotation.take()
        services.busy_workers += 1
        try:
            with anyio.CancelScope(shield=True):
                if chunk is None:
                    await sitting_of(lane.owner, worker, services).hold()
                else:
                    await lane.owner.handle(chunk, worker)
        finally:
            services.busy_workers -= 1


async def _tell(events: PoolEvents, callback: EventCallback) -> None:
    async for event in events:
        try:
            answer = callback(event)
            if inspect.isawaitable(answer):
                await answer
        except Exception:
            logger.exception("on_event raised at %s of job %s", event.kind.value, event.job.id, extra=about(event.job))


def _join(leaving: Sequence[Leaving], seconds: float) -> None:
    """In a thread: wait for workers to leave their resources, so long in all."""
    until = time.monotonic() + seconds
    for each in leaving:
        each.join(max(0.0, until - time.monotonic()))
