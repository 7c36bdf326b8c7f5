"""A reader of events gets every state in order, or their sum, and always the last one."""

from datetime import UTC, datetime
from uuid import uuid4

import anyio
import attrs
import pytest

from csvpipe._report.feed import Feed, JobEvents, PoolEvents
from csvpipe.errors import JobNotFoundError
from csvpipe.events import EventKind
from csvpipe.jobs import JobId, JobRecord, JobStatus

pytestmark = pytest.mark.anyio

NOW = datetime(2026, 1, 1, tzinfo=UTC)
PENDING, PROCESSING, PAUSED = JobStatus.PENDING, JobStatus.PROCESSING, JobStatus.PAUSED
COMPLETED, FAILED, CANCELLED = JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.CANCELLED


def a_record(revision: int, status: JobStatus = PROCESSING, job_id: JobId | None = None) -> JobRecord:
    """A job at some revision."""
    return JobRecord(
        id=job_id or JobId(uuid4()),
        pipeline="p",
        filename="f.csv",
        status=status,
        revision=revision,
        bytes_processed=revision if status is PROCESSING and revision > 2 else 0,
        created_at=NOW,
        updated_at=NOW,
    )


class Store:
    """A job whose state a test sets; each change is told to the feed, unless it happens elsewhere."""

    def __init__(self) -> None:
        self.feed = Feed()
        self.record: JobRecord | None = a_record(1, PENDING)

    def change(self, status: JobStatus, *, here: bool = True, revision: int | None = None) -> None:
        """The job's next revision."""
        assert self.record is not None
        revision = self.record.revision + 1 if revision is None else revision
        self.record = a_record(revision, status, self.record.id)
        if here:
            self.feed.publish(self.record)

    async def look(self) -> JobRecord:
        """What the store says."""
        if self.record is None:
            raise JobNotFoundError("it")
        return self.record

    def events(self, after: int | None = None, look_seconds: float = 60) -> JobEvents:
        """A reader."""
        assert self.record is not None
        return JobEvents(self.feed.subscribe(self.record.id), self.look, after=after, look_seconds=look_seconds)


async def kinds(events: JobEvents) -> list[str]:
    """All events to the end."""
    return [event.kind.value async for event in events]


async def test_a_reader_in_step_sees_each_state() -> None:
    """Whoever reads between the changes gets an event for each."""
    store = Store()
    events, seen = store.events(), []
    for status in (PROCESSING, PROCESSING, PAUSED, PENDING, PROCESSING, COMPLETED):
        seen.append((await anext(events)).kind)
        store.change(status)
    seen.append((await anext(events)).kind)

    assert ["submitted", "started", "progress", "paused", "resumed", "progress", "completed"] == seen
    with pytest.raises(StopAsyncIteration):
        await anext(events)


async def test_a_slow_reader_misses_steps_but_not_the_end() -> None:
    """What happens between two looks is one event, with the newest state."""
    store = Store()
    events = store.events()
    first = await anext(events)
    for status in (PROCESSING,) * 5 + (COMPLETED,):
        store.change(status)

    assert EventKind.SUBMITTED is first.kind
    assert [("completed", 7)] == [(event.kind.value, event.job.revision) async for event in events]


async def test_a_finished_job_has_one_event() -> None:
    """A reader who comes late gets the end."""
    store = Store()
    store.change(COMPLETED)

    assert ["completed"] == await kinds(store.events())


async def test_a_reader_who_returns_gets_what_was_missed() -> None:
    """With the revision seen last, nothing is told twice; after the terminal one there is nothing to tell."""
    store = Store()
    store.change(PROCESSING)
    up_to_date = store.events(after=2)
    async with anyio.create_task_group() as group:
        group.start_soon(anyio.lowlevel.checkpoint)
        store.change(COMPLETED)
    behind, at_the_end = store.events(after=1), store.events(after=3)

    assert ["completed"] == await kinds(up_to_date)
    assert ["completed"] == await kinds(behind)
    assert [] == await kinds(at_the_end)


async def test_a_reader_in_step_who_returns_waits_for_news() -> None:
    """Nothing has happened since: the next event is the next change."""
    store = Store()
    events = store.events(after=1)
    async with anyio.create_task_group() as group:

        async def read() -> None:
            assert EventKind.FAILED is (await anext(events)).kind

        group.start_soon(read)
        await anyio.wait_all_tasks_blocked()
        store.change(FAILED)


async def test_a_reader_ahead_of_the_store_gets_a_snapshot() -> None:
    """A store that was set back tells where it is now."""
    store = Store()

    assert 1 == (await anext(store.events(after=9))).job.revision


async def test_older_states_are_not_told() -> None:
    """Two writers may report out of order; revisions only rise for a reader."""
    store = Store()
    events = store.events()
    assert store.record is not None
    store.change(COMPLETED, revision=9)
    store.feed.publish(a_record(5, PROCESSING, store.record.id))
    store.feed.publish(a_record(99, COMPLETED))

    assert [9] == [event.job.revision async for event in events]


async def test_a_job_that_runs_elsewhere_is_looked_at() -> None:
    """What nobody tells is found in the store."""
    store = Store()
    events = store.events(look_seconds=0.001)
    await anext(events)
    store.change(COMPLETED, here=False)

    assert ["completed"] == await kinds(events)


async def test_a_closed_feed_leaves_the_store_to_look_at() -> None:
    """A job may go on elsewhere when its pool is closed."""
    store = Store()
    before = store.events(look_seconds=0.001)
    await anext(before)
    store.feed.close()
    after = store.events(look_seconds=0.001)
    await anext(after)
    store.change(COMPLETED, here=False)

    assert [["completed"], ["completed"]] == [await kinds(before), await kinds(after)]


async def test_a_deleted_job_ends_its_events() -> None:
    """A reader of a job that is gone is told so."""
    store = Store()
    events = store.events(look_seconds=0.001)
    await anext(events)
    store.record = None

    with pytest.raises(JobNotFoundError):
        await anext(events)


async def test_a_block_closes_its_events() -> None:
    """Left early, the reader is over; a reader that is dropped is forgotten."""
    store = Store()
    async with store.events() as events:
        async for _ in events:
            break
    dropped = store.events()
    del dropped

    assert [] == await kinds(events)
    assert "revision 1 seen, over" in repr(events)
    assert "nothing seen" in repr(store.events())
    assert "<Feed to 1 readers>" == repr(store.feed) or "<Feed to 0 readers>" == repr(store.feed)


async def test_the_feed_of_a_pool_tells_of_all_jobs() -> None:
    """Each job has its own kinds and order; the end of the feed comes after everything was told."""
    feed = Feed()
    events = PoolEvents(feed.subscribe())
    first, second = a_record(1, PENDING), a_record(1, PENDING)
    feed.publish(first)
    feed.publish(second)
    seen = [await anext(events), await anext(events)]
    assert "<PoolEvents of 2 jobs>" == repr(events)
    for record in (first, second):
        feed.publish(attrs.evolve(record, revision=2, status=PROCESSING))
        feed.publish(attrs.evolve(record, revision=3, status=COMPLETED))
    feed.close()
    seen += [event async for event in events]

    assert [(first.id, "submitted"), (second.id, "submitted"), (first.id, "completed"), (second.id, "completed")] == [
        (event.job.id, event.kind.value) for event in seen
    ]
    assert "<PoolEvents of 2 jobs>" == repr(events)
    assert "closed" in repr(feed)


async def test_a_pool_reader_waits_for_news() -> None:
    """Between events the reader sleeps until the next one, or the end."""
    feed = Feed()
    events, seen = PoolEvents(feed.subscribe()), []

    async def read() -> None:
        seen.extend([event.kind.value async for event in events])

    async with anyio.create_task_group() as group:
        group.start_soon(read)
        await anyio.wait_all_tasks_blocked()
        feed.publish(a_record(1, PENDING))
        await anyio.wait_all_tasks_blocked()
        feed.close()

    assert ["submitted"] == seen


async def test_a_pool_reader_never_goes_back() -> None:
    """States that arrive late, and those told twice, are left out, also after the end of a job."""
    feed = Feed()
    events = PoolEvents(feed.subscribe())
    first = a_record(5, COMPLETED)
    feed.publish(first)
    seen = [await anext(events)]
    for record in (first, attrs.evolve(first, revision=3, status=PROCESSING), attrs.evolve(first, revision=6)):
        feed.publish(record)
        feed.publish(a_record(1, PENDING))
    feed.close()
    seen += [event async for event in events]

    assert [5, 6] == [event.job.revision for event in seen if event.job.id == first.id]


async def test_a_pool_reader_remembers_only_so_many(monkeypatch: pytest.MonkeyPatch) -> None:
    """Jobs that changed long ago are forgotten, so that a reader's memory is bounded."""
    monkeypatch.setattr("csvpipe._report.feed._REMEMBERED", 2)
    feed = Feed()
    events = PoolEvents(feed.subscribe())
    for _ in range(5):
        feed.publish(a_record(1, FAILED))
        await anext(events)

    assert "<PoolEvents of 2 jobs>" == repr(events)
