"""Slots are given in the order of asking, kept for short calls, and never lost."""

import anyio
import anyio.lowlevel
import pytest

from csvpipe.executors.slots import Hold, Slots

pytestmark = pytest.mark.anyio


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        """The time."""
        return self.now


async def test_slots_go_round_in_the_order_of_asking() -> None:
    """Two wait for the one slot; whoever asked first has it first."""
    slots, order = Slots(1), []

    async def use(name: str) -> None:
        await slots.acquire()
        order.append(name)
        slots.release()

    await slots.acquire()
    async with anyio.create_task_group() as tasks:
        for name in "ab":
            tasks.start_soon(use, name)
            await anyio.wait_all_tasks_blocked()
        assert ("<Slots 0 free, 2 waiting>", True, []) == (repr(slots), slots.is_wanted, order)
        slots.release()

    assert (["a", "b"], "<Slots 1 free, 0 waiting>") == (order, repr(slots))


async def test_a_wait_that_is_cancelled_takes_nothing() -> None:
    """Whoever gives up waiting is passed over."""
    slots = Slots(1)
    await slots.acquire()

    with anyio.move_on_after(0):
        await slots.acquire()
    slots.release()

    assert "<Slots 1 free, 0 waiting>" == repr(slots)


async def test_a_slot_that_comes_with_a_cancellation_is_passed_on() -> None:
    """A slot that is given in the moment of giving up is not lost."""
    slots = Slots(1)

    async def use() -> None:
        await slots.acquire()
        slots.release()

    await slots.acquire()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(use)
        await anyio.wait_all_tasks_blocked()
        slots.release()
        tasks.cancel_scope.cancel()

    assert not slots.is_wanted
    assert "<Slots 1 free, 0 waiting>" == repr(slots)


async def test_a_hold_is_kept_from_call_to_call() -> None:
    """Nobody waits, or not for long: the slot stays where it is."""
    clock, slots = Clock(), Slots(1)
    hold = Hold(slots, clock)
    await hold.take()
    clock.now = 1.0
    await hold.take()
    assert ("<Hold kept on <Slots 0 free, 0 waiting>>", False) == (repr(hold), slots.is_wanted)
    hold.give()
    hold.give()
    assert "<Hold none on <Slots 1 free, 0 waiting>>" == repr(hold)


@pytest.mark.parametrize(
    ("seconds", "order"), [(0.01, ["first", "first", "other"]), (1.0, ["first", "other", "first"])]
)
async def test_a_hold_gives_way_after_a_while(seconds: float, order: list[str]) -> None:
    """Another one waits: it has its turn when the slot was kept for long, or is given back."""
    clock, slots, taken = Clock(), Slots(1), []
    hold, other = Hold(slots, clock), Hold(slots, clock)

    async def take_other() -> None:
        await other.take()
        taken.append("other")
        other.give()

    await hold.take()
    taken.append("first")
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(take_other)
        await anyio.wait_all_tasks_blocked()
        clock.now = seconds
        await hold.take()
        taken.append("first")
        hold.give()

    assert order == taken
