"""A process that imports people into a table until it is done, or killed: for tests of what a kill leaves behind."""

from __future__ import annotations

import os
import sys
import time
from datetime import date
from typing import NamedTuple

import anyio

import csvpipe
from csvpipe.sinks import SQLTable

#: URL of the database with the table, for whoever imports this module.
TARGET = "CSVPIPE_TEST_TARGET"

#: For how many seconds the event loop stands still once rows have been handled.
STALL = "CSVPIPE_TEST_STALL"


class Person(NamedTuple):
    """A row of the file, and of the table."""

    id: int
    name: str | None
    joined: date
    score: float
    note: str


load = csvpipe.Pipeline(
    name="load", row_type=Person, sink=SQLTable(os.environ.get(TARGET, "sqlite://"), "people", patience_seconds=120)
)


async def run(store_url: str, spool: str, executor: str, lease_seconds: float, paths: list[str]) -> None:
    """Import files that other processes may be importing as well, and stay until all of them are."""
    with csvpipe.SQLJobStore(store_url) as store:
        async with csvpipe.WorkerPool(
            store,
            pipelines=[load],
            workers=2,
            executor="process" if executor == "process" else "thread",
            spool_dir=spool,
            lease_seconds=lease_seconds,
            flush_interval=0.1,
        ) as pool:
            sys.stdout.write("up\n")
            sys.stdout.flush()
            jobs = [await pool.submit(load, path, idempotency_key=path) for path in paths]
            if STALL in os.environ:
                async with jobs[0].events() as events:
                    async for event in events:
                        if event.job.processed_rows or event.is_terminal:
                            break
                time.sleep(float(os.environ[STALL]))  # noqa: ASYNC251  # to block the loop is what this is for
                sys.stdout.write("moves again\n")
                sys.stdout.flush()
            for job in jobs:
                record = await job.wait()
                sys.stdout.write(f"{record.id} {record.status.value} {record.error_message or ''}\n")


if __name__ == "__main__":
    _, store_url, spool, executor, lease_seconds, *paths = sys.argv
    anyio.run(run, store_url, spool, executor, float(lease_seconds), paths)
