"""Calls of async handlers in flight: so many at a time, over all files of a pipeline."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from typing import Final

import anyio

#: How long a slot is kept from others that wait for one: for one call at least, and for many short ones.
_KEPT_SECONDS: Final = 0.05


class Slots:
    """A semaphore whose holder sees whether others wait, so that it need not give its slot back after each call.

    Belongs to the event loop. Slots are given in the order of asking.

    Args:
        most: How many there are.
    """

    def __init__(self, most: int) -> None:
        self._free = most
        self._waiting: deque[anyio.Event] = deque()

    def __repr__(self) -> str:
        return f"<Slots {self._free} free, {len(self._waiting)} waiting>"

    @property
    def is_wanted(self) -> bool:
        """Whether anybody waits for a slot."""
        return bool(self._waiting)

    async def acquire(self) -> None:
        """Wait for a slot; at once, and without giving way to other tasks, where one is free."""
        if self._free:
            self._free -= 1
            return
        given = anyio.Event()
        self._waiting.append(given)
        try:
            await given.wait()
        except BaseException:
            if given.is_set():
                self.release()
            else:
                self._waiting.remove(given)
            raise

    def release(self) -> None:
        """Give a slot back, to whoever has waited longest."""
        if self._waiting:
            self._waiting.popleft().set()
        else:
            self._free += 1


class Hold:
    """One caller's hold on a slot, for call after call: to give it back after each would cost more than a short call.

    Args:
        slots: Shared by all callers.
        clock: Seconds of a monotonic clock.
    """

    def __init__(self, slots: Slots, clock: Callable[[], float] = time.monotonic) -> None:
        self._slots = slots
        self._clock = clock
        self._since: float | None = None

    def __repr__(self) -> str:
        return f"<Hold {'kept' if self._since is not None else 'none'} on {self._slots}>"

    async def take(self) -> None:
        """Before a call: have a slot; one that was kept for long goes to whoever waits, and another is waited for."""
        if self._since is not None:
            if not self._slots.is_wanted or self._clock() < self._since + _KEPT_SECONDS:
                return
            self.give()
        await self._slots.acquire()
        self._since = self._clock()

    def give(self) -> None:
        """Before a wait for anything but a call: give the slot back, if one is held."""
        if self._since is not None:
            self._since = None
            self._slots.release()
