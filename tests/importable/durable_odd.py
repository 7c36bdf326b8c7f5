"""A process that submits, retries and purges without end, until it is killed: for tests of what that leaves behind."""

from __future__ import annotations

import random
import sys
from datetime import timedelta

import anyio

import csvpipe
from csvpipe.errors import TransitionError

#: Keys that submissions have, each with a content of its own.
KEYS = 12

#: Every so many-th of them is a file that fails.
FAILS_EVERY = 4


def content(key: int) -> bytes:
    """The file that is submitted under a key."""
    last = b"stop\n" if key % FAILS_EVERY == 0 else b""
    return b"id\n" + b"".join(b"%d\n" % row for row in range(100 * (key + 1))) + last


@csvpipe.pipeline
def odd(row: csvpipe.Row) -> None:
    """Gives up where it is told to."""
    if row["id"] == "stop":
        raise csvpipe.Abort("enough")


async def run(store_url: str, spool: str, seed: int) -> None:
    """Never ends by itself."""
    chance = random.Random(seed)
    with csvpipe.SQLJobStore(store_url) as store:
        async with csvpipe.WorkerPool(
            store, pipelines=[odd], workers=2, spool_dir=spool, lease_seconds=2.0, flush_interval=0.01
        ) as pool:
            sys.stdout.write("up\n")
            sys.stdout.flush()
            while True:
                key = chance.randrange(KEYS)
                job = await pool.submit(odd, content(key), idempotency_key=str(key), filename=f"{key}.csv")
                try:
                    if chance.random() < 0.5:
                        await job.wait()
                    await job.retry()
                    await pool.purge(older_than=timedelta(0), batch=2)
                except (LookupError, TransitionError):  # it is completed, or another one was faster
                    pass


if __name__ == "__main__":
    _, store_url, spool, seed = sys.argv
    anyio.run(run, store_url, spool, int(seed))
