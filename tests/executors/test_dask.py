"""A cluster of Dask does what threads do, also when one of its workers is killed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from pathlib import Path
from typing import Any

import anyio.to_thread
import attrs
import process_handlers as handlers
import pytest
from process_handlers import told

import csvpipe
from csvpipe._intake.carried import CarriedFile
from csvpipe._intake.inspection import JobPlan
from csvpipe._partition.chunk import Chunk
from csvpipe.errors import FileCode
from csvpipe.executors import distant, foreign
from csvpipe.executors.distant import carry
from csvpipe.executors.process.messages import terms_of
from csvpipe.jobs import JobStatus

distributed = pytest.importorskip("distributed", reason="the extra dask is not installed")

MakeFaults = Callable[..., Path]

# Its own sockets and loops are left to its collector, which is no concern of ours.
pytestmark = [
    pytest.mark.anyio,
    pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning:distributed", "ignore::DeprecationWarning:dask"),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which handlers tell what they do: workers have the environment that they began with."""
    return tmp_path_factory.mktemp("shared")


@pytest.fixture(scope="module")
def client(folder: Path) -> Iterator[Any]:
    """Four worker processes with a thread each."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(handlers.FOLDER, str(folder))
        with (
            distributed.LocalCluster(
                n_workers=4, threads_per_worker=1, processes=True, dashboard_address=":0", silence_logs=50
            ) as cluster,
            distributed.Client(cluster) as client,
        ):
            yield client


@pytest.fixture
def executor(client: Any) -> Executor:
    """What an application hands over."""
    made: Executor = client.get_executor()
    return made


async def outcome(path: Path, executor: Any, *, workers: int | None) -> tuple[Any, ...]:
    """All that is known of an import but for the time it took."""
    store = csvpipe.MemoryJobStore()
    async with csvpipe.WorkerPool(store, pipelines=[handlers.lossy], executor=executor, workers=workers) as pool:
        job = await pool.submit(handlers.lossy, path)
        record = await job.wait()
        errors = [error.to_dict() async for error in _all(job)]
        rejects = path.with_suffix(".rejects")
        await job.write_rejects(rejects)
    totals = sorted((total.code, total.column, total.errors) for total in store.error_totals(record.id))
    counts = record.processed_rows, record.failed_rows, record.skipped_rows, record.total_rows
    return record.status, record.error_message, counts, errors, totals, rejects.read_bytes()


async def _all(job: csvpipe.Job) -> Any:
    page = await job.row_errors(limit=100_000)
    for error in page:
        yield error


def write(path: Path, rows: int, *, lost: int = 0) -> Path:
    """A file in which some rows have no number, and one may take its worker along."""
    with path.open("w") as file:
        file.write("id,name\n")
        for row in range(1, rows + 1):
            file.write(f"{'x' if row % 997 == 0 else row},{f'lose-{path.stem}' if row == lost else 'name'}\n")
    return path


async def test_a_worker_that_is_killed_costs_nothing(executor: Executor, folder: Path, tmp_path: Path) -> None:
    """Four processes, one lost in the middle of a chunk: rows, errors and numbers are those of the serial run."""
    name = tmp_path.name
    path = write(tmp_path / f"{name}.csv", 8_000, lost=4_444)

    found = await outcome(path, executor, workers=None)
    lost = told(folder, "lost")
    handled = {int(row) for row in told(folder, "handled")}

    assert 1 == len(lost)
    assert (folder / f"lose-{name}").exists()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(handlers.FOLDER, str(folder))
        serial = await outcome(path, "thread", workers=1)
    assert serial == found
    assert JobStatus.COMPLETED is found[0]
    assert {row for row in range(1, 8_001) if row % 10 not in {3, 4} and row % 997} == handled
    (folder / "lost").unlink()
    (folder / "handled").unlink()


async def test_as_many_chunks_in_hand_as_threads(client: Any) -> None:
    """The cluster says how many that are."""
    await anyio.to_thread.run_sync(client.wait_for_workers, 4)

    async with csvpipe.WorkerPool(pipelines=[handlers.quiet], executor=client.get_executor()) as pool:
        assert 4 == pool.statistics().workers


async def test_bytes_travel_where_the_file_is_not(
    executor: Executor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Workers that find another file, or none, are sent the bytes of their chunks."""
    path = write(tmp_path / "away.csv", 8_000)
    here = await outcome(path, executor, workers=None)
    carried: list[Chunk] = []

    def note(plan: JobPlan, chunk: Chunk) -> CarriedFile:
        carried.append(chunk)
        return carry(plan, chunk)

    monkeypatch.setattr(foreign, "carry", note)
    monkeypatch.setattr(distant, "terms_of", lambda job: _elsewhere(terms_of(job)))

    found = await outcome(path, executor, workers=None)

    assert here == found
    assert JobStatus.COMPLETED is found[0]
    assert path.stat().st_size - len("id,name\n") == sum(chunk.end - chunk.start for chunk in carried)


def _elsewhere(terms: dict[str, Any]) -> dict[str, Any]:
    plan = terms["plan"]
    return {**terms, "plan": attrs.evolve(plan, source=attrs.evolve(plan.source, path="/nowhere/else.csv"))}


def test_a_handler_without_a_name_is_told_of(executor: Executor) -> None:
    """It is refused at once, as with other executors that pickle."""

    @csvpipe.pipeline
    def local(row: csvpipe.Row) -> None: ...

    with pytest.raises(csvpipe.PipelineError, match="cannot be found from another process"):
        csvpipe.WorkerPool(pipelines=[local], executor=executor, workers=1)


async def test_a_handler_with_a_name_among_threads(
    make_faults: MakeFaults, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Dask pickles for workers in this process as well: it is their threads that handle the rows."""
    monkeypatch.setenv(handlers.FOLDER, str(tmp_path))

    @csvpipe.pipeline
    def local(row: csvpipe.Row) -> None: ...

    with distributed.Client(processes=False, n_workers=1, threads_per_worker=1, dashboard_address=":0") as here:
        with pytest.raises(csvpipe.PipelineError, match="cannot be found from another process"):
            csvpipe.WorkerPool(pipelines=[local], executor=here.get_executor())
        async with csvpipe.WorkerPool(pipelines=[handlers.quiet], executor=here.get_executor()) as pool:
            record = await (await pool.submit(handlers.quiet, make_faults(50))).wait()

    assert (JobStatus.COMPLETED, 50) == (record.status, record.processed_rows)


async def test_a_task_that_loses_every_worker(client: Any, folder: Path, make_faults: MakeFaults) -> None:
    """Dask gives it up: the job fails, says which rows were in hand, and goes on when it is told to."""
    await anyio.to_thread.run_sync(client.wait_for_workers, 4)
    client.cluster.scheduler.allowed_failures = 1
    path = make_faults(4_000, {4_000: "exit"})

    async with csvpipe.WorkerPool(pipelines=[handlers.listed], executor=client.get_executor()) as pool:
        record = await (await pool.submit(handlers.listed, path)).wait()

    assert (JobStatus.FAILED, FileCode.CRASH_LOOP) == (record.status, record.error_code)
    assert "KilledWorker" in (record.error_message or "")
    assert "to 4,000" in (record.error_message or "")
