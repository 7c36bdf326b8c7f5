"""A store that stays away for a while: work pauses, nothing piles up, and nothing is lost."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import pytest

import csvpipe
from csvpipe._report import feed
from csvpipe.errors import StoreUnavailableError
from csvpipe.jobs import JobStatus
from csvpipe.testing import FaultyStore

pytestmark = pytest.mark.anyio

MakeCsv = Callable[..., Path]


class Rows:
    """Counts what it is given, and can be told to wait at a row."""

    def __init__(self, brake_at: int = 0) -> None:
        self.numbers: list[int] = []
        self.brake_at = brake_at
        self.reached, self.go = threading.Event(), threading.Event()

    def handle(self, row: csvpipe.Row) -> None:
        """The handler."""
        self.numbers.append(row.number)
        if row.number == self.brake_at:
            self.reached.set()
            self.go.wait(60)


def quickened(pool: csvpipe.WorkerPool) -> None:
    """Nobody waits in a test for what takes seconds in production; and chunks are small."""
    object.__setattr__(pool._settings, "poll_seconds", 0.001)
    object.__setattr__(pool._settings, "chunk_bytes", 16 * 1024)


async def until(condition: Callable[[], object]) -> None:
    """Let the loop turn until something is so."""
    while not condition():
        await anyio.lowlevel.checkpoint()


async def test_work_pauses_while_the_store_is_away(make_csv: MakeCsv) -> None:
    """Rows in hand are finished, no more are handed out, and all goes on by itself when the store is back."""
    store, rows = FaultyStore(csvpipe.MemoryJobStore()), Rows(brake_at=1)
    pipeline = csvpipe.pipeline(name="count")(rows.handle)
    async with csvpipe.WorkerPool(store, pipelines=[pipeline], workers=1, flush_interval=0.001) as pool:
        quickened(pool)
        job = await pool.submit(pipeline, make_csv(20_000))
        await anyio.to_thread.run_sync(rows.reached.wait, 60)
        [run] = pool._service.claims._runs.values()
        store.fail("commit", times=1_000_000)
        rows.go.set()
        await until(lambda: run._lane.is_held and not run._lane.in_hand)
        paused, failures = len(rows.numbers), store.calls["commit"]
        await until(lambda: store.calls["commit"] > failures + 1)
        still = len(rows.numbers)
        store._faults.clear()
        record = await job.wait()

    assert still == paused < 20_000
    assert (JobStatus.COMPLETED, 20_000, 1) == (record.status, record.processed_rows, record.attempt)
    assert sorted(rows.numbers) == list(range(1, 20_001))


async def test_a_store_that_does_not_answer_lets_nothing_pile_up(
    make_csv: MakeCsv, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A commit that hangs holds the rows back as well, when enough has gathered."""
    monkeypatch.setattr("csvpipe.pool.commits._MOST_RESULTS", 2)
    answer, asked = threading.Event(), threading.Event()
    store, rows = FaultyStore(csvpipe.MemoryJobStore()), Rows()

    def hang() -> None:
        asked.set()
        answer.wait(60)

    store.at("commit", before=hang)
    pipeline = csvpipe.pipeline(name="count")(rows.handle)
    async with csvpipe.WorkerPool(store, pipelines=[pipeline], workers=1, flush_interval=0.001) as pool:
        quickened(pool)
        job = await pool.submit(pipeline, make_csv(50_000))
        await anyio.to_thread.run_sync(asked.wait, 60)
        [run] = pool._service.claims._runs.values()
        await until(lambda: run._lane.is_held and not run._lane.in_hand)
        pending = len(run._progress.pending)
        answer.set()
        record = await job.wait()

    assert 2 <= pending <= 3
    assert (JobStatus.COMPLETED, 50_000) == (record.status, record.processed_rows)


async def test_an_outage_longer_than_the_lease(make_csv: MakeCsv, caplog: pytest.LogCaptureFixture) -> None:
    """What is not written is forgotten; the job is claimed again and goes on from its checkpoint."""
    store, rows = FaultyStore(csvpipe.MemoryJobStore()), Rows(brake_at=15_000)
    pipeline = csvpipe.pipeline(name="count")(rows.handle)
    async with csvpipe.WorkerPool(
        store, pipelines=[pipeline], workers=1, lease_seconds=0.3, flush_interval=0.001
    ) as pool:
        quickened(pool)
        job = await pool.submit(pipeline, make_csv(20_000))
        await anyio.to_thread.run_sync(rows.reached.wait, 60)
        await until(lambda: store._store.get(job.id).processed_rows)
        with store.away():
            rows.go.set()
            await until(lambda: "its lease is lost" in caplog.text)
        record = await job.wait()

    assert (JobStatus.COMPLETED, 20_000) == (record.status, record.processed_rows)
    assert record.attempt > 1
    assert set(rows.numbers) == set(range(1, 20_001))
    assert len(rows.numbers) < 40_000


async def test_whoever_follows_a_job_does_not_hear_of_an_outage(
    make_csv: MakeCsv, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`wait` and `events` go on by looking again, from the first look to the last; so does leaving the pool."""
    monkeypatch.setattr(feed, "LOOK_SECONDS", 0.001)
    store, rows = FaultyStore(csvpipe.MemoryJobStore()), Rows(brake_at=3)
    pipeline = csvpipe.pipeline(name="count")(rows.handle)
    records: list[csvpipe.JobRecord] = []

    async with anyio.create_task_group() as group, csvpipe.WorkerPool(store, pipelines=[pipeline]) as pool:
        quickened(pool)
        job = await pool.submit(pipeline, make_csv(5))
        await anyio.to_thread.run_sync(rows.reached.wait, 60)
        events = csvpipe.JobEvents(pool._services.feed.subscribe(job.id), job.record, look_seconds=0.001)

        async def follow() -> None:
            records.extend([event.job async for event in events])

        store.fail("get", times=3)
        group.start_soon(follow)
        await until(lambda: store.calls["get"] > 4)
        store.fail("get", times=5)
        store.fail("settle", times=2)
        rows.go.set()

    assert JobStatus.COMPLETED is records[-1].status


async def test_an_outage_is_not_borne_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    """A store that never comes back, or was closed, is told of in the end."""
    monkeypatch.setattr(feed, "OUTAGE_SECONDS", 0.0)

    async def away() -> csvpipe.JobRecord:
        raise ConnectionError("gone")

    events = csvpipe.JobEvents(feed.Feed().subscribe(), away, look_seconds=0.001)
    with pytest.raises(ConnectionError, match="gone"):
        await anext(events)


@pytest.mark.parametrize("method", ["create", "commit", "settle", "claim"])
async def test_an_answer_that_is_lost(make_csv: MakeCsv, method: str) -> None:
    """What took effect although the caller was told otherwise is neither lost nor done twice."""
    store, rows = FaultyStore(csvpipe.MemoryJobStore()), Rows()
    pipeline: csvpipe.Pipeline[..., Any] = csvpipe.pipeline(name="count")(rows.handle)
    store.lose_answer(method)
    async with csvpipe.WorkerPool(
        store, pipelines=[pipeline], workers=1, flush_interval=0.001, lease_seconds=0.5
    ) as pool:
        quickened(pool)
        job = await pool.submit(pipeline, make_csv(5_000).read_bytes())
        record = await job.wait()

    assert (JobStatus.COMPLETED, 5_000) == (record.status, record.processed_rows)
    assert 1 == store.list_jobs().total


async def test_an_upload_whose_fate_is_unknown_is_kept(tmp_path: Path) -> None:
    """Neither created nor denied: the file stays, for the job that may be there, or for a sweep."""
    store, rows = FaultyStore(csvpipe.MemoryJobStore()), Rows()
    pipeline = csvpipe.pipeline(name="count")(rows.handle)
    async with csvpipe.WorkerPool(store, pipelines=[pipeline], spool_dir=tmp_path, on_exit="stop") as pool:
        store.fail("create")
        store.fail("get", times=2)
        with pytest.raises(ConnectionError):
            await pool.submit(pipeline, b"id\n1\n")
        kept = list(tmp_path.glob("*.csv"))
        store.fail("create")
        with pytest.raises(ConnectionError):
            await pool.submit(pipeline, b"id\n1\n")

    assert 1 == len(kept)
    assert kept == list(tmp_path.glob("*.csv"))


@pytest.mark.parametrize("is_told_by_the_store", [True, False])
async def test_an_outage_is_logged_in_lines(
    make_csv: MakeCsv,
    caplog: pytest.LogCaptureFixture,
    is_told_by_the_store: bool,  # noqa: FBT001  # of a table
) -> None:
    """Where a store says itself that it is away nobody needs to see where in it that was found out."""

    def away(said: str) -> Exception:
        return StoreUnavailableError("jobs.db", f"100% refused: {said}") if is_told_by_the_store else OSError(said)

    store, rows = FaultyStore(csvpipe.MemoryJobStore(), error=away), Rows(brake_at=1)
    pipeline = csvpipe.pipeline(name="count")(rows.handle)
    async with csvpipe.WorkerPool(store, pipelines=[pipeline], workers=1, flush_interval=0.001) as pool:
        quickened(pool)
        job = await pool.submit(pipeline, make_csv(20_000))
        await anyio.to_thread.run_sync(rows.reached.wait, 60)
        for method, times in (("claim", 2), ("commit", 1_000_000), ("settle", 2)):
            store.fail(method, times=times)
        rows.go.set()
        await until(lambda: "a commit failed" in caplog.text and "could be claimed" in caplog.text)
        store._faults.pop("commit")
        record = await job.wait()

    assert (JobStatus.COMPLETED, 20_000) == (record.status, record.processed_rows)
    told = [each for each in caplog.records if "another attempt follows" in each.getMessage()]
    assert any("the store failed" in each.getMessage() for each in told)
    assert {None if is_told_by_the_store else OSError} == {each.exc_info and each.exc_info[0] for each in told}
    assert {"claims", "commits"} == {each.module for each in told}
    if is_told_by_the_store:
        end = "the job store jobs.db is unavailable: 100% refused: claim: the store is away"
        assert f"no jobs could be claimed; another attempt follows: {end}" in caplog.messages
