"""Whether a call that takes too long still counts."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Final

#: How often a call with a time limit is looked at, as a share of the limit, and in seconds.
_LOOKS: Final = 8
_LOOK_SECONDS: Final = (0.005, 1.0)


def look_seconds(limit: float) -> float:
    """How long whoever watches a call with this time limit may look away."""
    shortest, longest = _LOOK_SECONDS
    return max(shortest, min(longest, limit / _LOOKS))


class AbandonedError(BaseException):
    """Unwinds a thread whose call came back after it had been given up."""


class Watch:
    """Times the call in hand for a pipeline with a `timeout`, and settles the race between its end and the watcher.

    Exactly one of the two goes on: either `end` returns, or `abandon_after` is true and `end` raises. Whatever the
    thread wrote before `begin`, the watcher may read after it has won.

    Args:
        clock: Seconds of a monotonic clock.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._began: float | None = None
        self._is_abandoned = False

    def __repr__(self) -> str:
        state = "abandoned" if self._is_abandoned else "idle" if self._began is None else "watching a call"
        return f"<Watch {state}>"

    def begin(self) -> None:
        """The call starts now."""
        with self._lock:
            self._began = self._clock()

    def end(self) -> None:
        """The call came back.

        Raises:
            AbandonedError: Too late.
        """
        with self._lock:
            if self._is_abandoned:
                raise AbandonedError
            self._began = None

    def abandon_after(self, seconds: float) -> bool:
        """Give the call up if it has run for so long; true once, for the one who may settle it."""
        with self._lock:
            if self._is_abandoned or self._began is None or self._clock() - self._began < seconds:
                return False
            self._is_abandoned = True
            return True
