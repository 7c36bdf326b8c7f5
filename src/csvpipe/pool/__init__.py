"""The only room that knows every stage: files in, jobs run, progress out."""

from __future__ import annotations

from csvpipe.pool.job import Job
from csvpipe.pool.pool import PoolStatistics, WorkerPool
from csvpipe.pool.service import EventCallback

__all__ = ["EventCallback", "Job", "PoolStatistics", "WorkerPool"]
