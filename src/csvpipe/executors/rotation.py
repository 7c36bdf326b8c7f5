"""Whose chunk is next: the jobs at hand take turns, so that a small file never waits behind a large one."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

import anyio

O = TypeVar("O")  # noqa: E741  # the owner of a lane
T = TypeVar("T")


class Lane(Generic[O, T]):
    """The items of one owner, in order. Belongs to the event loop.

    Attributes:
        owner: Whose they are.
        most: How many of them may be in hand at once; 1 keeps them in order to the end.
        in_hand: How many have been taken and are not done.
        is_held: Whether what waits must go on waiting; see `Rotation.hold`.
    """

    __slots__ = ("_is_closed", "_waiting", "in_hand", "is_held", "most", "owner")

    def __init__(self, owner: O, most: int) -> None:
        self.owner = owner
        self.most = most
        self.in_hand = 0
        self.is_held = False
        self._waiting: deque[T] = deque()
        self._is_closed = False

    def __repr__(self) -> str:
        return f"<Lane {len(self._waiting)} waiting, {self.in_hand} in hand{', closed' if self._is_closed else ''}>"

    @property
    def waiting(self) -> int:
        """How many items nobody has taken yet."""
        return len(self._waiting)

    @property
    def is_idle(self) -> bool:
        """Whether nothing waits and nothing is in hand."""
        return not self._waiting and not self.in_hand

    @property
    def is_ready(self) -> bool:
        """Whether an item may be taken now."""
        return bool(self._waiting) and self.in_hand < self.most and not self.is_held


class Rotation(Generic[O, T]):
    """Lanes in a circle; whoever is free takes the first item of the next lane that has one to give."""

    def __init__(self) -> None:
        self._circle: deque[Lane[O, T]] = deque()
        self._idle: list[anyio.Event] = []

    def __repr__(self) -> str:
        return f"<Rotation of {list(self._circle)}>"

    @property
    def waiting(self) -> int:
        """Items that wait, of all lanes."""
        return sum(lane.waiting for lane in self._circle)

    @property
    def in_hand(self) -> int:
        """Items in hand, of all lanes."""
        return sum(lane.in_hand for lane in self._circle)

    def open(self, owner: O, *, most: int) -> Lane[O, T]:
        """Add a lane; its turn comes after all others'."""
        lane: Lane[O, T] = Lane(owner, most)
        self._circle.append(lane)
        return lane

    def add(self, lane: Lane[O, T], item: T, *, is_first: bool = False) -> None:
        """Let an item wait: behind its lane's others, or before them. A closed lane drops it."""
        if lane._is_closed:  # noqa: SLF001  # a lane is this class's own
            return
        if is_first:
            lane._waiting.appendleft(item)  # noqa: SLF001
        else:
            lane._waiting.append(item)  # noqa: SLF001
        self._wake_one()

    async def take(self) -> tuple[Lane[O, T], T]:
        """Wait for the next item. It counts as in hand until `done`."""
        while (lane := self._next()) is None:
            await self._wait()
        lane.in_hand += 1
        return lane, lane._waiting.popleft()  # noqa: SLF001

    def take_also(self, is_fit: Callable[[O, T], bool], *, most: int) -> list[O]:
        """Take single items of further lanes that may be done together with one that was taken; the lanes' owners.

        Args:
            is_fit: Whether an owner's item is such a one.
            most: How many at most.
        """
        taken: list[O] = []
        for lane in self._circle if most > 0 else ():
            if lane.is_ready and is_fit(lane.owner, lane._waiting[0]):  # noqa: SLF001
                lane.in_hand += 1
                lane._waiting.popleft()  # noqa: SLF001
                taken.append(lane.owner)
                if len(taken) == most:
                    break
        return taken

    def done(self, lane: Lane[O, T]) -> None:
        """An item of the lane is no longer in hand."""
        lane.in_hand -= 1
        if lane.is_ready:
            self._wake_one()

    def hold(self, lane: Lane[O, T], *, is_held: bool) -> None:
        """Let nobody take anything of the lane for now, or let it go on."""
        lane.is_held = is_held
        for _ in range(0 if is_held else lane.waiting):
            self._wake_one()

    def close(self, lane: Lane[O, T]) -> None:
        """Drop what waits in the lane, and whatever is added to it from now on."""
        lane._is_closed = True  # noqa: SLF001
        lane._waiting.clear()  # noqa: SLF001
        if lane in self._circle:
            self._circle.remove(lane)

    def _next(self) -> Lane[O, T] | None:
        for _ in range(len(self._circle)):
            lane = self._circle[0]
            self._circle.rotate(-1)
            if lane.is_ready:
                return lane
        return None

    async def _wait(self) -> None:
        """Until there may be something to take."""
        called = anyio.Event()
        self._idle.append(called)
        try:
            await called.wait()
        except BaseException:
            if called.is_set():  # the item is for somebody else, then
                self._wake_one()
            else:
                self._idle.remove(called)
            raise

    def _wake_one(self) -> None:
        """Wake one for one item: whoever came last, whose thread has slept least."""
        if self._idle:
            self._idle.pop().set()
