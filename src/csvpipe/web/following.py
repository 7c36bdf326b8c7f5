"""Many readers of one job's stream: one of them waits for news on behalf of all, and what there is is written once.

Two thousand readers that each ask the store whether there is news, and each write the same JSON, would take the job
that they follow more than half of its processor.
"""

from __future__ import annotations

import json
from typing import Final, Self

import anyio
from sse_starlette import ServerSentEvent

from csvpipe.errors import JobNotFoundError
from csvpipe.events import EventKind, JobEvent, event_between
from csvpipe.jobs import JobId, JobRecord
from csvpipe.pool import Job

#: After so long a browser that lost the connection tries again.
_RETRY_MILLISECONDS: Final = 2_000

#: Progress is told again after so long for each reader of all jobs, so that a crowd is told less often instead of
#: taking more of the processor. Any other change is told at once.
_QUIET_SECONDS: Final = 0.0025


class Followings:
    """Of one application: the jobs whose streams are read. Belongs to the event loop."""

    def __init__(self) -> None:
        self._by_job: dict[JobId, Following] = {}
        self.readers = 0

    def __repr__(self) -> str:
        return f"<Followings of {len(self._by_job)} jobs by {self.readers} readers>"

    def join(self, job: Job, record: JobRecord) -> Following:
        """The following of a job, for one reader more, who has to `leave` it."""
        following = self._by_job.get(job.id)
        if following is None:
            following = self._by_job[job.id] = Following(self, job, record)
        following.readers += 1
        self.readers += 1
        return following

    def forget(self, job_id: JobId, following: Following) -> None:
        """Who comes from now on begins anew."""
        if self._by_job.get(job_id) is following:
            del self._by_job[job_id]

    @property
    def quiet_seconds(self) -> float:
        """For how long no progress is told after some was."""
        return _QUIET_SECONDS * self.readers


class Following:
    """The readers of one job's stream.

    Whoever comes when nobody waits for news leads: it waits for them, and wakes the others. When it leaves, another one
    takes over. Of those who wait, only such are noted as were not woken yet.

    Attributes:
        readers: How many there are.
        newest: What has been told; None before the first news.
    """

    def __init__(self, all_of_them: Followings, job: Job, record: JobRecord) -> None:
        self._all = all_of_them
        self._job_id = job.id
        self._events = job.events(after=record.revision)
        self._held: JobEvent | None = None
        self._quiet_until = anyio.current_time()
        self._waiting: dict[Reader, anyio.Event] = {}
        self._is_led = False
        self._is_over = False
        self._texts: dict[tuple[EventKind, bool], bytes] = {}
        self._texts_revision = 0
        self.newest: JobRecord | None = None
        self.readers = 0

    def __repr__(self) -> str:
        return f"<Following by {self.readers} readers, {len(self._waiting)} waiting{', led' if self._is_led else ''}>"

    def leave(self) -> None:
        """A reader goes."""
        self.readers -= 1
        self._all.readers -= 1
        if not self.readers:
            self._events.close()
            self._all.forget(self._job_id, self)
        elif self._waiting and not self._is_led:
            _, waiting = self._waiting.popitem()
            waiting.set()

    async def wait(self, reader: Reader) -> bool:
        """Until there may be something that the reader has not seen; False where there will be nothing more."""
        if self._is_over:
            return False
        if not self._is_led:
            await self._lead(reader)
            return True
        called = self._waiting[reader] = anyio.Event()
        try:
            await called.wait()
        finally:
            self._waiting.pop(reader, None)
        return True

    def interrupt(self, reader: Reader) -> None:
        """Have a reader stop waiting."""
        if (waiting := self._waiting.pop(reader, None)) is not None:
            waiting.set()

    def text(self, event: JobEvent, *, is_first: bool) -> bytes:
        """An event as it is sent; the first one of a stream says when to come again."""
        if event.job.revision != self._texts_revision:
            self._texts_revision = event.job.revision
            self._texts.clear()
        key = event.kind, is_first
        if key not in self._texts:
            self._texts[key] = ServerSentEvent(
                json.dumps(event.to_dict()),
                event=event.kind.value,
                id=str(event.job.revision),
                retry=_RETRY_MILLISECONDS if is_first else None,
                sep="\n",
            ).encode()
        return self._texts[key]

    async def _lead(self, reader: Reader) -> None:
        self._is_led = True
        try:
            with anyio.CancelScope() as reader.leading:
                await self._hear()
        finally:
            self._is_led = False

    async def _hear(self) -> None:
        """Wait for the next news, and wake everybody."""
        try:
            event = await self._news()
        except (JobNotFoundError, StopAsyncIteration):  # deleted, or the pool is closed
            self._is_over = True
        else:
            self.newest, self._is_over = event.job, event.is_terminal
        if self._is_over:  # it may be retried; who is slow to take the end must not keep it from others
            self._all.forget(self._job_id, self)
        woken, self._waiting = self._waiting, {}
        for waiting in woken.values():
            waiting.set()

    async def _news(self) -> JobEvent:
        """The next event that is to be told; progress is held back for as long as there was some just now."""
        while True:
            left = max(0.0, self._quiet_until - anyio.current_time())
            with anyio.move_on_after(None if self._held is None else left):
                self._held = await anext(self._events)
                if left and self._held.kind is EventKind.PROGRESS:
                    continue
            assert self._held is not None, "only while something is held there is an end to the wait"  # noqa: S101
            event, self._held = self._held, None
            self._quiet_until = anyio.current_time() + self._all.quiet_seconds
            return event


class Reader:
    """One stream: its texts in order, for `async for` within `with`.

    Begins with the present state, unless it has been seen.

    Args:
        followings: Of the application.
        job: To follow.
        record: Its present state.
        after: The last revision that the reader has seen.
    """

    def __init__(self, followings: Followings, job: Job, record: JobRecord, after: int | None) -> None:
        self._followings = followings
        self._job = job
        self._newest = record
        self._before: JobRecord | None = record if after == record.revision else None
        self._following: Following | None = None
        self._is_first = True
        self._is_over = False
        self.leading: anyio.CancelScope | None = None

    def __enter__(self) -> Self:
        self._following = self._followings.join(self._job, self._newest)
        return self

    def __exit__(self, *_: object) -> None:
        assert self._following is not None, "it is entered"  # noqa: S101
        self._following.leave()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        """The next event."""
        assert self._following is not None, "it is entered"  # noqa: S101
        while not self._is_over:
            told = self._following.newest
            if told is not None and told.revision > self._newest.revision:
                self._newest = told
            if self._before is None or self._newest.revision > self._before.revision:
                return self._text(self._following)
            self._is_over = not await self._following.wait(self) or self._is_over
        raise StopAsyncIteration

    def _text(self, following: Following) -> bytes:
        event = event_between(self._before, self._newest)
        text = following.text(event, is_first=self._is_first)
        self._before, self._is_first, self._is_over = self._newest, False, event.is_terminal
        return text

    def set(self) -> None:
        """End the stream, as the server ends: who is sent a proper end comes again, to whatever server there is."""
        self._is_over = True
        if self.leading is not None:
            self.leading.cancel()
        if self._following is not None:
            self._following.interrupt(self)
