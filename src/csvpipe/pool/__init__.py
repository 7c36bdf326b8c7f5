"""The only room that knows every stage: files in, jobs run, progress out."""

from __future__ import annotations

from csvpipe.pool.job import Job
from csvpipe.pool.pool import WorkerPool
from csvpipe.pool.service import EventCallback
from csvpipe.pool.services import PoolStatistics

__all__ = ["EventCallback", "Job", "PoolStatistics", "WorkerPool"]
