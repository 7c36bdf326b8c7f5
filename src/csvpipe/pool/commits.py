"""What a run writes to the store: at intervals, and at the end, until it is written or somebody else has the job."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, Literal, TypeVar

import anyio

from csvpipe._intake.arrival.spool import Spool
from csvpipe._intake.inspection import JobPlan
from csvpipe._report.progress import Progress
from csvpipe.errors import CsvPipeError, FileFailure, LeaseLostError, StoreUnavailableError
from csvpipe.jobs import JobRecord, Verb
from csvpipe.logs import about, tell_failure
from csvpipe.pool.sweep import is_done_with
from csvpipe.store.protocol import Claim

if TYPE_CHECKING:
    from csvpipe.pool.services import Services

logger = logging.getLogger("csvpipe")

#: Uncommitted row errors from which on a commit is due at once: they are held in memory until then.
_ERRORS_DUE: Final = 5_000

#: Results, and row errors, that are held in memory while the store takes none: no more rows are handled then.
_MOST_RESULTS: Final = 1_000
_MOST_ERRORS: Final = 4 * _ERRORS_DUE

#: Pauses between attempts at a store that fails, in seconds; the last one again and again.
_PAUSES: Final = (0.05, 0.2, 1.0, 2.0)

T = TypeVar("T")

Settlement = Literal[Verb.COMPLETE, Verb.FAIL, Verb.CANCEL, Verb.PAUSE, Verb.RELEASE]


class Commits:
    """Writes of one job's owner. Each one is idempotent, so it is repeated when its outcome is unknown.

    Args:
        claim: Of the job.
        progress: Whose results are written.
        services: The pool's.
        on_lost: Called when the store says that somebody else owns the job.
        hold: Called with True when no more rows are to be handled, since the store takes no results; then with False.

    Attributes:
        total_rows: Of the file, once it has been cut to its end.
        record: The job as the store last said; None before.
    """

    def __init__(
        self,
        claim: Claim,
        progress: Progress,
        services: Services,
        *,
        on_lost: Callable[[], None],
        hold: Callable[[bool], None],
    ) -> None:
        self.total_rows: int | None = None
        self.record: JobRecord | None = None
        self._hold = hold
        self._is_held = False
        self._failures = 0
        self._is_lost = anyio.Event()
        self._claim = claim
        self._progress = progress
        self._services = services
        self._on_lost = on_lost
        self._lock = anyio.Lock()
        self._due = anyio.Event()
        self._is_untold = True
        self._is_stopped = False

    def __repr__(self) -> str:
        return f"<Commits of {self._claim.record.filename!r}>"

    def look(self) -> None:
        """See whether so much has gathered that a commit is due at once, or that no more may gather."""
        errors = self._progress.pending_errors
        # After a takeover the first result is told at once: a store that hears of none takes it for a crash loop.
        is_urgent = self._is_untold and self._claim.record.attempt > 1
        if (errors >= _ERRORS_DUE or is_urgent) and not self._failures:
            self._due.set()
        if errors >= _MOST_ERRORS or len(self._progress.pending) >= _MOST_RESULTS:
            self._set_hold(is_held=True)

    def _set_hold(self, *, is_held: bool) -> None:
        if is_held is not self._is_held:
            self._is_held = is_held
            self._hold(is_held)

    def lose(self) -> None:
        """The lease is lost: nobody need try any longer."""
        self._is_lost.set()

    def stop(self) -> None:
        """End `keep_committing`."""
        self._is_stopped = True
        self._due.set()

    async def keep_committing(self) -> None:
        """Commit at intervals until stopped. While the store fails it is asked more often, and no rows are handled."""
        while await self._is_due():
            try:
                await self.commit()
            except Exception as error:  # noqa: BLE001  # whatever a store raises that is away
                self._failures += 1
                tell_failure(
                    error,
                    "job %s: a commit failed; another attempt follows",
                    self._claim.record.id,
                    extra=about(self._claim.record),
                )
                self._set_hold(is_held=True)
            else:
                self._failures = 0
                self._set_hold(is_held=False)

    async def _is_due(self) -> bool:
        """Wait for the next commit; False if there is to be none."""
        interval = self._services.settings.flush_interval
        with anyio.move_on_after(min(interval, _pause(self._failures)) if self._failures else interval):
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
            self._is_untold = False
            self._progress.committed(results)
            self._tell(record)

    async def settle(self, verb: Settlement, *, failure: FileFailure | None = None) -> None:
        """Write the last results and the job's next status, again and again for as long as the lease lasts.

        Raises:
            Exception: What the store raises all that time: the job is left to whoever comes when the lease has run out.
        """
        services, results = self._services, self._progress.pending
        if failure is not None:
            source = self._claim.plan.source
            in_place = None if source is None or source.is_spooled else source.path
            failure = failure.named(self._claim.record.filename, path=in_place)
        try:
            record = await self.ask(
                lambda: services.store.settle(
                    self._claim.lease, verb, results=results, total_rows=self.total_rows, failure=failure
                )
            )
        except LeaseLostError:
            logger.warning(
                "job %s has been taken over; its last rows are not recorded",
                self._claim.record.id,
                extra=about(self._claim.record),
            )
            self._on_lost()
            await self.look_elsewhere()
        else:
            await services.threads.call_through(clear_up, record, self._claim.plan, services.spool)
            self._tell(record)

    def _tell(self, record: JobRecord) -> None:
        self.record = record
        self._services.feed.publish(record)

    async def ask(self, call: Callable[[], T]) -> T:
        """What the store answers in a thread; one that is away is asked again and again for as long as the lease lasts.

        Raises:
            LeaseLostError: The lease was lost meanwhile.
            Exception: What the store has raised for as long as a lease lasts, or says in its own name.
        """
        until, failures = anyio.current_time() + self._services.settings.lease_seconds, 0
        while True:
            try:
                return await self._services.threads.call(call)
            except Exception as error:
                if isinstance(error, CsvPipeError) and not isinstance(error, StoreUnavailableError):
                    raise
                failures += 1
                pause = min(_pause(failures), until - anyio.current_time())
                if pause <= 0:
                    raise
                tell_failure(
                    error,
                    "job %s: the store failed; another attempt follows",
                    self._claim.record.id,
                    extra=about(self._claim.record),
                )
            with anyio.move_on_after(pause):
                await self._is_lost.wait()
            if self._is_lost.is_set():
                raise LeaseLostError(self._claim.record.id)

    async def look_elsewhere(self) -> None:
        """Tell those who follow the job what its new owner has made of it."""
        services = self._services
        try:
            self._tell(await services.threads.call(services.store.get, self._claim.record.id))
        except Exception as error:  # noqa: BLE001  # the same
            record = self._claim.record
            tell_failure(error, "job %s: cannot be looked up", record.id, extra=about(record))


def _pause(failures: int) -> float:
    """Seconds before the next attempt, after so many."""
    return _PAUSES[min(failures, len(_PAUSES)) - 1]


def clear_up(record: JobRecord, plan: JobPlan, spool: Spool) -> None:
    """Remove an upload that nobody needs any more: not for a retry, and not for the raw text of its rejects."""
    if is_done_with(record):
        remove_upload(plan, spool)


def remove_upload(plan: JobPlan, spool: Spool) -> None:
    """Remove a job's file, if it is ours and within reach; elsewhere a sweep finds it."""
    source = plan.source
    if source is not None and source.is_spooled and (source.spool_id is None or source.spool_id in spool.reach):
        spool.remove(spool.local(source).path)
