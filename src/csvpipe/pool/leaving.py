"""How a pool is left: within a limited time, and without hiding why its block ended."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Final

import anyio
from anyio.abc import TaskGroup

from csvpipe.pool.service import Service

logger = logging.getLogger("csvpipe")

#: Seconds that an orderly end may take beyond `shutdown_grace` before it is no longer waited for.
_END_SECONDS: Final = 30.0


async def stop_in_time(stop: Callable[[], Awaitable[None]], service: Service, *, grace_seconds: float) -> None:
    """Stop, whatever happens around us.

    No cancellation of the host's may leave a job behind, so the end is shielded from it, and limited in time.
    """
    with anyio.CancelScope(shield=True):
        with anyio.move_on_after(grace_seconds + _END_SECONDS) as limit:
            await stop()
        if limit.cancelled_caught:
            logger.error("the pool did not come to an end in time; its jobs are left to their leases")
            service.abandon()


async def leave(tasks: TaskGroup, error: BaseException | None) -> bool | None:
    """Leave the pool's tasks, and let `error`, of the block, pass as it is.

    Raises:
        BaseExceptionGroup: Something else has been raised as well.
    """
    try:
        return await tasks.__aexit__(None if error is None else type(error), error, None)
    except BaseExceptionGroup as group:
        _, others = group.split(lambda each: each is error)
        if error is None or others is not None:
            raise
        return None  # ours alone: raised again without the group around it
