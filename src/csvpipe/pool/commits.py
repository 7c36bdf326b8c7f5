"""What a run writes to the store: at intervals, and at the end, until it is written or somebody else has the job."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, Literal

import anyio

from csvpipe._intake.arrival.spool import Spool
from csvpipe._intake.inspection import JobPlan
from csvpipe._report.progress import Progress
from csvpipe.errors import FileFailure, LeaseLostError
from csvpipe.jobs import JobRecord, Verb
from csvpipe.pool.sweep import is_done_with
from csvpipe.store.protocol import Claim

if TYPE_CHECKING:
    from csvpipe.pool.services import Services

logger = logging.getLogger("csvpipe")

#: Uncommitted row errors from which on a commit is due at once: they are held in memory until then.
_ERRORS_DUE: Final = 5_000

#: Pauses between attempts at a store that fails, in seconds.
_PAUSES: Final = (0.05, 0.2, 1.0, 2.0)

Settlement = Literal[Verb.COMPLETE, Verb.FAIL, Verb.CANCEL, Verb.PAUSE, Verb.RELEASE]


class Commits:
    """Writes of one job's owner. Each one is idempotent, so it is repeated when its outcome is unknown.

    Args:
        claim: Of the job.
        progress: Whose results are written.
        services: The pool's.
        on_lost: Called when the store says that somebody else owns the job.

    Attributes:
        total_rows: Of the file, once it has been cut to its end.
    """

    def __init__(self, claim: Claim, progress: Progress, services: Services, on_lost: Callable[[], None]) -> None:
        self.total_rows: int | None = None
        self._claim = claim
        self._progress = progress
        self._services = services
        self._on_lost = on_lost
        self._lock = anyio.Lock()
        self._due = anyio.Event()
        self._is_stopped = False

    def __repr__(self) -> str:
        return f"<Commits of {self._claim.record.filename!r}>"

    def look(self) -> None:
        """See whether so much has gathered that a commit is due at once."""
        if self._progress.pending_errors >= _ERRORS_DUE:
            self._due.set()

    def stop(self) -> None:
        """End `keep_committing`."""
        self._is_stopped = True
        self._due.set()

    async def keep_committing(self) -> None:
        """Commit at intervals until stopped. A store that fails is asked again at the next one."""
        while await self._is_due():
            try:
                await self.commit()
            except Exception:
                logger.exception("job %s: a commit failed; another attempt follows", self._claim.record.id)

    async def _is_due(self) -> bool:
        """Wait for the next commit; False if there is to be none."""
        with anyio.move_on_after(self._services.settings.flush_interval):
            await self._due.wait()
        self._due = anyio.Event()
        return not self._is_stopped

    async def commit(self) -> None:
        """Write what is not written yet, if anything is."""
        async with self._lock:
            results = self._progress.pending
            if not results:
                return
            services = self._services
            try:
                record = await services.threads.call_through(
                    lambda: services.store.commit(self._claim.lease, results, total_rows=self.total_rows)
                )
            except LeaseLostError:
                self._on_lost()
                return
            self._progress.committed(results)
            services.feed.publish(record)

    async def settle(self, verb: Settlement, *, failure: FileFailure | None = None) -> None:
        """Write the last results and the job's next status, again and again until the store takes it."""
        services, results = self._services, self._progress.pending
        if failure is not None:
            source = self._claim.plan.source
            in_place = None if source is None or source.is_spooled else source.path
            failure = failure.named(self._claim.record.filename, path=in_place)
        attempts = 0
        while True:
            try:
                record = await services.threads.call(
                    lambda: services.store.settle(
                        self._claim.lease, verb, results=results, total_rows=self.total_rows, failure=failure
                    )
                )
            except LeaseLostError:
                logger.warning("job %s has been taken over; its last rows are not recorded", self._claim.record.id)
                self._on_lost()
                return await self.look_elsewhere()
            except Exception:
                if attempts == len(_PAUSES):
                    raise
                logger.exception("job %s: could not be settled; another attempt follows", self._claim.record.id)
                await anyio.sleep(_PAUSES[attempts])
                attempts += 1
            else:
                await services.threads.call_through(clear_up, record, self._claim.plan, services.spool)
                services.feed.publish(record)
                return None

    async def look_elsewhere(self) -> None:
        """Tell those who follow the job what its new owner has made of it."""
        services = self._services
        try:
            services.feed.publish(await services.threads.call(services.store.get, self._claim.record.id))
        except Exception:
            logger.exception("job %s: cannot be looked up", self._claim.record.id)


def clear_up(record: JobRecord, plan: JobPlan, spool: Spool) -> None:
    """Remove an upload that nobody needs any more: not for a retry, and not for the raw text of its rejects."""
    if is_done_with(record):
        remove_upload(plan, spool)


def remove_upload(plan: JobPlan, spool: Spool) -> None:
    """Remove a job's file, if it is ours and within reach; elsewhere a sweep finds it."""
    source = plan.source
    if source is not None and source.is_spooled and (source.spool_id is None or source.spool_id in spool.reach):
        spool.remove(spool.local(source).path)
