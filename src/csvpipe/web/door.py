"""What endpoints share: a pool that is open, the pipelines on offer, and whose job is whose."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from typing import Any, Final, TypeAlias

import attrs
from anyio import CapacityLimiter
from starlette.requests import Request

from csvpipe.errors import JobNotFoundError, PipelineNotFoundError, PoolClosedError
from csvpipe.jobs import JobRecord
from csvpipe.pipeline import Pipeline
from csvpipe.pool import Job, WorkerPool
from csvpipe.web.following import Followings
from csvpipe.web.limits import UploadLimits
from csvpipe.web.owners import Authenticate
from csvpipe.web.problems import Kind, Refusal

#: A pool, or what makes a new one each time the application starts.
PoolSource: TypeAlias = WorkerPool | Callable[[], WorkerPool]

#: Files that are looked at before they are uploaded, at once.
_LOOKS: Final = 2


@attrs.define(eq=False, repr=False, kw_only=True)
class Door:
    """One application's.

    Attributes:
        source: See `create_app`, like the others.
        offered: Names of the pipelines; None for all that the pool has.
        heartbeat_seconds: Between two signs of life of a stream.
        origins: Of pages that may use it from a browser.
        followings: Readers of streams.
        on_pool: Called with each pool that it comes to use.
    """

    source: PoolSource
    offered: tuple[str, ...] | None
    authenticate: Authenticate
    limits: UploadLimits
    heartbeat_seconds: float
    origins: tuple[str, ...]
    followings: Followings = attrs.field(factory=Followings, init=False)
    on_pool: Callable[[WorkerPool], object] = attrs.field(default=lambda _pool: None)
    _pool: WorkerPool | None = attrs.field(default=None, init=False)
    _looking: CapacityLimiter | None = attrs.field(default=None, init=False)

    def __attrs_post_init__(self) -> None:
        if isinstance(self.source, WorkerPool):
            self._use(self.source)

    def __repr__(self) -> str:
        return f"<Door to {self._pool!r}>"

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[None]:
        """From start-up to shutdown: enter the pool, unless the host has."""
        pool = self.source if isinstance(self.source, WorkerPool) else self.source()
        self._use(pool)
        if is_open(pool):
            yield
            return
        async with pool:
            yield

    def _use(self, pool: WorkerPool) -> None:
        """From now on.

        Raises:
            PipelineNotFoundError: It does not have a pipeline that is on offer.
        """
        names = tuple(pipeline.name for pipeline in pool.pipelines)
        for name in self.offered or ():
            if name not in names:
                raise PipelineNotFoundError(name, names)
        self._pool = pool
        self.on_pool(pool)

    @property
    def pool(self) -> WorkerPool:
        """The pool.

        Raises:
            PoolClosedError: There is none yet.
        """
        if self._pool is None:
            raise PoolClosedError("the application has not started: its server must send lifespan events")
        return self._pool

    def pipelines(self) -> tuple[Pipeline[..., Any], ...]:
        """Those on offer."""
        every = self.pool.pipelines
        return every if self.offered is None else tuple(each for each in every if each.name in self.offered)

    def pipeline(self, name: str | None) -> str:
        """The name of a pipeline on offer, the only one if none is stated.

        Raises:
            Refusal: There is none of that name, or there are several to choose from.
        """
        names = [pipeline.name for pipeline in self.pipelines()]
        if name is None:
            if len(names) == 1:
                return names[0]
            raise Refusal(
                Kind.PIPELINE_MISSING, "say pipeline= in the query, or as a field of the form before the files"
            )
        if name not in names:
            raise Refusal(
                Kind.PIPELINE_NOT_FOUND, f"there is no pipeline {name!r}; GET .../pipelines lists all of them"
            )
        return name

    def looking(self) -> CapacityLimiter:
        """How many files may be looked at at once, whoever asks: each takes a thread and its processor."""
        if self._looking is None:  # it belongs to the event loop that is running now
            self._looking = CapacityLimiter(_LOOKS)
        return self._looking

    async def owned(self, job_id: str, owner: str) -> tuple[Job, JobRecord]:
        """A job of an owner's. Another's is not there, like one that never was.

        Raises:
            Refusal: There is none of this id.
        """
        try:
            job = await self.pool.job(job_id)
            record = await job.record()
        except JobNotFoundError:
            raise _not_found(job_id) from None
        if record.owner != owner:
            raise _not_found(job_id)
        return job, record


def _not_found(job_id: str) -> Refusal:
    return Refusal(Kind.JOB_NOT_FOUND, f"you have no job {job_id[:50]!r}")


def is_open(pool: WorkerPool) -> bool:
    """Whether files can be submitted to it."""
    try:
        pool.statistics()
    except PoolClosedError:
        return False
    return True


@attrs.frozen(kw_only=True)
class Call:
    """One request.

    Attributes:
        request: As Starlette has it.
        door: Of the application.
        owner: Who asks; empty where that is not asked for.
    """

    request: Request
    door: Door
    owner: str

    async def job(self) -> tuple[Job, JobRecord]:
        """The job that the path names.

        Raises:
            Refusal: The owner has no such job.
        """
        return await self.door.owned(self.request.path_params["job_id"], self.owner)


def names_of(pipelines: Iterable[Pipeline[..., Any] | str] | None) -> tuple[str, ...] | None:
    """Pipelines by themselves or by their names."""
    if pipelines is None:
        return None
    return tuple(each if isinstance(each, str) else each.name for each in pipelines)
