"""Whose turn it is to use the interpreter.

Threads that parse share one interpreter with the event loop. Ten of them at once make it lag by a second; so only a
few, those with a permit of the pool's gate, parse at a time. A handler that computes keeps its permit, one that waits
(for a database, a socket) gives it back, and which of the two it is shows in its processor time.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Final, Protocol, TypeVar

if TYPE_CHECKING:
    from csvpipe.observing import Handling

T = TypeVar("T")

#: Wall time over processor time from which a handler counts as waiting. Two threads that compute share the interpreter
#: by halves, so that half of the wall time proves nothing.
_WAITING: Final = 5.0

#: Wall time over processor time below which it counts as computing again.
_COMPUTING: Final = 2.0

#: Shortest spell that tells anything, in seconds.
_SPELL: Final = 0.002


class Gate(Protocol):
    """Hands out permits in the order of asking."""

    def acquire(self) -> bool:
        """Wait for a permit, for a while at most; False if there was none in time: go on without one."""
        ...

    def release(self) -> None:
        """Give a permit back, to the thread that has waited longest."""
        ...

    @property
    def is_wanted(self) -> bool:
        """Whether anybody waits for a permit."""
        ...


class FreeGate:
    """For the only thread of a process that computes: it need not wait for anybody."""

    is_wanted = False

    def acquire(self) -> bool:
        """At once."""
        return True

    def release(self) -> None:
        """To nobody."""


class Habit:
    """What is known of a pipeline's handler, shared by its workers.

    Attributes:
        waits: Whether it mostly waits; a handler computes until it has shown that.
    """

    __slots__ = ("waits",)

    def __init__(self) -> None:
        self.waits = False

    def __repr__(self) -> str:
        return f"<Habit {'waits' if self.waits else 'computes'}>"


class Turn:
    """One worker's hold on the gate while it runs a chunk.

    Args:
        gate: Shared by all workers.
        habit: Of the pipeline's handler.
        wall_clock: Seconds that pass, whatever happens.
        cpu_clock: Seconds for which the calling thread has computed.

    Attributes:
        is_timed: Whether it is noted how long rows are with the handler.
    """

    is_timed = False

    def __init__(
        self,
        gate: Gate,
        habit: Habit,
        *,
        wall_clock: Callable[[], float] = time.monotonic,
        cpu_clock: Callable[[], float] = time.thread_time,
    ) -> None:
        self._gate = gate
        self._habit = habit
        self._wall_clock = wall_clock
        self._cpu_clock = cpu_clock
        self._lock = threading.Lock()
        self._is_held = False
        self._wall = 0.0
        self._cpu = 0.0

    def __repr__(self) -> str:
        return f"<Turn {'held' if self._is_held else 'not held'}>"

    def take(self) -> None:
        """Before parsing: get a permit, unless one is held."""
        if not self._is_held:
            self._is_held = self._gate.acquire()

    def handle(self) -> None:
        """Before handling: keep the permit only if the handler computes."""
        if self._habit.waits:
            self.give()
        self._wall, self._cpu = self._wall_clock(), self._cpu_clock()

    def review(self, now: float) -> None:
        """Now and then while handling: learn what the handler does, and let others have their turn."""
        wall = now - self._wall
        if wall < _SPELL:
            return
        cpu = self._cpu_clock() - self._cpu
        if self._is_held and wall > _WAITING * cpu:
            self._habit.waits = True
            self.give()
        elif not self._is_held and wall < _COMPUTING * cpu:
            self._habit.waits = False
        elif self._is_held and self._gate.is_wanted:
            self.give()
            self.take()
        self._wall, self._cpu = self._wall_clock(), self._cpu_clock()

    def give(self) -> None:
        """Give the permit back, if one is held.

        Also called on behalf of a thread that was given up, which may come back at that very moment: each permit is
        given back once.
        """
        with self._lock:
            was_held, self._is_held = self._is_held, False
        if was_held:
            self._gate.release()

    # For those who observe; see `TimedTurn` ---------------------------------------------------------------------------

    def around(self, function: Callable[[], T]) -> Callable[[], T]:
        """The function within what an observer wants to have entered around a chunk's work."""
        return function

    def current(self) -> AbstractContextManager[object]:
        """That itself."""
        return nullcontext()

    def adopt(self, handling: Handling | None) -> None:
        """What another process has noted, which has done the work."""

    def handling(self) -> Handling | None:
        """What is known of it when the chunk is done."""
        return None
