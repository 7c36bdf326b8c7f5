"""Lanes take turns, keep their order, and can be closed at any time."""

import anyio
import pytest

from csvpipe.executors.rotation import Rotation

pytestmark = pytest.mark.anyio


async def test_lanes_take_turns() -> None:
    """Of two lanes with three items each, items are taken alternately."""
    rotation: Rotation[str, int] = Rotation()
    for owner in "ab":
        lane = rotation.open(owner, most=3)
        for item in range(3):
            rotation.add(lane, item)

    taken = [await rotation.take() for _ in range(6)]

    assert [("a", 0), ("b", 0), ("a", 1), ("b", 1), ("a", 2), ("b", 2)] == [(lane.owner, item) for lane, item in taken]
    assert (0, 6) == (rotation.waiting, rotation.in_hand)


async def test_a_lane_gives_out_no_more_than_its_share() -> None:
    """With `most=1` the second item is taken only when the first is done."""
    rotation: Rotation[str, int] = Rotation()
    lane = rotation.open("a", most=1)
    rotation.add(lane, 1)
    rotation.add(lane, 2)
    await rotation.take()

    with anyio.move_on_after(0) as at_once:
        await rotation.take()
    rotation.done(lane)

    assert at_once.cancelled_caught
    assert (lane, 2) == await rotation.take()


async def test_what_is_given_back_comes_first() -> None:
    """The rest of an item goes before the others of its lane."""
    rotation: Rotation[str, int] = Rotation()
    lane = rotation.open("a", most=2)
    rotation.add(lane, 2)
    rotation.add(lane, 1, is_first=True)

    assert (lane, 1) == await rotation.take()
    assert not lane.is_idle
    assert "<Lane 1 waiting, 1 in hand>" == repr(lane)


async def test_whoever_waits_is_woken() -> None:
    """An item is given to one of those who wait for it."""
    rotation: Rotation[str, int] = Rotation()
    taken: list[int] = []

    async def take() -> None:
        lane, item = await rotation.take()
        taken.append(item)
        rotation.done(lane)

    async with anyio.create_task_group() as group:
        for _ in range(3):
            group.start_soon(take)
        await anyio.wait_all_tasks_blocked()
        lane = rotation.open("a", most=1)
        for item in range(3):
            rotation.add(lane, item)

    assert [0, 1, 2] == taken
    assert lane.is_idle


async def test_a_closed_lane_is_empty_for_good() -> None:
    """What waits in it is dropped, and so is whatever comes later; closing it again does nothing."""
    rotation: Rotation[str, int] = Rotation()
    lane = rotation.open("a", most=1)
    rotation.add(lane, 1)
    rotation.close(lane)
    rotation.close(lane)
    rotation.add(lane, 2)

    assert (0, True) == (rotation.waiting, lane.is_idle)
    assert "closed" in repr(lane)
    assert "<Rotation of []>" == repr(rotation)


async def test_one_item_wakes_one() -> None:
    """Of three that wait, two items wake two; the third goes on waiting."""
    rotation: Rotation[str, int] = Rotation()
    lane = rotation.open("a", most=3)
    taken: list[int] = []

    async def take() -> None:
        _, item = await rotation.take()
        taken.append(item)

    async with anyio.create_task_group() as tasks:
        for _ in range(3):
            tasks.start_soon(take)
        await anyio.wait_all_tasks_blocked()
        rotation.add(lane, 1)
        rotation.add(lane, 2)
        await anyio.wait_all_tasks_blocked()
        assert [1, 2] == sorted(taken)
        tasks.cancel_scope.cancel()


async def test_a_wake_that_is_cancelled_is_passed_on() -> None:
    """An item that wakes one who is just leaving is taken by another."""
    rotation: Rotation[str, int] = Rotation()
    lane = rotation.open("a", most=3)
    taken: list[int] = []

    async def take() -> None:
        _, item = await rotation.take()
        taken.append(item)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(take)
        await anyio.wait_all_tasks_blocked()
        async with anyio.create_task_group() as leaving:
            leaving.start_soon(take)
            await anyio.wait_all_tasks_blocked()
            rotation.add(lane, 1)
            leaving.cancel_scope.cancel()
        await anyio.wait_all_tasks_blocked()
        assert [1] == taken  # by one or the other
        tasks.cancel_scope.cancel()


async def test_fitting_items_are_taken_along() -> None:
    """Of other lanes, one each, in the circle's order; what does not fit, or may not be taken, keeps its place."""
    rotation: Rotation[str, int] = Rotation()
    lanes = {owner: rotation.open(owner, most=1) for owner in "abcdef"}
    for number, lane in enumerate(lanes.values()):
        rotation.add(lane, number)
    rotation.hold(lanes["c"], is_held=True)
    first, _ = await rotation.take()

    assert [] == rotation.take_also(lambda _owner, _item: True, most=0)
    assert ["b", "e"] == rotation.take_also(lambda _owner, item: item != 3, most=2)
    assert ("a", 1, 3) == (first.owner, lanes["b"].in_hand, rotation.in_hand)
    assert ["d", "f"] == [(await rotation.take())[0].owner for _ in range(2)]
