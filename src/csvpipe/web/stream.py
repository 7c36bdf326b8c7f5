"""Progress as Server-Sent Events: the id of an event is the job's revision."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Final, cast

from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.responses import Response

from csvpipe.web.door import Call
from csvpipe.web.following import Reader
from csvpipe.web.parameters import AFTER_REVISION, LAST_EVENT_ID

if TYPE_CHECKING:
    import anyio

#: A client that takes nothing for so long is given up, though its connection stands.
_SEND_SECONDS: Final = 60.0

_SIGN_OF_LIFE: Final = ServerSentEvent(comment="still here", sep="\n")

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
    reader = Reader(call.door.followings, job, record, after)
    return EventSourceResponse(
        _texts(reader),
        sep="\n",
        ping=call.door.heartbeat_seconds,
        ping_message_factory=lambda: _SIGN_OF_LIFE,
        send_timeout=_SEND_SECONDS,
        shutdown_event=cast("anyio.Event", reader),  # it is only ever set
        shutdown_grace_period=_FAREWELL_SECONDS,
    )


async def _texts(reader: Reader) -> AsyncIterator[bytes]:
    """Of a reader, who follows from the first one on: to HEAD there is none."""
    with reader:
        async for text in reader:
            yield text
