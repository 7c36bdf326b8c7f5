"""A door for those who only look: follow a job that runs in another process."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final
from uuid import UUID

import anyio
import anyio.to_thread

from csvpipe._report.feed import JobEvents, Subscription
from csvpipe.errors import JobNotFoundError
from csvpipe.executors.threads import soon_in_loop
from csvpipe.jobs import JobId, JobRecord
from csvpipe.store.listening import Listening
from csvpipe.store.protocol import JobStore

#: Looks at a store that go on at once, in all; each is short.
_LOOKS: Final = 8


def watch(store: JobStore, job_id: UUID | str, *, after: int | None = None, poll_seconds: float = 1.0) -> JobEvents:
    """Follow a job through its store, whoever runs it, or nobody: `async for event in csvpipe.watch(store, job_id)`.

    As `Job.events`, without a pool: for a process that has none, or a handle that has outlived its own. To be called,
    and iterated over, in an event loop; the store is looked at in threads.

    Args:
        store: The job's; the caller's to close.
        job_id: The job.
        after: The last revision that the reader has seen; what came later arrives as one snapshot. Whoever is ahead of
            the store gets the present state.
        poll_seconds: How often the store is looked at; one that is `Listening` says itself when it is worth while.

    Raises:
        JobNotFoundError: The id is none. That there is no such job is found out by the first look.
        ValueError: `poll_seconds` is not above 0.
    """
    try:
        known = JobId(job_id if isinstance(job_id, UUID) else UUID(job_id))
    except ValueError:
        raise JobNotFoundError(job_id) from None
    if poll_seconds <= 0:
        raise ValueError(f"poll_seconds must be above 0, not {poll_seconds}")
    reader, limiter = Subscription(known), anyio.CapacityLimiter(_LOOKS)

    async def look() -> JobRecord:
        return await anyio.to_thread.run_sync(store.get, known, limiter=limiter)

    close: Callable[[], object] = lambda: None  # noqa: E731
    if isinstance(store, Listening):
        call_soon = soon_in_loop()

        def hear(changed: JobId) -> None:
            """In any thread: some job has changed."""
            if changed == known:
                call_soon(reader.ring)

        close = store.listen(hear)
    return JobEvents(reader, look, after=after, look_seconds=poll_seconds, on_close=close)
