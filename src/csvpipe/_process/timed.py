"""A worker's turn that notes how long rows are with the handler: only made where somebody wants to know."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, TypeVar

from csvpipe._process.turn import FreeGate, Gate, Habit, Turn

if TYPE_CHECKING:
    from csvpipe.observing import Handling

T = TypeVar("T")


class TimedTurn(Turn):
    """A `Turn` whose changes between parsing and handling are looked at, which are a few a chunk.

    Args:
        gate: As for `Turn`.
        habit: As for `Turn`.
        current: What is entered around the chunk's work in this process.
        overlaps: Whether calls go on while the next rows are parsed: handling lasts from the first to the end then.
    """

    is_timed = True

    def __init__(
        self,
        gate: Gate,
        habit: Habit,
        *,
        current: Callable[[], AbstractContextManager[object]] = nullcontext,
        overlaps: bool = False,
    ) -> None:
        super().__init__(gate, habit)
        self._current = current
        self._overlaps = overlaps
        self._is_handling = self._is_reviewing = False
        self._first = self._last = self._since = self._spent = 0
        self._elsewhere: Handling | None = None

    def around(self, function: Callable[[], T]) -> Callable[[], T]:
        """See `Turn`."""

        def entered() -> T:
            with self._current():
                return function()

        return entered

    def current(self) -> AbstractContextManager[object]:
        """See `Turn`."""
        return self._current()

    def take(self) -> None:
        """See `Turn`."""
        if not (self._is_reviewing or self._overlaps):
            self._end()
            self._is_handling = False
        super().take()

    def handle(self) -> None:
        """See `Turn`."""
        super().handle()
        self._is_handling = True
        self._begin()

    def review(self, now: float) -> None:
        """See `Turn`. Where a pause between two attempts has ended the handling, it goes on."""
        if self._is_handling and not self._since:
            self._begin()
        self._is_reviewing = True
        super().review(now)
        self._is_reviewing = False

    def give(self) -> None:
        """See `Turn`."""
        if not self._is_reviewing:
            if self._overlaps:
                if not self._since:
                    self._begin()
            else:
                self._end()
        super().give()

    def adopt(self, handling: Handling | None) -> None:
        """See `Turn`."""
        self._elsewhere = handling

    def handling(self) -> Handling | None:
        """See `Turn`."""
        self._end()
        if self._elsewhere is not None or not self._last:
            return self._elsewhere
        from csvpipe.observing import Handling  # noqa: PLC0415  # where nobody observes, it is not loaded

        return Handling(started_ns=self._first, ended_ns=self._last, seconds=self._spent / 1e9)

    def _begin(self) -> None:
        self._since = time.time_ns()
        self._first = self._first or self._since

    def _end(self) -> None:
        if self._since:
            self._last = time.time_ns()
            self._spent += max(0, self._last - self._since)
            self._since = 0


def free_turn(*, is_timed: bool) -> Turn:
    """The turn of a thread that is the only one of its process to compute."""
    return (TimedTurn if is_timed else Turn)(FreeGate(), Habit())
