"""Small files that were read when they were taken in, kept in memory until their jobs run, mostly a moment later."""

from __future__ import annotations

import threading
from typing import Final

from csvpipe.jobs import JobId
from csvpipe.limits import MIB

#: Of all files together; those that have waited longest make room.
_MOST_BYTES: Final = 4 * MIB


class Contents:
    """Contents of files by job. For any thread."""

    def __init__(self, most_bytes: int = _MOST_BYTES) -> None:
        self._most_bytes = most_bytes
        self._lock = threading.Lock()
        self._by_job: dict[JobId, bytes] = {}
        self._bytes = 0

    def __repr__(self) -> str:
        return f"<Contents of {len(self._by_job)} files, {self._bytes:,} bytes>"

    def keep(self, job_id: JobId, content: bytes) -> None:
        """Keep a content until it is taken, or until others need its room."""
        with self._lock:
            self._by_job[job_id] = content
            self._bytes += len(content)
            while self._bytes > self._most_bytes:
                self._bytes -= len(self._by_job.pop(next(iter(self._by_job))))

    def take(self, job_id: JobId) -> bytes | None:
        """A content, which is not kept any more; None where there is none."""
        with self._lock:
            content = self._by_job.pop(job_id, None)
            self._bytes -= 0 if content is None else len(content)
        return content
