"""`SQLJobStore`: each call of the contract as one transaction."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from types import TracebackType
from typing import Literal, Self
from uuid import uuid4

from sqlalchemy import URL, Engine

from csvpipe._intake.inspection import Inspection, JobPlan
from csvpipe._process.result import ChunkResult
from csvpipe._process.rowset import RowSet
from csvpipe.errors import ErrorTotal, FileFailure, JobNotFoundError, RowError
from csvpipe.jobs import JobId, JobRecord, JobStatus, Verb
from csvpipe.store.overview import StoreOverview
from csvpipe.store.protocol import ANY_OWNER, Claim, JobDraft, JobPage, JobSlice, Lease, OwnerFilter, Renewal, WorkerId
from csvpipe.store.sql import anybody, claiming, looking, owning, silent
from csvpipe.store.sql.address import check_dialect, open_engine
from csvpipe.store.sql.codec import plan_of
from csvpipe.store.sql.jobrows import plan_text, record_by_id
from csvpipe.store.sql.migrations import migrate
from csvpipe.store.sql.telling import Ear
from csvpipe.store.sql.transactions import Database, Transaction

logger = logging.getLogger("csvpipe")


class SQLJobStore:
    """A `JobStore` in SQLite or PostgreSQL, for the worker pools of any number of processes.

    It makes its tables when it is opened, and brings those of an older csvpipe up to date. Any thread may call it, and
    a forked child, which gets connections of its own. A connection that is lost is made anew, and what was under way is
    done again; every call may be repeated without harm.

    Example:
        >>> import csvpipe
        >>> with csvpipe.SQLJobStore("sqlite:///jobs.db") as store:
        ...     print(store.list_jobs().total)
        0

    Args:
        url_or_engine: `sqlite:///jobs.db` (a file on a local disk), `postgresql://user:password@host/name`, or an
            engine of the application's own, which the store uses as it is and does not close.
        patience_seconds: For how long a call tries to reach a database that is away.
        listening: Whether pools and readers hear of changes as they happen, where the database can tell them; otherwise
            they look once a second. Hundreds of processes that listen keep a server busy.
        clock: Aware time in place of the database's, for tests.

    Raises:
        MissingExtraError: The driver for PostgreSQL is not installed.
        StoreUnavailableError: The database could not be reached for `patience_seconds`, here and in every call.
        StoreVersionError: The tables are of a later csvpipe, which this one is too old for.
        ValueError: It is no database that a store may live in.
    """

    def __init__(
        self,
        url_or_engine: str | URL | Engine,
        *,
        patience_seconds: float = 10.0,
        listening: bool = True,
        clock: Callable[[], datetime] | None = None,
    ) -> None:
        self._is_listening = listening
        self._is_ours = not isinstance(url_or_engine, Engine)
        if isinstance(url_or_engine, Engine):
            engine = url_or_engine
            check_dialect(engine.dialect.name, engine.url.database, is_async=engine.dialect.is_async)
        else:
            engine = open_engine(url_or_engine)
        self._database = Database(engine, patience_seconds, clock)
        self._ear = Ear(engine, lambda: self.identity)
        self._end_silent_at = 0.0
        try:
            migrate(self._database)
        except BaseException:
            self.close()
            raise

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._database.address}>"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    @property
    def file(self) -> str | None:
        """The file of a store in SQLite; None for another."""
        return self._database.engine.url.database if self._database.is_sqlite else None

    def close(self) -> None:
        """Close the connections, unless the engine is the application's own. A call after that opens them again."""
        self._ear.close()
        if self._is_ours:
            self._database.engine.dispose()

    @property
    def identity(self) -> str:
        """See `JobStore.identity`."""
        return self._database.read(looking.identity)

    # Looking ----------------------------------------------------------------------------------------------------------

    def get(self, job_id: JobId) -> JobRecord:
        """See `JobStore.get`."""
        return self._database.read(lambda at: record_by_id(at, job_id))

    def plan(self, job_id: JobId) -> JobPlan:
        """See `JobStore.plan`."""
        return plan_of(self._database.read(lambda at: plan_text(at, job_id)))

    def inspected(self, inspection_key: str) -> Inspection | None:
        """See `JobStore.inspected`."""
        return self._database.read(lambda at: looking.inspected(at, inspection_key)) if inspection_key else None

    def list_jobs(
        self,
        *,
        page: int = 1,
        limit: int = 10,
        status: JobStatus | None = None,
        owner: OwnerFilter = ANY_OWNER,
    ) -> JobPage:
        """See `JobStore.list_jobs`."""
        if page < 1 or limit < 1:
            raise ValueError(f"page and limit count from 1, not page={page}, limit={limit}")
        return self._database.read(lambda at: looking.list_jobs(at, page=page, limit=limit, status=status, owner=owner))

    def history(
        self,
        *,
        after: str | None = None,
        limit: int = 100,
        status: JobStatus | None = None,
        owner: OwnerFilter = ANY_OWNER,
    ) -> JobSlice:
        """See `JobStore.history`."""
        return self._database.read(lambda at: looking.history(at, after=after, limit=limit, status=status, owner=owner))

    def overview(self) -> StoreOverview:
        """See `Overseeing`. Both questions are answered by an index."""
        return self._database.read(looking.overview)

    def ended_before(self, when: datetime, *, status: JobStatus | None = None, limit: int) -> list[JobId]:
        """See `JobStore.ended_before`."""
        return self._database.read(lambda at: looking.ended_before(at, when, status=status, limit=limit))

    def committed(self, job_id: JobId) -> list[ChunkResult]:
        """See `JobStore.committed`."""
        return self._database.read(lambda at: looking.committed(at, job_id))

    def resolved(self, root_id: JobId, *, apart_from: JobId | None = None) -> list[RowSet]:
        """See `JobStore.resolved`."""
        return self._database.read(lambda at: looking.resolved(at, root_id, apart_from=apart_from))

    def row_errors(
        self, job_id: JobId, *, limit: int = 100, after: tuple[int, int] | None = None
    ) -> list[tuple[int, RowError]]:
        """See `JobStore.row_errors`."""
        return self._database.read(lambda at: looking.row_errors(at, job_id, limit=limit, after=after))

    def error_totals(self, job_id: JobId, *, samples: int = 3) -> list[ErrorTotal]:
        """See `JobStore.error_totals`."""
        return self._database.read(lambda at: looking.error_totals(at, job_id, samples=samples))

    def listen(self, callback: Callable[[JobId], object], *, calls_only: bool = False) -> Callable[[], object]:
        """See `Listening.listen`. In SQLite nothing is ever heard, nor with a driver other than psycopg 3."""
        if self._database.is_sqlite or not self._is_listening:
            return lambda: None
        return self._ear.listen(callback, calls_only=calls_only)

    # Anybody's writes -------------------------------------------------------------------------------------------------

    def create(self, draft: JobDraft) -> JobRecord:
        """See `JobStore.create`."""
        return self._database.write(lambda at: anybody.create(at, draft))

    def request(self, job_id: JobId, verb: Literal[Verb.PAUSE, Verb.RESUME, Verb.CANCEL, Verb.RETRY]) -> JobRecord:
        """See `JobStore.request`."""
        return self._database.write(lambda at: anybody.request(at, job_id, verb))

    def delete(self, job_id: JobId) -> JobPlan:
        """See `JobStore.delete`."""
        deleted: list[str] = []  # by an earlier try whose outcome nobody knows

        def delete(transaction: Transaction) -> str:
            try:
                deleted.append(anybody.delete(transaction, job_id))
            except JobNotFoundError:
                if not deleted:
                    raise
            return deleted[-1]

        return plan_of(self._database.write(delete))

    # Owners' writes ---------------------------------------------------------------------------------------------------

    def claim(
        self,
        worker: WorkerId,
        *,
        pipelines: Sequence[str],
        limit: int,
        lease_seconds: float,
        max_bytes: int | None = None,
        spools: Collection[str] | None = None,
    ) -> list[Claim]:
        """See `JobStore.claim`."""
        wish = claiming.Wish(
            worker=worker,
            pipelines=tuple(dict.fromkeys(pipelines)),
            limit=limit,
            lease_seconds=lease_seconds,
            max_bytes=max_bytes,
            spools=None if spools is None else tuple(spools),
        )
        self._end_silent()
        call = uuid4()
        return self._database.write(lambda at: claiming.claim(at, wish, call))

    def _end_silent(self) -> None:
        """Now and then, so that it costs a claim nothing."""
        now = self._database.monotonic()
        if self._database.is_sqlite or now < self._end_silent_at:
            return
        self._end_silent_at = now + silent.LOOK_SECONDS
        if ended := self._database.read(silent.end_silent):
            logger.warning("%d connections are ended that had fallen silent with a job in hand", ended)

    def renew(self, leases: Sequence[Lease], *, lease_seconds: float) -> list[Renewal]:
        """See `JobStore.renew`."""
        return self._database.write(lambda at: owning.renew(at, leases, lease_seconds)) if leases else []

    def forfeit(self, workers: Collection[WorkerId]) -> int:
        """See `JobStore.forfeit`."""
        return self._database.write(lambda at: owning.forfeit(at, workers)) if workers else 0

    def commit(self, lease: Lease, results: Sequence[ChunkResult], *, total_rows: int | None = None) -> JobRecord:
        """See `JobStore.commit`."""
        return self._database.write(lambda at: owning.commit(at, lease, results, total_rows))

    def settle(
        self,
        lease: Lease,
        verb: Literal[Verb.COMPLETE, Verb.FAIL, Verb.CANCEL, Verb.PAUSE, Verb.RELEASE],
        *,
        results: Sequence[ChunkResult] = (),
        total_rows: int | None = None,
        failure: FileFailure | None = None,
    ) -> JobRecord:
        """See `JobStore.settle`."""
        if verb is Verb.FAIL and failure is None:
            raise ValueError("a job fails for a reason: give the failure")
        call = uuid4()
        return self._database.write(
            lambda at: owning.settle(
                at, lease, verb, results=results, total_rows=total_rows, failure=failure, call=call
            )
        )
