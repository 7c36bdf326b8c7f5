"""Whoever runs the handlers, what comes of a file is the same."""

import pickle
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import anyio
import attrs
import process_handlers as handlers
import pytest
from process_handlers import told

import csvpipe
from csvpipe.errors import FileCode
from csvpipe.jobs import JobStatus

MakeFaults = Callable[..., Path]
Choice = Any

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("shared")]


@pytest.fixture(scope="module", params=["thread", "process", "foreign"])
def executor(request: pytest.FixtureRequest) -> Iterator[Choice]:
    """Who runs the handlers."""
    if request.param != "foreign":
        yield request.param
        return
    with ThreadPoolExecutor(3) as threads:
        yield threads


@attrs.frozen
class Outcome:
    """All that is known of a job at its end, but for its id and the time it took."""

    record: dict[str, Any]
    errors: list[dict[str, object]]
    totals: list[tuple[str, str | None, int]]
    rejects: bytes


async def outcome(pipeline: csvpipe.Pipeline[..., Any], path: Path, executor: Choice) -> Outcome:
    """Import one file, its chunks one after the other, so that limits act alike."""
    store = csvpipe.MemoryJobStore()
    async with csvpipe.WorkerPool(store, pipelines=[pipeline], executor=executor, workers=1) as pool:
        job = await pool.submit(pipeline, path)
        record = await job.wait()
        errors = [error.to_dict() for error in await job.row_errors(limit=10_000)]
        rejects = path.with_suffix(".rejects")
        await job.write_rejects(rejects)
    plain = {name: value for name, value in record.to_dict().items() if not name.endswith(("_at", "id", "_seconds"))}
    for name in ("rows_per_second", "revision"):
        plain.pop(name, None)
    totals = [(total.code, total.column, total.errors) for total in store.error_totals(record.id)]
    return Outcome(plain, errors, totals, rejects.read_bytes())


FAULTS = {2: "raise", 9: "reject", 10: "skip", 17: "leave", 18: "raise", 40: "interrupt", 1_500: "raise"}


@pytest.mark.parametrize(
    "pipeline",
    [
        *(handlers.quiet, handlers.single, handlers.batch, handlers.marked, handlers.limited, handlers.limited_batch),
        *(handlers.strict, handlers.secret, handlers.fragile, handlers.fragile_batch, handlers.typed, handlers.listed),
        *(handlers.in_the_loop, handlers.resourceful),
    ],
    ids=lambda pipeline: pipeline.name,
)
async def test_processes_do_what_threads_do(pipeline: csvpipe.Pipeline[..., Any], make_faults: MakeFaults) -> None:
    """The same record, row errors, totals and rejects file, for handlers of every kind."""
    path = make_faults(2_000, FAULTS)

    assert await outcome(pipeline, path, "thread") == await outcome(pipeline, path, "process")


async def test_odd_files_come_to_the_same(tmp_path: Path) -> None:
    """Ragged rows, quoted line ends, bytes that are no text, blank lines."""
    path = tmp_path / "odd.csv"
    path.write_bytes(b'id,name\n1,a\n\n2\n3,"x\ny"\n4,\xff\n5,"open\n6,a,b\nx,z\n' + b"7,c\n" * 9_000)

    pipeline = attrs.evolve(handlers.typed, encoding="utf-8")

    found = [await outcome(pipeline, path, executor) for executor in ("thread", "process")]

    assert found[0] == found[1]
    assert {"field_count", "decode", "unterminated_quote", "int", "rejected"} == {
        str(error["code"]) for error in found[0].errors
    }


async def test_large_files_in_many_chunks(make_faults: MakeFaults, executor: Choice) -> None:
    """Every row once, whoever takes which chunk."""
    async with csvpipe.WorkerPool(pipelines=[handlers.listed], executor=executor, workers=2) as pool:
        job = await pool.submit(handlers.listed, make_faults(30_000, {7: "raise", 29_000: "skip"}))
        record = await job.wait()
        errors = await job.row_errors()

    assert (JobStatus.COMPLETED, 29_998, 1, 1) == (
        record.status,
        record.processed_rows,
        record.failed_rows,
        record.skipped_rows,
    )
    assert [7] == [error.row for error in errors]


async def test_ordered_rows(make_faults: MakeFaults, shared: Path, executor: Choice) -> None:
    """One chunk after the other, in the order of the file."""
    async with csvpipe.WorkerPool(pipelines=[handlers.in_order], executor=executor, workers=3) as pool:
        await (await pool.submit(handlers.in_order, make_faults(5_000))).wait()

    assert [*range(1, 5_001)] == [int(row) for row in told(shared, "handled")]


@pytest.mark.parametrize(("fault", "code"), [("abort", FileCode.ABORTED)])
async def test_handlers_may_end_a_job(make_faults: MakeFaults, executor: Choice, fault: str, code: FileCode) -> None:
    """What is before it is kept."""
    async with csvpipe.WorkerPool(pipelines=[handlers.single], executor=executor, workers=2) as pool:
        record = await (await pool.submit(handlers.single, make_faults(9, {5: fault}))).wait()

    assert (JobStatus.FAILED, code, 4) == (record.status, record.error_code, record.processed_rows)


async def test_an_outage_ends_and_the_job_goes_on(make_faults: MakeFaults, shared: Path, executor: Choice) -> None:
    """With resources that are entered anew."""
    async with csvpipe.WorkerPool(pipelines=[handlers.offline], executor=executor, workers=2) as pool:
        job = await pool.submit(handlers.offline, make_faults(5))
        failed = await job.wait()
        (shared / "online").touch()
        await job.retry()
        record = await job.wait()

    assert (FileCode.RETRY_EXHAUSTED, 5) == (failed.error_code, record.processed_rows)
    assert len(told(shared, "entered")) == len(told(shared, "left"))


async def test_a_dry_run_calls_nobody(make_faults: MakeFaults, shared: Path, executor: Choice) -> None:
    """Rows are made, and that is all."""
    async with csvpipe.WorkerPool(pipelines=[handlers.single], executor=executor, workers=2) as pool:
        record = await (await pool.submit(handlers.single, make_faults(9, {3: "raise"}), dry_run=True)).wait()

    assert (9, []) == (record.processed_rows, told(shared, "handled"))


async def test_more_row_errors_than_a_result_may_carry(make_faults: MakeFaults, executor: Choice) -> None:
    """Those over the budget are spilled where the host finds them."""
    path = make_faults(12_000, dict.fromkeys(range(200, 12_001), "raise"))
    async with csvpipe.WorkerPool(pipelines=[handlers.listed], executor=executor, workers=2) as pool:
        job = await pool.submit(handlers.listed, path)
        record = await job.wait()
        rejects = path.with_suffix(".rejects")
        await job.write_rejects(rejects)

    assert 11_801 == record.failed_rows
    assert 11_802 == len(rejects.read_text().splitlines())


async def test_a_mended_file(make_faults: MakeFaults, executor: Choice) -> None:
    """What is known of the rows that may come reaches the workers."""
    async with csvpipe.WorkerPool(pipelines=[handlers.single], executor=executor, workers=2) as pool:
        first = await pool.submit(handlers.single, make_faults(20, {4: "raise", 9: "raise"}))
        await first.wait()
        content = anyio.Path(make_faults(1).with_name("mended.csv"))
        await first.write_rejects(content)
        await content.write_text((await content.read_text()).replace("raise", "77"))
        record = await (await pool.submit(handlers.single, str(content), parent=first)).wait()

    assert (JobStatus.COMPLETED, 2) == (record.status, record.processed_rows)


# Executors of the application's ---------------------------------------------------------------------------------------


async def test_closures_run_in_threads_of_others(make_faults: MakeFaults) -> None:
    """Nothing is pickled on the way to a thread, so nothing needs a name."""
    seen: list[int] = []

    @csvpipe.pipeline
    def local(row: csvpipe.Row) -> None:
        seen.append(row.number)

    with ThreadPoolExecutor(2) as threads:
        async with csvpipe.WorkerPool(pipelines=[local], executor=threads) as pool:
            assert 2 == pool.statistics().workers
            record = await (await pool.submit(local, make_faults(50))).wait()

    assert (50, [*range(1, 51)]) == (record.processed_rows, seen)


@pytest.fixture(scope="module")
def processes() -> Iterator[Executor]:
    """Processes of the application's."""
    import multiprocessing  # noqa: PLC0415

    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as executor:
        yield executor


async def test_processes_of_others(make_faults: MakeFaults, shared: Path, processes: Executor) -> None:
    """The pipeline travels by its name, and the resource is entered and left around a chunk."""
    async with csvpipe.WorkerPool(pipelines=[handlers.typed], executor=processes) as pool:
        job = await pool.submit(handlers.typed, make_faults(20, {6: "raise"}))
        record = await job.wait()
        errors = await job.row_errors()

    assert (JobStatus.COMPLETED, 15, 2) == (record.status, record.processed_rows, record.skipped_rows)
    assert [(3, "rejected"), (6, "int"), (13, "rejected")] == [(error.row, error.code) for error in errors]


def test_what_cannot_travel_to_processes_of_others(processes: Executor) -> None:
    """It is refused at once, unless it stays at home."""

    @csvpipe.pipeline
    def local(row: csvpipe.Row) -> None: ...

    @csvpipe.pipeline
    async def at_home(row: csvpipe.Row) -> None: ...

    with pytest.raises(csvpipe.PipelineError, match="'local' cannot be found from another process"):
        csvpipe.WorkerPool(pipelines=[local], executor=processes)
    assert csvpipe.WorkerPool(pipelines=[at_home, handlers.typed], executor=processes)


class _Pickling(ThreadPoolExecutor):
    """An executor of which nobody can know that it pickles."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        return super().submit(pickle.loads(pickle.dumps(fn)), *args, **kwargs)  # noqa: S301  # our own


async def test_what_cannot_travel_to_whoever_pickles(make_faults: MakeFaults, caplog: pytest.LogCaptureFixture) -> None:
    """The job fails with the way out, and that is all that is said."""

    @csvpipe.pipeline
    def local(row: csvpipe.Row) -> None: ...

    with _Pickling(1) as executor:
        async with csvpipe.WorkerPool(pipelines=[local], executor=executor) as pool:
            record = await (await pool.submit(local, make_faults(5))).wait()

    assert FileCode.ABORTED == record.error_code
    assert "cannot be found from another process" in (record.error_message or "")
    assert "move it to the top level of a module" in (record.error_message or "")
    assert "" == caplog.text


async def test_processes_of_others_that_die(make_faults: MakeFaults) -> None:
    """The job fails, and says where to look; nobody can tell which row it was."""
    import multiprocessing  # noqa: PLC0415

    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as executor:
        async with csvpipe.WorkerPool(pipelines=[handlers.single], executor=executor) as pool:
            record = await (await pool.submit(handlers.single, make_faults(9, {5: "exit"}))).wait()

    assert (JobStatus.FAILED, FileCode.CRASH_LOOP) == (record.status, record.error_code)
    assert "the executor takes or finishes no more work: BrokenProcessPool: " in (record.error_message or "")


async def test_an_executor_that_was_shut_down(make_faults: MakeFaults) -> None:
    """It takes nothing, which is the job's failure and no defect."""
    executor = ThreadPoolExecutor(1)
    executor.shutdown()

    async with csvpipe.WorkerPool(pipelines=[handlers.quiet], executor=executor) as pool:
        record = await (await pool.submit(handlers.quiet, make_faults(9))).wait()

    assert FileCode.CRASH_LOOP == record.error_code
    assert "cannot schedule new futures after shutdown" in (record.error_message or "")


async def test_tasks_that_do_not_come_back_are_left_to_their_executor(make_faults: MakeFaults, shared: Path) -> None:
    """The pool ends after its grace."""
    with ThreadPoolExecutor(1) as threads:
        async with csvpipe.WorkerPool(
            pipelines=[handlers.single], executor=threads, on_exit="stop", shutdown_grace=0.05
        ) as pool:
            job = await pool.submit(handlers.single, make_faults(9, {5: "wait"}))
            while not told(shared, "waiting"):
                await anyio.sleep(0.005)
        (shared / "go").touch()

    assert JobStatus.PROCESSING is (await job.record()).status


def test_time_limits_are_refused() -> None:
    """Nobody could keep them."""
    with ThreadPoolExecutor(1) as threads, pytest.raises(csvpipe.PipelineError, match="timeout= cannot be kept"):
        csvpipe.WorkerPool(pipelines=[handlers.limited], executor=threads)


def test_other_executors_are_refused() -> None:
    """There are two words, and a class."""
    executor: Any = "processes"
    with pytest.raises(ValueError, match=r"executor must be 'thread', 'process' or a concurrent\.futures\.Executor"):
        csvpipe.WorkerPool(executor=executor)


def test_a_client_is_no_executor() -> None:
    """Of Dask's it is said how to come by one."""

    class Client:
        def get_executor(self) -> None: ...

    client: Any = Client()
    with pytest.raises(ValueError, match=r"; of a Dask client take client\.get_executor\(\)"):
        csvpipe.WorkerPool(executor=client)
