"""Says which jobs wait for somebody else: uploads that lie where this pool does not reach them."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from csvpipe.errors import JobNotFoundError
from csvpipe.jobs import JobStatus

if TYPE_CHECKING:
    from csvpipe.pool.services import Services

logger = logging.getLogger("csvpipe")

#: A job that has not waited for so long may be taken any moment.
_PATIENCE: Final = timedelta(minutes=10)

#: At most so many jobs are looked at: with more of them waiting, there are other worries.
_LOOKED_AT: Final = 1_000


def tell_of_unreachable(services: Services, *, now: datetime | None = None) -> int:
    """In a thread: warn of jobs of this pool's pipelines that have long waited for a spool out of reach; how many."""
    store, reach = services.store, services.spool.reach
    before = (datetime.now(UTC) if now is None else now) - _PATIENCE
    waiting = store.history(status=JobStatus.PENDING, limit=_LOOKED_AT).jobs
    spools: dict[str, int] = {}
    for record in waiting:
        if record.pipeline not in services.pipelines or record.updated_at > before:
            continue
        try:
            source = store.plan(record.id).source
        except JobNotFoundError:  # deleted meanwhile
            continue
        if source is not None and source.spool_id is not None and source.spool_id not in reach:
            spools[source.spool_id] = spools.get(source.spool_id, 0) + 1
    for spool_id, jobs in spools.items():
        logger.warning(
            "%d pending jobs wait for a worker that reaches the spool %s: their files were uploaded there; open a pool "
            "with that spool_dir, or submit the files again",
            jobs,
            spool_id,
        )
    return sum(spools.values())
