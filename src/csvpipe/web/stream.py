"""Progress as Server-Sent Events: the id of an event is the job's revision."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Final

import anyio
from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.responses import Response

from csvpipe._report.feed import JobEvents
from csvpipe.errors import JobNotFoundError
from csvpipe.events import JobEvent
from csvpipe.pool import Job
from csvpipe.web.door import Call
from csvpipe.web.parameters import AFTER_REVISION, LAST_EVENT_ID

#: After so long a browser that lost the connection tries again.
_RETRY_MILLISECONDS: Final = 2_000

#: A client that takes nothing for so long is given up, though its connection stands.
_SEND_SECONDS: Final = 60.0


#: So long a stream has to end by itself when the server does.
_FAREWELL_SECONDS: Final = 2.0


async def stream(call: Call) -> Response:
    """Follow a job to its end.

    A browser connects again when a stream ends. It has seen the end then, and 204 tells it to stop.

    Raises:
        Refusal: The owner has no such job, or `after` is no number.
    """
    job, record = await call.job()
    seen = LAST_EVENT_ID.text(call.request)
    after = AFTER_REVISION.number(call.request)
    if seen is not None and seen.isascii() and seen.isdigit() and len(seen) < 19:  # noqa: PLR2004  # fits 64 bits
        after = int(seen)
    if record.status.is_terminal and after == record.revision:
        return Response(status_code=204)
    shutdown = anyio.Event()
    return EventSourceResponse(
        _events(job, after, shutdown),
        sep="\n",
        ping=call.door.heartbeat_seconds,
        ping_message_factory=lambda: ServerSentEvent(comment="still here", sep="\n"),
        send_timeout=_SEND_SECONDS,
        shutdown_event=shutdown,
        shutdown_grace_period=_FAREWELL_SECONDS,
    )


async def _events(job: Job, after: int | None, shutdown: anyio.Event) -> AsyncIterator[ServerSentEvent]:
    retry: int | None = _RETRY_MILLISECONDS
    async with job.events(after=after) as events:
        while (event := await _next(events, shutdown)) is not None:
            yield ServerSentEvent(
                json.dumps(event.to_dict()),
                event=event.kind.value,
                id=str(event.job.revision),
                retry=retry,
                sep="\n",
            )
            retry = None


async def _next(events: JobEvents, shutdown: anyio.Event) -> JobEvent | None:
    """The next event; None at the end, when the job was deleted meanwhile, or when the server ends.

    Who is sent a proper end connects again, to whatever server there is then.
    """
    event: JobEvent | None = None

    async def give_up() -> None:
        await shutdown.wait()
        waiting.cancel_scope.cancel()

    async with anyio.create_task_group() as waiting:
        waiting.start_soon(give_up)
        with suppress(JobNotFoundError):
            event = await anext(events, None)
        waiting.cancel_scope.cancel()
    return event
