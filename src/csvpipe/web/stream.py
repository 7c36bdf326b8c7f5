"""Progress as Server-Sent Events: the id of an event is the job's revision."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Final

from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.responses import Response

from csvpipe.errors import JobNotFoundError
from csvpipe.pool import Job
from csvpipe.web.door import Call
from csvpipe.web.parameters import AFTER_REVISION, LAST_EVENT_ID

#: After so long a browser that lost the connection tries again.
_RETRY_MILLISECONDS: Final = 2_000

#: A client that takes nothing for so long is given up, though its connection stands.
_SEND_SECONDS: Final = 60.0


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
    return EventSourceResponse(
        _events(job, after),
        sep="\n",
        ping=call.door.heartbeat_seconds,
        ping_message_factory=lambda: ServerSentEvent(comment="still here", sep="\n"),
        send_timeout=_SEND_SECONDS,
    )


async def _events(job: Job, after: int | None) -> AsyncIterator[ServerSentEvent]:
    retry: int | None = _RETRY_MILLISECONDS
    async with job.events(after=after) as events:
        try:
            async for event in events:
                yield ServerSentEvent(
                    json.dumps(event.to_dict()),
                    event=event.kind.value,
                    id=str(event.job.revision),
                    retry=retry,
                    sep="\n",
                )
                retry = None
        except JobNotFoundError:
            return  # deleted meanwhile: there is nothing more to tell
