"""Several small files in one turn of a worker: quicker, and yet each by itself."""

import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest

import csvpipe
from csvpipe._process.resources import Resources
from csvpipe.jobs import JobRecord, JobStatus
from csvpipe.pool import sitting
from csvpipe.pool.contents import Contents
from csvpipe.pool.job import Job
from csvpipe.pool.run import JobRun
from csvpipe.pool.sitting import Pace, Sitting

pytestmark = pytest.mark.anyio

MakeCsv = Callable[..., Path]

#: Longer than any test waits.
_FOR_EVER = 1_000.0


class Scene:
    """A pool whose only workers are held up by a file each, until what is to be done together waits."""

    def __init__(self) -> None:
        self.rows: list[str] = []
        self.reached: dict[str, threading.Event] = {}
        self.go: dict[str, threading.Event] = {}

    def handle(self, row: csvpipe.Row, context: csvpipe.Context) -> None:
        """Note the row, and wait where the test wants it."""
        self.rows.append(context.filename)
        if context.filename in self.go and row.number == 1:
            self.reached[context.filename].set()
            assert self.go[context.filename].wait(60)

    def block(self, *names: str) -> None:
        """Have the handlers of these files wait."""
        for name in names:
            self.reached[name], self.go[name] = threading.Event(), threading.Event()

    async def until_reached(self, name: str) -> None:
        """Wait until the handler of a file waits."""
        assert await anyio.to_thread.run_sync(self.reached[name].wait, 60)

    @asynccontextmanager
    async def pool(self, pipeline: csvpipe.Pipeline[..., Any], **options: Any) -> AsyncIterator[csvpipe.WorkerPool]:
        """Open a pool; whoever still waits at the end goes on."""
        try:
            async with csvpipe.WorkerPool(pipelines=[pipeline], **options) as pool:
                pool._services.paces[pipeline.name].saw(0.0)  # as if many files had been quick
                yield pool
        finally:
            for go in self.go.values():
                go.set()


@pytest.fixture
def scene() -> Scene:
    """With no file that waits yet."""
    return Scene()


@pytest.fixture
def pipeline(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> csvpipe.Pipeline[..., Any]:
    """Handles as the scene says; counts as quick however long files are made to wait."""
    monkeypatch.setattr(sitting, "_WEIGHT", 0.0)
    return csvpipe.pipeline(name="scene")(scene.handle)


@pytest.fixture
def sizes(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Of all sittings."""
    noted: list[int] = []
    hold = Sitting.hold

    async def note(self: Sitting) -> None:
        noted.append(len(self._parts))
        await hold(self)

    monkeypatch.setattr(Sitting, "hold", note)
    return noted


async def submitted(pool: csvpipe.WorkerPool, make_csv: MakeCsv, *names: str) -> list[Job]:
    """Submit small files, and wait until the pool has them all, one after the other, at hand."""
    jobs = [await pool.submit("scene", make_csv(3, name)) for name in names]
    while pool._services.rotation.waiting < len(names):
        await anyio.lowlevel.checkpoint()
    return jobs


async def ended(jobs: list[Job]) -> list[tuple[JobStatus, int]]:
    """How jobs have ended, with their rows."""
    records: list[JobRecord] = [await job.wait() for job in jobs]
    return [(record.status, record.processed_rows) for record in records]


COMPLETED = (JobStatus.COMPLETED, 3)


async def test_quick_files_are_done_together(
    make_csv: MakeCsv, scene: Scene, pipeline: csvpipe.Pipeline[..., Any], sizes: list[int]
) -> None:
    """Those that wait when a worker is free; each is told of as if it had been alone."""
    scene.block("held")
    async with scene.pool(pipeline, workers=1) as pool:
        held = await pool.submit(pipeline, make_csv(3, "held"))
        await scene.until_reached("held")
        names = [f"{number}.csv" for number in range(5)]
        jobs = await submitted(pool, make_csv, *names)
        assert (1, 6) == (pool.statistics().busy_workers, pool.statistics().running_jobs)
        scene.go["held"].set()
        assert [COMPLETED] * 6 == await ended([held, *jobs])

    assert [1, 5] == sizes
    assert ["held"] * 3 + [name for name in names for _ in range(3)] == scene.rows


async def test_what_waits_behind_a_slow_file_goes_to_others(
    make_csv: MakeCsv, scene: Scene, pipeline: csvpipe.Pipeline[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A handler that suddenly hangs costs its neighbours a moment, and no more."""
    monkeypatch.setattr(sitting, "_PATIENCE_SECONDS", 0.0)
    scene.block("one", "two", "slow")
    async with scene.pool(pipeline, workers=2) as pool:
        blockers = [await pool.submit(pipeline, make_csv(3, name)) for name in ("one", "two")]
        for name in ("one", "two"):
            await scene.until_reached(name)
        slow, *quick = await submitted(pool, make_csv, "slow", "a.csv", "b.csv")
        scene.go["one"].set()
        await scene.until_reached("slow")
        scene.go["two"].set()
        assert [COMPLETED] * 4 == await ended([*blockers, *quick])
        assert JobStatus.PROCESSING is (await slow.record()).status
        scene.go["slow"].set()
        assert [COMPLETED] == await ended([slow])


async def test_a_file_that_waits_behind_another_can_be_cancelled(
    make_csv: MakeCsv, scene: Scene, pipeline: csvpipe.Pipeline[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """At once, whatever the one before it does; the one after it is done."""
    monkeypatch.setattr(sitting, "_PATIENCE_SECONDS", _FOR_EVER)
    scene.block("held", "slow")
    async with scene.pool(pipeline, workers=1) as pool:
        held = await pool.submit(pipeline, make_csv(3, "held"))
        await scene.until_reached("held")
        slow, cancelled, last = await submitted(pool, make_csv, "slow", "cancelled.csv", "last.csv")
        scene.go["held"].set()
        await scene.until_reached("slow")
        await cancelled.cancel()
        assert [(JobStatus.CANCELLED, 0)] == await ended([cancelled])
        scene.go["slow"].set()
        assert [COMPLETED] * 3 == await ended([held, slow, last])


async def test_a_hung_file_takes_none_with_it(
    make_csv: MakeCsv, scene: Scene, pipeline: csvpipe.Pipeline[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its worker is replaced: what was over is told of, and what waited is done by the new one, without any grace."""
    monkeypatch.setattr(sitting, "_PATIENCE_SECONDS", _FOR_EVER)
    scene.block("held", "hung")
    async with scene.pool(pipeline, workers=1, shutdown_grace=0.0) as pool:
        held = await pool.submit(pipeline, make_csv(3, "held"))
        await scene.until_reached("held")
        first, hung, *rest = await submitted(pool, make_csv, "first.csv", "hung", "a.csv", "b.csv")
        scene.go["held"].set()
        await scene.until_reached("hung")
        await hung.cancel()
        assert [COMPLETED] * 4 == await ended([held, first, *rest])
        assert (JobStatus.CANCELLED, 0) == (await ended([hung]))[0]


async def test_a_pool_that_stops_releases_what_has_not_begun(
    make_csv: MakeCsv, scene: Scene, pipeline: csvpipe.Pipeline[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only the file whose handler does not come back is left to its lease."""
    monkeypatch.setattr(sitting, "_PATIENCE_SECONDS", _FOR_EVER)
    scene.block("held", "hung")
    store = csvpipe.MemoryJobStore()
    async with scene.pool(pipeline, store=store, workers=1, shutdown_grace=0.0, on_exit="stop") as pool:
        await pool.submit(pipeline, make_csv(3, "held"))
        await scene.until_reached("held")
        jobs = await submitted(pool, make_csv, "hung", "a.csv", "b.csv")
        scene.go["held"].set()
        await scene.until_reached("hung")

    states = [store.get(job.id).status for job in jobs]
    assert [JobStatus.PROCESSING, JobStatus.PENDING, JobStatus.PENDING] == states


async def test_a_defect_costs_one_file(
    make_csv: MakeCsv,
    scene: Scene,
    pipeline: csvpipe.Pipeline[..., Any],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Those before it and after it in the same sitting are as they would be."""
    brief = JobRun.brief

    def failing(run: JobRun, resources: Resources, turn: Any) -> Any:
        if run.claim.record.filename == "bad.csv":
            raise ZeroDivisionError("a defect")
        return brief(run, resources, turn)

    monkeypatch.setattr(JobRun, "brief", failing)
    scene.block("held")
    async with scene.pool(pipeline, workers=1) as pool:
        held = await pool.submit(pipeline, make_csv(3, "held"))
        await scene.until_reached("held")
        jobs = await submitted(pool, make_csv, "a.csv", "bad.csv", "b.csv")
        scene.go["held"].set()
        assert [COMPLETED, COMPLETED, (JobStatus.FAILED, 0), COMPLETED] == await ended([held, *jobs])

    assert "a defect" in caplog.text


async def test_slow_handlers_have_a_turn_each() -> None:
    """A sitting has the fewer files the longer their rows are with the handler; one as long as nothing is known."""
    pace = Pace()
    assert (1, "<Pace unknown>") == (pace.most, repr(pace))

    pace.saw(0.0)
    assert 16 == pace.most
    pace.saw(0.01)
    assert (4, "<Pace 2.500 ms a file>") == (pace.most, repr(pace))
    for _ in range(20):
        pace.saw(1.0)
    assert 1 == pace.most


async def test_contents_are_kept_in_bounds() -> None:
    """Those that have waited longest make room; each is taken once."""
    contents = Contents(most_bytes=10)
    ids: list[Any] = ["a", "b", "c"]
    for each in ids:
        contents.keep(each, b"12345")

    assert "<Contents of 2 files, 10 bytes>" == repr(contents)
    assert [None, b"12345", None, b"12345"] == [contents.take(each) for each in ("a", "b", "b", "c")]
    contents.keep(ids[0], bytes(11))
    assert (None, "<Contents of 0 files, 0 bytes>") == (contents.take(ids[0]), repr(contents))
