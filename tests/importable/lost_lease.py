"""A job whose first lease is lost while its third row is being handled."""

import threading
from pathlib import Path
from typing import Any

import anyio
import pytest

import csvpipe
from csvpipe.store.protocol import Renewal


class ForgetfulStore(csvpipe.MemoryJobStore):
    """Says that the first worker of a job has lost it."""

    def renew(self, leases: Any, *, lease_seconds: float) -> list[Renewal]:
        """See `JobStore.renew`."""
        return [Renewal(lease=lease, is_held=lease.token > 1) for lease in leases]


async def imported_in_spite(
    path: Path, caplog: pytest.LogCaptureFixture, store: ForgetfulStore, **options: Any
) -> csvpipe.JobRecord:
    """Import a file; its handler goes on when the pool has heard of the loss."""
    reached, go = threading.Event(), threading.Event()

    @csvpipe.pipeline
    def handle(row: csvpipe.Row, context: csvpipe.Context) -> None:
        if context.attempt == 1 and row.number == 3:
            reached.set()
            go.wait(60)

    async with csvpipe.WorkerPool(store, pipelines=[handle], lease_seconds=0.03, **options) as pool:
        object.__setattr__(pool._settings, "poll_seconds", 0.01)
        job = await pool.submit(handle, path)
        await anyio.to_thread.run_sync(reached.wait, 60)
        while "its lease is lost" not in caplog.text:
            await anyio.sleep(0.001)
        go.set()
        return await job.wait()
