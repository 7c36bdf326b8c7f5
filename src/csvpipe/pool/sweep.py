"""Files that crashes have left in a spool: found by their names, and removed when nobody can need them any more."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from csvpipe._intake.arrival.spool import Spool
from csvpipe.errors import JobNotFoundError
from csvpipe.jobs import JobId, JobRecord, JobStatus
from csvpipe.pool.spooled import Spooled, read_name
from csvpipe.store.protocol import JobStore

logger = logging.getLogger("csvpipe")

#: A file that was written to within this time may be on its way to a job, or to a commit, and is let be.
GRACE_SECONDS: Final = 3600.0


def sweep(spool: Spool, store: JobStore, store_id: str, *, now: Callable[[], float] = time.time) -> int:
    """In a thread: remove what crashes have left of this store's jobs; tell how many files. Other stores' are let be.

    An upload goes when its job is gone, or has ended without a row that anybody might want to see; half an upload when
    nobody writes to it any more; a spill when its job is gone, or no commit names it and none is going to.
    """
    removed = 0
    named = _Named(store)
    for path in spool.kept(f"{store_id}-*"):
        file = read_name(path.name)
        if file is None or file.store_id != store_id or not _is_old(path, now()):
            continue
        try:
            is_needed = _is_needed(file, path.name, named)
        except JobNotFoundError:
            is_needed = False
        if not is_needed:
            spool.remove(path)
            removed += 1
    if removed:
        logger.info("%d files that nobody needs were removed from %s", removed, spool)
    return removed


def is_done_with(record: JobRecord) -> bool:
    """Whether nobody needs a job's file any more: neither for a retry, nor for the raw text of its rejects."""
    return record.status in (JobStatus.COMPLETED, JobStatus.CANCELLED) and not record.failed_rows


def _is_old(path: Path, now: float) -> bool:
    try:
        return now - path.stat().st_mtime > GRACE_SECONDS
    except OSError:  # somebody else was faster
        return False


def _is_needed(file: Spooled, name: str, named: _Named) -> bool:
    if file.kind == "part":
        return False
    record = named.record(file.job_id)
    if file.kind == "upload":
        return not is_done_with(record)
    # Looked up before the commits: from then on, whoever wrote for an earlier attempt can commit no more.
    is_being_written = record.status is JobStatus.PROCESSING and record.attempt == file.attempt
    return is_being_written or name in named.spills(file.job_id)


class _Named:
    """What the store says of jobs; spills of one job are met one after the other."""

    def __init__(self, store: JobStore) -> None:
        self._store = store
        self._job_id: JobId | None = None
        self._spills: frozenset[str | None] = frozenset()

    def record(self, job_id: JobId) -> JobRecord:
        self._job_id = None
        return self._store.get(job_id)

    def spills(self, job_id: JobId) -> frozenset[str | None]:
        if self._job_id != job_id:
            self._spills = frozenset(result.spill for result in self._store.committed(job_id))
            self._job_id = job_id
        return self._spills
