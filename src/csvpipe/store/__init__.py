"""Where job state lives."""

from __future__ import annotations

from csvpipe.store.memory import MemoryJobStore
from csvpipe.store.protocol import JobStore

__all__ = ["JobStore", "MemoryJobStore"]
