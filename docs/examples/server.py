"""A server that imports files until it is told to end by SIGTERM, as a supervisor or a container does."""

import signal
import sys

import anyio

import csvpipe


@csvpipe.pipeline
def import_people(row: csvpipe.Row) -> None:
    print(row["name"], flush=True)


async def serve(store: csvpipe.JobStore) -> None:
    with anyio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        async with csvpipe.WorkerPool(store, pipelines=[import_people], on_exit="stop", shutdown_grace=5.0) as pool:
            await pool.submit(import_people, sys.argv[1])
            async for _ in signals:
                break  # leaves the block: rows in hand are finished, committed, and the rest is released


async def main() -> None:
    store = csvpipe.MemoryJobStore()  # in production one that outlives the process
    await serve(store)
    [record] = store.list_jobs().jobs
    print(record.status, record.processed_rows == record.handled_rows)


if __name__ == "__main__":
    anyio.run(main)
