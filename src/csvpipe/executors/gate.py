"""How many threads compute at once."""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

#: How long a thread waits for its turn before it goes on without: a handler that blocks with a permit in hand must not
#: hold up every other file.
PATIENCE_SECONDS: Final = 0.25


class CpuGate:
    """A semaphore that hands its permits on in the order of asking.

    The interpreter runs one thread at a time, so more than two that compute gain nothing and make the event loop lag.

    Args:
        permits: Threads that compute at once, at least one; by default two, or one on a single processor.
        patience_seconds: How long `acquire` waits.
    """

    def __init__(self, permits: int | None = None, *, patience_seconds: float = PATIENCE_SECONDS) -> None:
        self._patience_seconds = patience_seconds
        self._lock = threading.Lock()
        self._free = permits if permits is not None else min(2, os.cpu_count() or 1)
        self._waiting: deque[threading.Lock] = deque()

    def __repr__(self) -> str:
        return f"<CpuGate {self._free} free, {len(self._waiting)} waiting>"

    @property
    def is_wanted(self) -> bool:
        """Whether anybody waits for a permit."""
        return bool(self._waiting)

    def acquire(self) -> bool:
        """Wait for a permit, behind those who wait already; False if none came within the patience."""
        with self._lock:
            if self._free > 0:
                self._free -= 1
                return True
            turn = threading.Lock()  # released by whoever hands the permit on
            turn.acquire()
            self._waiting.append(turn)
        if turn.acquire(timeout=self._patience_seconds):
            return True
        with self._lock:
            if turn in self._waiting:
                self._waiting.remove(turn)
                return False
        return True  # handed on in the moment of giving up

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Within it one has a permit, or has waited long enough."""
        is_permitted = self.acquire()
        try:
            yield
        finally:
            if is_permitted:
                self.release()

    def release(self) -> None:
        """Give a permit back, to the thread that has waited longest."""
        with self._lock:
            if self._waiting:
                self._waiting.popleft().release()
            else:
                self._free += 1
