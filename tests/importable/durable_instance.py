"""An instance that serves until it is told to end, and tells what becomes of its jobs: for tests of several hosts.

On its standard input come paths of files to submit; what happens is written as lines of JSON.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import anyio
from durable_people import TARGET, Person

import csvpipe
from csvpipe.errors import LeaseLostError, StoreUnavailableError, TakenOverError
from csvpipe.jobs import JobRecord
from csvpipe.observing import JobObserver, Observer
from csvpipe.sinks import SQLTable
from csvpipe.store.protocol import Lease, WorkerId

_CHUNK_BYTES = 128 * 1024
_AGAIN_SECONDS = 0.1

people = SQLTable(os.environ.get(TARGET, "sqlite://"), "people", patience_seconds=600)
load = csvpipe.Pipeline(name="load", row_type=Person, sink=people)

_turn = threading.Lock()


def say(what: str, **details: object) -> None:
    """Write a line of what happens."""
    with _turn:
        sys.stdout.write(json.dumps({"what": what, **details}) + "\n")
        sys.stdout.flush()


class _Teller(Observer):
    """Tells of jobs, and has a lost one written to once more, as by somebody who has not heard of the loss."""

    def __init__(self, store: csvpipe.SQLJobStore) -> None:
        self._store = store

    def job_started(self, job: JobRecord, *, is_takeover: bool) -> JobObserver:
        say("took over" if is_takeover else "started", job=str(job.id), attempt=job.attempt)
        return _JobTeller(self._store, job)


class _JobTeller(JobObserver):
    def __init__(self, store: csvpipe.SQLJobStore, claimed: JobRecord) -> None:
        self._store = store
        self._claimed = claimed

    def ended(self, job: JobRecord, *, is_lost: bool) -> None:
        say("lost" if is_lost else "ended", job=str(job.id), attempt=self._claimed.attempt)
        if is_lost:
            threading.Thread(target=self._insist, daemon=True).start()

    def _insist(self) -> None:
        """Write to the table, and to the store, under the attempt that is over."""
        job, session = self._claimed, people.open()
        lease = Lease(job_id=job.id, worker=WorkerId("zombie"), token=job.attempt)
        try:
            self._try("table", lambda: session.begin(job.id, job.attempt, 0, is_strict=False))
            self._try("store", lambda: self._store.commit(lease, [], total_rows=1))
        finally:
            session.close()

    def _try(self, where: str, write: Callable[[], object]) -> None:
        """As soon as there is an answer, tell it."""
        while True:
            try:
                write()
            except (TakenOverError, LeaseLostError):
                say("refused", by=where, job=str(self._claimed.id), attempt=self._claimed.attempt)
                return
            except (csvpipe.Unavailable, StoreUnavailableError):
                time.sleep(_AGAIN_SECONDS)
            else:
                say("accepted", by=where, job=str(self._claimed.id), attempt=self._claimed.attempt)
                return


class _Log(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        say("log", text=record.getMessage(), level=record.levelname, job=getattr(record, "job_id", None))


async def run(store_url: str, spool: str, lease_seconds: float) -> None:
    """Serve until the standard input ends."""
    with csvpipe.SQLJobStore(store_url) as store:
        async with csvpipe.WorkerPool(
            store,
            pipelines=[load],
            workers=2,
            spool_dir=spool,
            lease_seconds=lease_seconds,
            flush_interval=0.1,
            shutdown_grace=1.0,
            observers=[_Teller(store)],
            on_exit="stop",
        ) as pool:
            # Smaller chunks than usual, so that there are many moments at which to be cut off.
            object.__setattr__(pool._settings, "chunk_bytes", _CHUNK_BYTES)
            say("up")
            lines: Any = anyio.wrap_file(sys.stdin)
            async for line in lines:
                job = await pool.submit(load, line.strip(), filename=os.path.basename(line.strip()))  # noqa: PTH119
                say("submitted", job=str(job.id))


if __name__ == "__main__":
    _, store_url, spool, lease_seconds = sys.argv
    logging.getLogger("csvpipe").addHandler(_Log())
    anyio.run(run, store_url, spool, float(lease_seconds))
