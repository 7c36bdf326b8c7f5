"""Looks after what the dead have left: the leases of workers on this host, and files in the spool."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio

from csvpipe.logs import tell_failure
from csvpipe.pool.reaching import tell_of_unreachable
from csvpipe.pool.sweep import sweep

if TYPE_CHECKING:
    from csvpipe.pool.services import Services


async def keep_watching(services: Services) -> None:
    """Look at once, and again and again, until cancelled; a spool that goes with the pool needs no looking after."""
    if services.spool.is_temporary:
        return
    sweep_at = anyio.current_time()
    while True:
        if await _looked(services, is_sweep_due=anyio.current_time() >= sweep_at):
            sweep_at = anyio.current_time() + services.settings.sweep_seconds
        await anyio.sleep(services.settings.poll_seconds)


async def _looked(services: Services, *, is_sweep_due: bool) -> bool:
    """Whether the spool was swept."""
    store, presence = services.store, services.presence
    try:
        if await services.threads.call(presence.bury, store.forfeit):
            services.wake.ring()
        if is_sweep_due:
            await services.threads.call(presence.tidy)
            await services.threads.call(sweep, services.spool, store, services.store_id)
            await services.threads.call(tell_of_unreachable, services)
    except Exception as error:  # noqa: BLE001  # a disk, or a store that is away
        tell_failure(error, "the spool could not be looked through; another attempt follows")
        return False
    return is_sweep_due
