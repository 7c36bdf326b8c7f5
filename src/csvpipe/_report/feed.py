"""From committed states to whoever follows them: a feed of snapshots, bounded because only the newest counts.

A reader is given the state, not a history: what happened between two looks is merged into one event. So a slow reader
costs one snapshot for each job, never misses the last one, and needs nobody to wait for it.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from types import TracebackType
from typing import Final, Self
from weakref import ref

import anyio

from csvpipe._report.only_async import AsyncContext, AsyncEvents
from csvpipe.errors import JobNotFoundError
from csvpipe.events import JobEvent, event_between
from csvpipe.jobs import JobId, JobRecord

logger = logging.getLogger("csvpipe")

#: How often a reader looks into the store when nothing is heard: the job may run in another process.
LOOK_SECONDS: Final = 1.0

#: For how long a reader puts up with a store that fails: jobs that it follows go on when the store is back.
OUTAGE_SECONDS: Final = 300.0


class Outage:
    """A store that fails for a while, as those see it who only look."""

    def __init__(self) -> None:
        self._until: float | None = None

    def __repr__(self) -> str:
        return f"<Outage {'over' if self._until is None else 'borne'}>"

    def bear(self, error: Exception) -> None:
        """Put up with what the store has raised, for `OUTAGE_SECONDS` in a row.

        Raises:
            Exception: `error`, when that time is over.
        """
        if self._until is None:
            self._until = anyio.current_time() + OUTAGE_SECONDS
            logger.warning("the store cannot be looked at; another attempt follows: %r", error)
        elif anyio.current_time() >= self._until:
            raise error

    def end(self) -> None:
        """The store has answered."""
        self._until = None


class Subscription:
    """What one reader has not seen yet: the newest snapshot of each job, in the order of their first change."""

    def __init__(self, job_id: JobId | None) -> None:
        self._job_id = job_id
        self._fresh: dict[JobId, JobRecord] = {}
        self._news = anyio.Event()
        self.is_rung = False
        self.is_closed = False

    def put(self, record: JobRecord) -> None:
        """Take note of a state, unless it is another job's or older than what is noted already."""
        if self._job_id not in (None, record.id):
            return
        noted = self._fresh.get(record.id)
        if noted is None or noted.revision < record.revision:
            self._fresh[record.id] = record
            self._news.set()

    def ring(self) -> None:
        """There may be news in the store."""
        self.is_rung = True
        self._news.set()

    def pop(self) -> JobRecord | None:
        """The state that has waited longest, or None."""
        if not self._fresh:
            if not self.is_rung:  # a ring that nobody has waited for is heard by the next one who does
                self._news = anyio.Event()
            return None
        return self._fresh.pop(next(iter(self._fresh)))

    def close(self) -> None:
        """Nothing more will come."""
        self.is_closed = True
        self._news.set()

    async def wait(self) -> None:
        """Until there is something to `pop`, or never will be."""
        await self._news.wait()


class Feed:
    """Hands each committed state to all who follow it. Belongs to the event loop; a reader that is dropped is gone."""

    def __init__(self) -> None:
        #: By the job that is followed, None for all jobs: thousands may follow one, and cost the others nothing.
        self._readers: dict[JobId | None, dict[ref[Subscription], None]] = {}
        self._is_closed = False

    def __repr__(self) -> str:
        return f"<Feed to {sum(map(len, self._readers.values()))} readers{', closed' if self._is_closed else ''}>"

    def subscribe(self, job_id: JobId | None = None) -> Subscription:
        """Follow one job, or all, from now on."""
        reader = Subscription(job_id)
        if self._is_closed:
            reader.close()
        else:
            self._readers.setdefault(job_id, {})[ref(reader, partial(self._forget, job_id))] = None
        return reader

    def publish(self, record: JobRecord) -> None:
        """Tell everybody who follows the job. Never waits."""
        for job_id in (record.id, None):
            for reader in self._those_of(job_id):
                reader.put(record)

    def close(self) -> None:
        """Tell everybody that this was all."""
        self._is_closed = True
        for job_id in tuple(self._readers):
            for reader in self._those_of(job_id):
                reader.close()

    def _those_of(self, job_id: JobId | None) -> Iterator[Subscription]:
        for each in tuple(self._readers.get(job_id, ())):
            if (reader := each()) is not None:
                yield reader

    def _forget(self, job_id: JobId | None, reader: ref[Subscription]) -> None:
        readers = self._readers[job_id]
        del readers[reader]
        if not readers:
            del self._readers[job_id]


class JobEvents(AsyncContext, AsyncEvents):
    """The events of one job: for `async for`, alone or within `async with`.

    Opens with the present state, or with the first one past `after`. Revisions strictly increase; progress that a slow
    reader has missed is merged; the terminal event is always the last. A job that runs in another process is followed
    through the store, with a look every second; a store that is away is looked at again, for five minutes. Not for use
    by several tasks at once.
    """

    def __init__(
        self,
        subscription: Subscription,
        look: Callable[[], Awaitable[JobRecord]],
        *,
        after: int | None = None,
        look_seconds: float = LOOK_SECONDS,
        on_close: Callable[[], object] = lambda: None,
    ) -> None:
        self._subscription = subscription
        self._look = look
        self._after = after
        self._look_seconds = look_seconds
        self._on_close = on_close
        self._before: JobRecord | None = None
        self._outage = Outage()
        self._is_open = False
        self._is_over = False

    def __repr__(self) -> str:
        seen = "nothing seen" if self._before is None else f"revision {self._before.revision} seen"
        return f"<JobEvents {seen}{', over' if self._is_over else ''}>"

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> JobEvent:
        """The next event.

        Raises:
            StopAsyncIteration: The terminal one has been seen, or the pool is closed and there is no news.
            JobNotFoundError: The job has been deleted.
        """
        if self._is_over:
            raise StopAsyncIteration
        record = await self._next() if self._is_open else await self._first()
        event = event_between(self._before, record)
        self._before = record
        if event.is_terminal:
            self.close()
        return event

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop following."""
        self._is_over = True
        self._subscription.close()
        self._on_close()
        self._on_close = lambda: None

    async def _first(self) -> JobRecord:
        record = await self._try_look()
        while record is None:
            await anyio.sleep(self._look_seconds)
            record = await self._try_look()
        self._is_open = True
        if self._after is None or record.revision != self._after:
            return record  # also where the reader is ahead: of a store that was set back, it needs the present state
        self._before = record
        if record.status.is_terminal:
            self.close()
            raise StopAsyncIteration
        return await self._next()

    async def _next(self) -> JobRecord:
        while True:
            record = self._subscription.pop()
            if record is None:
                with anyio.move_on_after(self._look_seconds) as wait:
                    await self._subscription.wait()
                # Of a pool that is closed one last look tells how it has left the job.
                is_look_due = wait.cancelled_caught or self._subscription.is_rung or self._subscription.is_closed
                self._subscription.is_rung = False
                record = await self._try_look() if is_look_due else self._subscription.pop()
            if record is not None and (self._before is None or record.revision > self._before.revision):
                return record
            if record is not None and self._subscription.is_closed:
                self.close()
                raise StopAsyncIteration

    async def _try_look(self) -> JobRecord | None:
        """The job in the store; None where the store is away."""
        try:
            record = await self._look()
        except JobNotFoundError:
            raise
        except Exception as error:  # noqa: BLE001  # whatever a store raises that is away
            self._outage.bear(error)
            return None
        self._outage.end()
        return record


class PoolEvents(AsyncEvents):
    """The events of all jobs of a pool, from now until the pool is closed: for `async for`.

    For each job as in `JobEvents`; only states that this pool has brought about, or was asked for, are seen. Not for
    use by several tasks at once.
    """

    def __init__(self, subscription: Subscription) -> None:
        self._subscription = subscription
        self._before: dict[JobId, JobRecord] = {}

    def __repr__(self) -> str:
        return f"<PoolEvents of {len(self._before)} jobs>"

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> JobEvent:
        """The next event of any job.

        Raises:
            StopAsyncIteration: The pool is closed, and everything has been seen.
        """
        record = await self._next()
        event = event_between(self._before.get(record.id), record)
        self._before.pop(record.id, None)
        self._before[record.id] = record
        while len(self._before) > _REMEMBERED:
            del self._before[next(iter(self._before))]
        return event

    async def _next(self) -> JobRecord:
        while True:
            record = self._subscription.pop()
            if record is not None:
                before = self._before.get(record.id)
                if before is None or before.revision < record.revision:
                    return record
            elif self._subscription.is_closed:
                raise StopAsyncIteration
            else:
                await self._subscription.wait()


#: Jobs of which a reader of all jobs remembers what it has seen, those that changed last.
_REMEMBERED: Final = 10_000
