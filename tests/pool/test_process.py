"""Worker processes: what a row can do to one, and what becomes of the others."""

import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import anyio
import attrs
import process_handlers as handlers
import pytest
from process_handlers import told

import csvpipe
from csvpipe.errors import FileCode, PipelineError, RowError
from csvpipe.executors.process.messages import JOBS_KEPT
from csvpipe.jobs import JobRecord, JobStatus

MakeFaults = Callable[..., Path]

pytestmark = pytest.mark.usefixtures("shared")


def imported(
    pipeline: csvpipe.Pipeline[..., Any], path: Path | bytes, **options: Any
) -> tuple[JobRecord, list[RowError]]:
    """One file through worker processes: its record and its row errors."""
    store = csvpipe.MemoryJobStore()
    [record] = csvpipe.run(pipeline, path, store=store, executor="process", **{"workers": 1, **options})
    return record, [error for _, error in store.row_errors(record.id)]


def is_running(pid: int) -> bool:
    """Whether a process exists that is not merely waiting to be reaped."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def until_gone(pids: Iterable[int]) -> bool:
    """Wait until none of these processes runs any more; the test's time limit is the end of patience."""
    for pid in pids:
        while is_running(pid):
            time.sleep(0.01)
    return True


async def until_told(folder: Path, name: str, lines: int = 1) -> list[str]:
    """Wait until handlers have told so much."""
    while len(found := told(folder, name)) < lines:
        await anyio.sleep(0.005)
    return found


# Rows that kill -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "how"),
    [
        ("exit", "it ended with exit code 3"),
        ("segv", "killed by SIGSEGV"),
        ("kill", "killed by SIGKILL, perhaps for want of memory"),
        ("ctypes", "killed by SIGSEGV"),
    ],
)
def test_a_row_that_kills_its_worker_costs_itself_alone(
    fault: str, how: str, make_faults: MakeFaults, shared: Path
) -> None:
    """Every other row is handled; those before it perhaps once more."""
    record, errors = imported(handlers.single, make_faults(20, {6: fault}))

    assert (JobStatus.COMPLETED, 19, 1) == (record.status, record.processed_rows, record.failed_rows)
    message = (
        f"the process that handled this row died, again and again: {how}; mend the handler, then submit the row again"
    )
    assert [(6, 7, "worker_lost", "handle", message)] == [
        (error.row, error.line, error.code, error.phase, error.message) for error in errors
    ]
    handled = [int(row) for row in told(shared, "handled")]
    assert {*range(1, 21)} - {6} == set(handled)
    assert [row for row in handled if row > 6] == [*range(7, 21)]


@pytest.mark.parametrize("faults", [{1: "exit"}, {20: "exit"}, {8: "exit", 9: "segv"}, {3: "exit", 4: "raise"}])
def test_wherever_the_killers_stand(faults: dict[int, str], make_faults: MakeFaults) -> None:
    """First, last, side by side, or beside a row that is merely bad."""
    record, errors = imported(handlers.single, make_faults(20, faults))

    assert (20 - len(faults), len(faults)) == (record.processed_rows, record.failed_rows)
    codes = {"raise": "handler"}
    assert [(row, codes.get(fault, "worker_lost")) for row, fault in faults.items()] == [
        (error.row, error.code) for error in errors
    ]


@pytest.mark.parametrize("pipeline", [handlers.batch, handlers.fragile_batch, handlers.limited_batch])
def test_a_killer_in_a_batch_is_isolated(pipeline: Any, make_faults: MakeFaults) -> None:
    """The batch is halved until the row stands alone, be it killed by the handler or when the row was made."""
    record, errors = imported(pipeline, make_faults(30, {11: "exit"}))

    assert (JobStatus.COMPLETED, 29, 1) == (record.status, record.processed_rows, record.failed_rows)
    assert [(11, "worker_lost")] == [(error.row, error.code) for error in errors]


def test_a_killer_in_the_constructor_of_its_row(make_faults: MakeFaults) -> None:
    """A row that kills before the handler sees it is found as well."""
    record, errors = imported(handlers.fragile, make_faults(9, {5: "exit"}))

    assert (8, [(5, "worker_lost")]) == (record.processed_rows, [(error.row, error.code) for error in errors])


def test_killers_in_many_chunks_of_a_large_file(make_faults: MakeFaults) -> None:
    """Two workers, each with killers of its own."""
    faults = {3: "exit", 9_000: "segv", 15_000: "kill", 20_000: "exit"}

    record, errors = imported(handlers.listed, make_faults(20_000, faults), workers=2)

    assert (JobStatus.COMPLETED, 19_996, 4) == (record.status, record.processed_rows, record.failed_rows)
    assert [(row, "worker_lost") for row in faults] == [(error.row, error.code) for error in errors]


def test_a_killer_ends_a_strict_job(make_faults: MakeFaults) -> None:
    """`on_error="fail"` holds for rows that kill as for all others."""
    record, _ = imported(handlers.strict, make_faults(9, {5: "exit"}))

    assert (JobStatus.FAILED, FileCode.ROW_ERROR, 4) == (record.status, record.error_code, record.processed_rows)
    assert "row 5, line 6: [worker_lost] the process" in (record.error_message or "")


def test_a_worker_that_is_killed_from_outside_costs_no_row(make_faults: MakeFaults, shared: Path) -> None:
    """The row in hand is tried again alone, and is not to blame."""

    def killer() -> None:
        while not (waiting := told(shared, "waiting")):
            time.sleep(0.005)
        (shared / "go").touch()
        os.kill(int(waiting[0]), signal.SIGKILL)

    thread = threading.Thread(target=killer)
    thread.start()
    record, errors = imported(handlers.single, make_faults(9, {5: "wait"}))
    thread.join()

    assert (JobStatus.COMPLETED, 9, []) == (record.status, record.processed_rows, errors)


def test_a_file_of_killers_ends_the_job(make_faults: MakeFaults) -> None:
    """Not one restart after the other for each of a million rows."""
    record, errors = imported(handlers.single, make_faults(9, dict.fromkeys(range(1, 10), "exit")))

    assert (JobStatus.FAILED, FileCode.CRASH_LOOP) == (record.status, record.error_code)
    assert (0, 2, 2) == (record.processed_rows, record.failed_rows, len(errors))
    assert (
        "faults.csv: the first 3 rows all killed the process that handled them: it ended with exit code 3; mend the "
        "handler, or a library that it uses, then retry the job" == record.error_message
    )


def test_a_setup_that_kills_ends_the_job(make_faults: MakeFaults) -> None:
    """Workers that die before they have a row are not started for ever."""
    record, _ = imported(handlers.never_begins, make_faults(9))

    assert (JobStatus.FAILED, FileCode.CRASH_LOOP) == (record.status, record.error_code)
    assert "3 worker processes in a row died before they had a row in hand: it ended with exit code 7" in (
        record.error_message or ""
    )


def test_a_module_that_kills_when_it_is_imported_ends_the_job(
    make_faults: MakeFaults, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The host has imported it; workers cannot."""
    module = import_text(tmp_path, monkeypatch, "kills_others", "import os\nif os.getpid() != HOST: os._exit(9)\n")

    record, _ = imported(module.handle, make_faults(9))

    assert (JobStatus.FAILED, FileCode.CRASH_LOOP) == (record.status, record.error_code)


def test_a_module_that_cannot_be_imported_elsewhere_fails_the_job(
    make_faults: MakeFaults, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """With the reason and the way out, and the traceback in the log."""
    module = import_text(
        tmp_path, monkeypatch, "shy", "import os\nif os.getpid() != HOST: raise ValueError('not here')\n"
    )

    record, _ = imported(module.handle, make_faults(9), workers=2)

    assert (JobStatus.FAILED, FileCode.ABORTED) == (record.status, record.error_code)
    assert (
        "faults.csv: shy:handle cannot be imported in a worker process: ValueError: not here; make sure that it can "
        "be imported without the program around it, or use executor='thread', then retry the job"
        == record.error_message
    )
    assert "Traceback" in caplog.text


def import_text(folder: Path, monkeypatch: pytest.MonkeyPatch, name: str, text: str) -> Any:
    """Import a module that is written here, with a pipeline `handle`; `HOST` is this process."""
    declared = "import csvpipe\n@csvpipe.pipeline\ndef handle(row: csvpipe.Row) -> None: ...\n"
    (folder / f"{name}.py").write_text(f"HOST = {os.getpid()}\n{text}{declared}")
    monkeypatch.syspath_prepend(folder)
    monkeypatch.delitem(sys.modules, name, raising=False)
    return __import__(name)


# Calls that do not return ---------------------------------------------------------------------------------------------


def test_a_call_that_takes_too_long_is_given_up(make_faults: MakeFaults, shared: Path) -> None:
    """Its row alone is lost; the rows before it are not handled again."""
    record, errors = imported(handlers.limited, make_faults(9, {5: "hang", 8: "hang"}))

    assert (JobStatus.COMPLETED, 7) == (record.status, record.processed_rows)
    message = "the handler took longer than 1 seconds; submit the row again, or raise timeout="
    assert [(5, "timeout", message), (8, "timeout", message)] == [(e.row, e.code, e.message) for e in errors]
    assert [1, 2, 3, 4, 6, 7, 9] == [int(row) for row in told(shared, "handled")]


@pytest.mark.parametrize(("pipeline", "rows"), [(handlers.limited, [5]), (handlers.limited_batch, [5, 6, 7, 8])])
def test_a_call_that_holds_the_interpreter_is_killed(pipeline: Any, rows: list[int], make_faults: MakeFaults) -> None:
    """Where not even a thread of the worker's can do anything, the host does."""
    record, errors = imported(pipeline, make_faults(10, {5: "freeze"}))

    assert (JobStatus.COMPLETED, 10 - len(rows)) == (record.status, record.processed_rows)
    assert [(row, "timeout") for row in rows] == [(error.row, error.code) for error in errors]


# Resources ------------------------------------------------------------------------------------------------------------


def test_resources_are_entered_and_left_in_the_worker(make_faults: MakeFaults, shared: Path) -> None:
    """Once a worker, and left when the pool ends."""
    record, _ = imported(handlers.resourceful, make_faults(20_000), workers=2)

    assert (JobStatus.COMPLETED, 20_000) == (record.status, record.processed_rows)
    entered = told(shared, "entered")
    assert str(os.getpid()) not in entered
    assert 1 <= len(set(entered)) == len(entered) <= 2
    assert sorted(entered) == sorted(told(shared, "left"))


def test_what_fails_when_a_resource_is_left_is_logged_by_the_host(
    make_faults: MakeFaults, caplog: pytest.LogCaptureFixture
) -> None:
    """Logging of worker processes is nobody's; the host's is the application's."""
    record, _ = imported(handlers.clumsily, make_faults(3))

    assert JobStatus.COMPLETED is record.status
    assert "pipeline 'clumsily': its setup failed at the end" in caplog.text
    assert "ValueError: cannot let go" in caplog.text


@pytest.mark.anyio
async def test_resources_are_renewed_after_an_outage(make_faults: MakeFaults, shared: Path) -> None:
    """What was entered before may be broken: it is left, and entered anew in the same process."""
    async with csvpipe.WorkerPool(pipelines=[handlers.offline], executor="process", workers=1) as pool:
        job = await pool.submit(handlers.offline, make_faults(3))
        failed = await job.wait()
        (shared / "online").touch()
        await job.retry()
        record = await job.wait()

    assert (FileCode.RETRY_EXHAUSTED, JobStatus.COMPLETED) == (failed.error_code, record.status)
    entered = told(shared, "entered")
    assert (2, 1) == (len(entered), len(set(entered)))
    assert entered == told(shared, "left")


# The end --------------------------------------------------------------------------------------------------------------


@pytest.mark.anyio
@pytest.mark.parametrize("verb", ["pause", "cancel", "stop"])
async def test_rows_in_hand_are_finished(verb: str, make_faults: MakeFaults, shared: Path) -> None:
    """Whoever ends a run waits for the call in hand, and for no more."""
    async with csvpipe.WorkerPool(pipelines=[handlers.single], executor="process", workers=1, on_exit="stop") as pool:
        job = await pool.submit(handlers.single, make_faults(50_000, {40: "wait"}))
        await until_told(shared, "waiting")
        async with anyio.create_task_group() as group:
            if verb == "stop":
                group.start_soon(pool.stop)
                await pool._service._stop_wanted.wait()
            else:
                await (job.pause() if verb == "pause" else job.cancel())
            (shared / "go").touch()
        while verb != "stop" and (await job.record()).status is JobStatus.PROCESSING:
            await anyio.sleep(0.005)

    record = await job.record()
    expected = {"pause": JobStatus.PAUSED, "cancel": JobStatus.CANCELLED, "stop": JobStatus.PENDING}
    assert (expected[verb], len(told(shared, "handled"))) == (record.status, record.processed_rows)
    assert 40 <= record.processed_rows < 50_000


@pytest.mark.anyio
async def test_a_paused_job_goes_on(make_faults: MakeFaults, shared: Path) -> None:
    """In the same worker, with the rows that are left."""
    async with csvpipe.WorkerPool(pipelines=[handlers.single], executor="process", workers=1) as pool:
        job = await pool.submit(handlers.single, make_faults(500, {40: "wait"}))
        await until_told(shared, "waiting")
        await job.pause()
        (shared / "go").touch()
        while (await job.record()).status is not JobStatus.PAUSED:
            await anyio.sleep(0.005)
        await job.resume()
        record = await job.wait()

    assert (JobStatus.COMPLETED, 500) == (record.status, record.processed_rows)
    assert [*range(1, 501)] == [int(row) for row in told(shared, "handled")]


@pytest.mark.anyio
async def test_handlers_that_do_not_return_are_killed_after_the_grace(make_faults: MakeFaults, shared: Path) -> None:
    """No process is left behind, and what was committed is kept."""
    store = csvpipe.MemoryJobStore()
    async with csvpipe.WorkerPool(
        store, pipelines=[handlers.single], executor="process", workers=1, on_exit="stop", shutdown_grace=0.1
    ) as pool:
        job = await pool.submit(handlers.single, make_faults(50, {40: "wait"}))
        [pid] = await until_told(shared, "waiting")

    assert until_gone([int(pid)])
    assert JobStatus.PROCESSING is (await job.record()).status


@pytest.mark.anyio
async def test_a_cancelled_host_leaves_no_process(make_faults: MakeFaults, shared: Path) -> None:
    """Cancellation ends the pool in an orderly way."""
    with anyio.CancelScope() as scope:
        async with csvpipe.WorkerPool(pipelines=[handlers.single], executor="process", workers=1) as pool:
            await pool.submit(handlers.single, make_faults(50, {40: "wait"}))
            [pid] = await until_told(shared, "waiting")
            (shared / "go").touch()
            scope.cancel()
            await anyio.sleep_forever()

    assert scope.cancelled_caught
    assert not is_running(int(pid))


@pytest.mark.anyio
async def test_processes_are_started_when_they_are_needed(make_faults: MakeFaults) -> None:
    """None for nothing, and one for a small file after the other."""
    async with csvpipe.WorkerPool(pipelines=[handlers.quiet], executor="process", workers=4) as pool:
        crew: Any = pool._crew
        assert [] == crew.pids
        found = []
        for _ in range(5):
            record = await (await pool.submit(handlers.quiet, make_faults(3))).wait()
            assert JobStatus.COMPLETED is record.status
            found += crew.pids

    assert (5, 1) == (len(found), len(set(found)))
    assert [] == crew.pids
    assert not is_running(found[0])


def test_more_jobs_than_a_worker_keeps_prepared(make_faults: MakeFaults) -> None:
    """Host and worker forget the same ones."""
    records = csvpipe.run(handlers.quiet, *[make_faults(3)] * (JOBS_KEPT + 3), executor="process", workers=1)

    assert {(JobStatus.COMPLETED, 3)} == {(record.status, record.processed_rows) for record in records}


@pytest.mark.anyio
async def test_an_idle_worker_that_died_is_replaced(make_faults: MakeFaults) -> None:
    """Nobody notices."""
    async with csvpipe.WorkerPool(pipelines=[handlers.quiet], executor="process", workers=1) as pool:
        await (await pool.submit(handlers.quiet, make_faults(3))).wait()
        [pid] = pool._crew.pids  # type: ignore[attr-defined]
        os.kill(pid, signal.SIGKILL)
        assert until_gone([pid])
        record = await (await pool.submit(handlers.quiet, make_faults(3))).wait()

    assert (JobStatus.COMPLETED, 3) == (record.status, record.processed_rows)


@pytest.mark.anyio
async def test_workers_leave_signals_to_their_host(make_faults: MakeFaults, shared: Path) -> None:
    """Ctrl-C reaches the whole group of processes: rows in hand are finished all the same."""
    async with csvpipe.WorkerPool(pipelines=[handlers.single], executor="process", workers=1) as pool:
        job = await pool.submit(handlers.single, make_faults(9, {5: "wait"}))
        [pid] = await until_told(shared, "waiting")
        for number in (signal.SIGINT, signal.SIGTERM):
            os.kill(int(pid), number)
        (shared / "go").touch()
        record = await job.wait()

    assert (JobStatus.COMPLETED, 9) == (record.status, record.processed_rows)
    assert [*range(1, 10)] == [int(row) for row in told(shared, "handled")]


_HOST = """\
import sys, csvpipe, process_handlers as handlers
if __name__ == "__main__":
    csvpipe.run(handlers.single, sys.argv[1], executor="process", workers=2)
"""


def test_workers_do_not_outlive_a_host_that_is_killed(make_faults: MakeFaults, tmp_path: Path, shared: Path) -> None:
    """Not even one that is handling a row."""
    program = tmp_path / "host.py"
    program.write_text(_HOST)
    path = os.pathsep.join(entry for entry in sys.path if entry)
    with subprocess.Popen(
        [sys.executable, program, make_faults(20_000, {40: "wait", 19_000: "wait"})],
        env={**os.environ, "PYTHONPATH": path},
    ) as host:
        while len(waiting := told(shared, "waiting")) < 2:
            time.sleep(0.01)
        assert all(is_running(int(pid)) for pid in waiting)
        host.kill()

    assert until_gone(int(pid) for pid in waiting)


def test_a_daemonic_host_may_have_workers(make_faults: MakeFaults) -> None:
    """Processes of `multiprocessing` that are daemons, as in task queues, may have no children of its own making."""
    host = multiprocessing.get_context("spawn").Process(
        target=handlers.be_a_host, args=(str(make_faults(9)),), daemon=True
    )
    host.start()
    host.join()

    assert 9 == host.exitcode


# Names ----------------------------------------------------------------------------------------------------------------


def test_pipelines_without_a_name_are_refused_at_once() -> None:
    """Not at the first row of the first file."""

    @csvpipe.pipeline
    def local(row: csvpipe.Row) -> None: ...

    with pytest.raises(PipelineError, match=r"is made inside a function .*; move it to the top level of a module"):
        csvpipe.WorkerPool(pipelines=[local], executor="process")


@pytest.mark.parametrize(
    "pipeline", [handlers.Group.handle, handlers.renamed, handlers.other_name], ids=lambda pipeline: pipeline.name
)
def test_whatever_has_a_name_is_found(pipeline: Any, make_faults: MakeFaults) -> None:
    """In a class, under another name than its handler's, or with other policies."""
    record, _ = imported(pipeline, make_faults(3))

    assert (JobStatus.COMPLETED, 3) == (record.status, record.processed_rows)


def test_policies_that_were_changed_reach_the_worker(make_faults: MakeFaults) -> None:
    """`attrs.evolve` makes a pipeline that no module has a name for; its handler has one."""
    pipeline = attrs.evolve(handlers.typed, name="evolved", on_error="fail")

    record, _ = imported(pipeline, make_faults(9))

    assert (JobStatus.FAILED, FileCode.ROW_ERROR) == (record.status, record.error_code)


def test_async_handlers_stay_in_the_loop(make_faults: MakeFaults) -> None:
    """They need no name, and no process is started for them."""

    @csvpipe.pipeline
    async def local(row: csvpipe.Row) -> None:
        assert threading.current_thread().name == "csvpipe-run"

    record, errors = imported(local, make_faults(20))

    assert (20, []) == (record.processed_rows, errors)
