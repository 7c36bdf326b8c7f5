"""A clock that a test moves: forward with time, or by a jump, as when somebody sets it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from threading import Lock

_START = datetime(2024, 5, 1, 12, tzinfo=UTC)


class JumpingClock:
    """Stands still unless a test moves it. Any thread may read it.

    Called, it gives the aware time that a store is given as `clock=`; `monotonic` are the seconds that never go back.

    Args:
        start: What it shows at first.

    Example:
        >>> import csvpipe
        >>> from csvpipe.testing import JumpingClock
        >>> clock = JumpingClock()
        >>> store = csvpipe.MemoryJobStore(clock=clock, monotonic=clock.monotonic)
        >>> before = clock()
        >>> clock.advance(30)
        >>> clock.jump(-3600)
        >>> (clock() - before).total_seconds(), clock.monotonic()
        (-3570.0, 30.0)
    """

    def __init__(self, start: datetime = _START) -> None:
        self._time = start
        self._seconds = 0.0
        self._lock = Lock()

    def __repr__(self) -> str:
        return f"<JumpingClock at {self().isoformat()}>"

    def __call__(self) -> datetime:
        """The time of day."""
        with self._lock:
            return self._time

    def monotonic(self) -> float:
        """Seconds that have passed."""
        with self._lock:
            return self._seconds

    def advance(self, seconds: float) -> None:
        """Let time pass.

        Raises:
            ValueError: Time does not go back; clocks do, by `jump`.
        """
        if seconds < 0:
            raise ValueError(f"time does not go back, not even by {-seconds} seconds; use jump()")
        with self._lock:
            self._time += timedelta(seconds=seconds)
            self._seconds += seconds

    def jump(self, seconds: float) -> None:
        """Set the time of day forward or back, while no time passes."""
        with self._lock:
            self._time += timedelta(seconds=seconds)
