"""The jobs of a pool that are waited for before it is left."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

import anyio

from csvpipe._report.feed import LOOK_SECONDS, Outage
from csvpipe.jobs import JobId, JobRecord, JobStatus

if TYPE_CHECKING:
    from csvpipe.pool.services import Services

#: Jobs that are looked up in one turn of a thread.
_AT_ONCE: Final = 100


class Unfinished:
    """Jobs that were submitted to a pool, or set going again, until nothing happens to them by itself."""

    def __init__(self) -> None:
        self._ids: set[JobId] = set()
        self._outage = Outage()

    def __repr__(self) -> str:
        return f"<Unfinished: {len(self._ids)} jobs>"

    def add(self, record: JobRecord) -> None:
        """Wait for a job, unless it is settled."""
        if not is_settled(record):
            self._ids.add(record.id)

    async def drain(self, services: Services) -> None:
        """Wait until every job has ended, or is paused.

        Raises:
            Exception: What the store raises, and has raised for longer than an outage is borne.
        """
        reader = services.feed.subscribe()
        await self._look(services)
        while self._ids and not reader.is_closed:
            with anyio.move_on_after(LOOK_SECONDS) as wait:
                await reader.wait()
            while (record := reader.pop()) is not None:
                if is_settled(record):
                    self._ids.discard(record.id)
            if wait.cancelled_caught:  # another pool may have them
                await self._look(services)

    async def _look(self, services: Services) -> None:
        try:
            await self._look_up(services)
        except Exception as error:  # noqa: BLE001  # whatever a store raises that is away
            self._outage.bear(error)
        else:
            self._outage.end()

    async def _look_up(self, services: Services) -> None:
        ids = tuple(self._ids)
        for start in range(0, len(ids), _AT_ONCE):
            some = ids[start : start + _AT_ONCE]
            self._ids.difference_update(await services.threads.call(_settled_among, some, services))


def _settled_among(job_ids: Iterable[JobId], services: Services) -> list[JobId]:
    """In a thread: those that nothing is waited for of, deleted ones among them."""
    settled: list[JobId] = []
    for job_id in job_ids:
        try:
            record = services.store.get(job_id)
        except LookupError:  # deleted
            settled.append(job_id)
        else:
            if is_settled(record):
                settled.append(job_id)
    return settled


def is_settled(record: JobRecord) -> bool:
    """Whether nothing happens to the job until somebody asks for it."""
    return record.status.is_terminal or record.status is JobStatus.PAUSED
