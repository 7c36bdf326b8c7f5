"""Hears from the store that a worker is called for, so that nobody waits until this pool asks by itself."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import anyio

from csvpipe.executors.threads import soon_in_loop
from csvpipe.jobs import JobId
from csvpipe.pool.services import Wake
from csvpipe.store.listening import Listening

if TYPE_CHECKING:
    from csvpipe.pool.services import Services

#: However many jobs are submitted, the store is asked for them no more often than this.
_REST_SECONDS: Final = 0.1


async def keep_hearing(services: Services) -> None:
    """Until cancelled: ask the store for jobs when one waits, and renew the lease of one that something is asked of."""
    store, keeper = services.store, services.keeper
    if not isinstance(store, Listening):
        return
    call_soon, called = soon_in_loop(), Wake()

    def hear(job_id: JobId) -> None:
        """In a thread of the store's."""
        if not keeper.hurry(job_id, lambda: call_soon(services.wake.ring)):
            call_soon(called.ring)

    close = store.listen(hear, calls_only=True)
    try:
        while True:
            await called.wait(math.inf)
            services.wake.ring()
            await anyio.sleep(_REST_SECONDS)
    finally:
        close()
