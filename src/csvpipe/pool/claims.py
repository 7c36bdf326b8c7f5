"""Takes jobs from the store as there is room for them, and runs them to their end."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

import attrs

from csvpipe._intake.arrival.spool import Spool
from csvpipe.chance import between
from csvpipe.jobs import JobId
from csvpipe.logs import about, tell_failure
from csvpipe.pool.ending import Ending
from csvpipe.pool.run import JobRun
from csvpipe.store.protocol import Claim, Lease, Renewal

if TYPE_CHECKING:
    from anyio.abc import TaskGroup

    from csvpipe.pool.services import Services

logger = logging.getLogger("csvpipe")

#: By how much of `poll_seconds`, at random, pools wait longer: those that one call has woken must not go on in step.
POLL_SPREAD: Final = 0.25


class Claims:
    """The jobs that this pool runs. Belongs to the event loop.

    Up to `max_files` files run at once. Files of a single chunk take no such slot: they are through in a moment, and
    would otherwise wait for the large ones.

    Args:
        services: The pool's.
        tasks: Where the runs live.
    """

    def __init__(self, services: Services, tasks: TaskGroup) -> None:
        self._services = services
        self._tasks = tasks
        # By lease: a job that was lost may be claimed again before its first run has come to an end.
        self._runs: dict[Lease, JobRun] = {}
        self._asked: set[JobId] = set()
        self._is_more = False
        self._is_stopping = False

    def __repr__(self) -> str:
        return f"<Claims {list(self._runs.values())}>"

    def __len__(self) -> int:
        return len(self._runs)

    async def keep_claiming(self) -> None:
        """Claim whenever there is room and reason, and hear what the store says of the leases, until `stop`."""
        settings, wake = self._services.settings, self._services.wake
        while not self._is_stopping:
            self.heed()
            try:
                await self._fill()
            except Exception as error:  # noqa: BLE001  # whatever a store raises that is away
                tell_failure(error, "no jobs could be claimed; another attempt follows")
            await wake.wait(settings.poll_seconds * between(1.0, 1.0 + POLL_SPREAD))

    def heed(self) -> None:
        """Hear what the store has said of the leases; to be called often, for as long as a job runs."""
        for renewal in self._services.keeper.tick():
            self._heed(renewal)

    def ask(self, job_id: JobId) -> None:
        """Something has been asked of a job: if it runs here, let it come to a stop, so that the store can enact it."""
        runs = [run for run in self._runs.values() if run.claim.record.id == job_id]
        for run in runs:
            run.end(Ending.ASKED)
        if not runs:  # perhaps it is being claimed right now
            self._asked.add(job_id)

    def stop(self) -> None:
        """Claim no more, and let every run come to its end at the next row."""
        self._is_stopping = True
        for run in self._runs.values():
            run.end(Ending.SHUTDOWN)
        self._services.wake.ring()

    async def _fill(self) -> None:
        """Claim as many jobs as there is room for."""
        settings = self._services.settings
        large = sum(not run.is_small for run in self._runs.values())
        room = settings.max_files + settings.workers - len(self._runs)
        if self._is_more and len(self._runs) - large > settings.workers:
            return  # every worker has a small file to do: few claims of many jobs cost less than many of few
        # Any job is welcome while there are slots; when large files hold them all, only small ones.
        if large < settings.max_files:
            await self._claim(min(room, settings.max_files - large))
        else:
            await self._claim(room, max_bytes=settings.chunk_bytes)

    async def _claim(self, limit: int, max_bytes: int | None = None) -> None:
        if limit < 1:
            return
        services = self._services
        claims = await services.threads.call(
            lambda: services.store.claim(
                services.worker_id,
                pipelines=tuple(services.pipelines),
                limit=limit,
                lease_seconds=services.settings.lease_seconds,
                max_bytes=max_bytes,
                spools=services.spool.reach,
            )
        )
        self._is_more = len(claims) == limit
        services.claimed += len(claims)
        for claim in claims:
            self._start(claim)
        self._asked.clear()

    def _start(self, claim: Claim) -> None:
        services, record = self._services, claim.record
        claim = _at_hand(claim, services.spool)
        services.keeper.add(claim.lease)
        services.feed.publish(record)
        run = JobRun(claim, services.pipelines[record.pipeline], services, self._tasks, self._over)
        self._runs[claim.lease] = run
        run.begin()
        # What was said while the claim was on its way from the store:
        if self._is_stopping:
            run.end(Ending.SHUTDOWN)
        if record.id in self._asked:
            run.end(Ending.ASKED)

    def _over(self, run: JobRun) -> None:
        del self._runs[run.claim.lease]
        if self._is_more or self._is_stopping or not run.is_small:
            self._services.wake.ring()

    def _heed(self, renewal: Renewal) -> None:
        run = self._runs.get(renewal.lease)
        if run is None:
            return
        if not renewal.is_held:
            logger.warning(
                "job %s: its lease is lost; another worker may have it",
                renewal.lease.job_id,
                extra=about(run.claim.record),
            )
            run.end(Ending.LOST)
        elif renewal.requested is not None:
            run.end(Ending.ASKED)


def _at_hand(claim: Claim, spool: Spool) -> Claim:
    """The claim with its file as it is reached from here."""
    source = claim.plan.source
    local = None if source is None else spool.local(source).for_run()
    return claim if local is source else attrs.evolve(claim, plan=attrs.evolve(claim.plan, source=local))
