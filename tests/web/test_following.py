"""Readers of one job's stream share what it takes to follow it, and none of them depends on another."""

from typing import Any

import anyio
import pytest
from tests.report.test_feed import CANCELLED, COMPLETED, FAILED, PENDING, PROCESSING, Store
from tests.web.test_stream import parsed

from csvpipe._report.feed import JobEvents
from csvpipe.jobs import JobId, JobRecord
from csvpipe.web.following import Followings, Reader

pytestmark = pytest.mark.anyio


class FakeJob:
    """A job of a store whose state a test sets."""

    def __init__(self, store: Store) -> None:
        assert store.record is not None
        self._store = store
        self.id: JobId = store.record.id
        self.look_seconds = 60.0

    def events(self, *, after: int | None = None) -> JobEvents:
        """Its events; nobody but a test says when something happens."""
        return self._store.events(after=after, look_seconds=self.look_seconds)


class Scene:
    """A job, those who follow it, and what they are told."""

    def __init__(self) -> None:
        self.store = Store()
        self.looks = 0
        self.followings = Followings()
        self.job: Any = FakeJob(self.store)
        self.told: dict[str, list[tuple[str, str]]] = {}
        self.scopes: dict[str, anyio.CancelScope] = {}
        self.readers: dict[str, Reader] = {}
        looked = self.store.look

        async def look() -> JobRecord:
            self.looks += 1
            return await looked()

        self.store.look = look  # type: ignore[method-assign]

    async def read(self, name: str, after: int | None = None) -> None:
        """Follow the job, until the scope of this name is cancelled."""
        assert self.store.record is not None
        told = self.told[name] = []
        reader = self.readers[name] = Reader(self.followings, self.job, self.store.record, after)
        with anyio.CancelScope() as self.scopes[name], reader:
            async for text in reader:
                [event] = parsed(text.decode())
                told.append((event["id"], event["event"]))


async def test_all_are_told_everything_by_one_look() -> None:
    """Each reader has its own beginning and the same end, and the store is asked once for all of them."""
    scene = Scene()
    async with anyio.create_task_group() as group:
        for name in "abc":
            group.start_soon(scene.read, name)
        group.start_soon(scene.read, "d", 1)
        await anyio.wait_all_tasks_blocked()
        assert "<Followings of 1 jobs by 4 readers>" == repr(scene.followings)
        for status in (PROCESSING, COMPLETED):
            scene.store.change(status)
            await anyio.wait_all_tasks_blocked()

    later = [("2", "started"), ("3", "completed")]
    assert {name: [("1", "submitted"), *later] for name in "abc"} | {"d": later} == scene.told
    assert 1 == scene.looks
    assert "<Followings of 0 jobs by 0 readers>" == repr(scene.followings)


@pytest.mark.parametrize("leaving", ["a", "b", "ab", "ba"])
@pytest.mark.parametrize("is_farewell", [False, True])
async def test_who_leaves_is_replaced(leaving: str, *, is_farewell: bool) -> None:
    """Whichever reader goes, the others are told of what happens then; so it is when the server ends one's stream."""
    scene = Scene()
    async with anyio.create_task_group() as group:
        for name in "abcd":
            group.start_soon(scene.read, name)
        await anyio.wait_all_tasks_blocked()
        for name in leaving:
            if is_farewell:
                scene.readers[name].set()
            else:
                scene.scopes[name].cancel()
        await anyio.wait_all_tasks_blocked()
        assert 4 - len(leaving) == scene.followings.readers
        scene.store.change(FAILED)

    ended = {name for name, events in scene.told.items() if ("2", "failed") in events}
    assert set("abcd") - set(leaving) == ended


async def test_those_who_go_together_with_the_news_keep_it_from_nobody() -> None:
    """Readers that are cancelled when they have just been woken leave the rest with one who leads."""
    scene = Scene()
    async with anyio.create_task_group() as group:
        for name in "abcd":
            group.start_soon(scene.read, name)
        await anyio.wait_all_tasks_blocked()
        scene.store.change(PROCESSING)
        for name in "ac":
            scene.scopes[name].cancel()
        await anyio.wait_all_tasks_blocked()
        scene.store.change(CANCELLED)

    assert [("3", "cancelled")] == scene.told["b"][-1:] == scene.told["d"][-1:]


async def test_a_job_that_runs_elsewhere_is_looked_at_for_all() -> None:
    """What nobody tells is found in the store."""
    scene = Scene()
    scene.job.look_seconds = 0.001
    async with anyio.create_task_group() as group:
        for name in "abc":
            group.start_soon(scene.read, name)
        await anyio.wait_all_tasks_blocked()
        scene.store.change(COMPLETED, here=False)

    assert [("2", "completed")] == scene.told["a"][-1:] == scene.told["b"][-1:] == scene.told["c"][-1:]


@pytest.mark.parametrize("ending", ["deleted", "closed"])
async def test_there_may_be_no_end_to_tell(ending: str) -> None:
    """When the job is deleted, or its pool closed, all streams end."""
    scene = Scene()
    scene.job.look_seconds = 0.001 if ending == "deleted" else 60.0
    async with anyio.create_task_group() as group:
        for name in "abc":
            group.start_soon(scene.read, name)
        await anyio.wait_all_tasks_blocked()
        if ending == "deleted":
            scene.store.record = None
        else:
            scene.store.feed.close()

    assert [[("1", "submitted")]] * 3 == list(scene.told.values())
    assert 0 == scene.followings.readers


async def test_who_is_slow_to_take_the_end_keeps_it_from_nobody() -> None:
    """A job that is tried again is followed anew, while a reader of its first end has not left."""
    scene = Scene()
    assert scene.store.record is not None
    slow = Reader(scene.followings, scene.job, scene.store.record, None)
    async with anyio.create_task_group() as group:
        with slow:
            await anext(slow)
            scene.store.change(FAILED)
            await anext(slow)
            scene.store.change(PENDING)
            group.start_soon(scene.read, "a")
            await anyio.wait_all_tasks_blocked()
            scene.store.change(COMPLETED)
            await anyio.wait_all_tasks_blocked()
            assert [("3", "submitted"), ("4", "completed")] == scene.told["a"]
            with pytest.raises(StopAsyncIteration):
                await anext(slow)


async def test_a_crowd_is_told_less_of_progress_and_all_else_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Progress that follows on progress is held back, so long that nobody is told of it here; the end is not."""
    scene = Scene()
    monkeypatch.setattr("csvpipe.web.following._QUIET_SECONDS", 3_600.0)
    async with anyio.create_task_group() as group:
        group.start_soon(scene.read, "a", 1)
        await anyio.wait_all_tasks_blocked()
        for status in (PROCESSING, PROCESSING, PROCESSING, COMPLETED):
            scene.store.change(status)
            await anyio.wait_all_tasks_blocked()

    assert [("2", "started"), ("5", "completed")] == scene.told["a"]


async def test_progress_that_was_held_back_is_told_in_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nothing more happens, the newest progress is told when the time is up, also if its reader has gone."""
    scene = Scene()
    monkeypatch.setattr("csvpipe.web.following._QUIET_SECONDS", 0.05)
    async with anyio.create_task_group() as group:
        for name in "ab":
            group.start_soon(scene.read, name, 1)
        await anyio.wait_all_tasks_blocked()
        for _ in range(3):
            scene.store.change(PROCESSING)
            await anyio.wait_all_tasks_blocked()
        scene.scopes["a"].cancel()
        while ("4", "progress") not in scene.told["b"]:
            await anyio.lowlevel.checkpoint()
        scene.store.change(COMPLETED)

    assert [("2", "started"), ("4", "progress"), ("5", "completed")] == scene.told["b"]


async def test_a_store_that_fails_ends_the_streams(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is raised for longer than an outage is borne is raised to every reader."""
    scene = Scene()
    monkeypatch.setattr("csvpipe._report.feed.OUTAGE_SECONDS", 0.0)
    scene.job.look_seconds = 0.001

    async def look() -> JobRecord:
        raise OSError("away")

    failed = []

    async def read(name: str) -> None:
        try:
            await scene.read(name)
        except OSError:
            failed.append(name)

    scene.store.look = look  # type: ignore[method-assign]
    async with anyio.create_task_group() as group:
        for name in "abc":
            group.start_soon(read, name)

    assert ["a", "b", "c"] == sorted(failed)
    assert "<Followings of 0 jobs by 0 readers>" == repr(scene.followings)


async def test_a_state_that_was_looked_up_before_the_newest_is_not_told() -> None:
    """Who comes with an older state than the others were told begins with theirs."""
    scene = Scene()
    old = scene.store.record
    assert old is not None
    async with anyio.create_task_group() as group:
        group.start_soon(scene.read, "a")
        await anyio.wait_all_tasks_blocked()
        scene.store.change(PROCESSING)
        await anyio.wait_all_tasks_blocked()
        late = Reader(scene.followings, scene.job, old, None)
        with late:
            [event] = parsed((await anext(late)).decode())
        scene.store.change(COMPLETED)

    assert ("2", "started", "2000") == (event["id"], event["event"], event["retry"])
