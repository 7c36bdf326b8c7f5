"""What observers are told: on both event loops, by threads, processes and async handlers, and whatever they raise."""

import multiprocessing
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import anyio
import pytest
from lost_lease import ForgetfulStore, imported_in_spite
from process_handlers import quiet, single

import csvpipe
from csvpipe.jobs import JobRecord, JobStatus
from csvpipe.observing import ChunkObserver, ChunkReport, JobObserver, Observer
from csvpipe.store.protocol import Claim, WorkerId

pytestmark = pytest.mark.anyio

MakeCsv = Callable[..., Path]

_SPAWN = multiprocessing.get_context("spawn")

inside: ContextVar[str] = ContextVar("inside", default="outside")


class Notes(Observer):
    """Notes what it is told."""

    def __init__(self) -> None:
        self.said: list[tuple[Any, ...]] = []
        self.reports: list[ChunkReport | None] = []

    def job_submitted(self, job: JobRecord) -> None:
        """Note it."""
        self.said.append(("submitted", job.status.value))

    def job_started(self, job: JobRecord, *, is_takeover: bool) -> JobObserver:
        """Note it, and what follows."""
        self.said.append(("started", job.attempt, is_takeover))
        return _Job(self)


class _Job(JobObserver):
    def __init__(self, notes: Notes) -> None:
        self._notes = notes

    def chunk_started(self, *, first_row: int, start: int) -> ChunkObserver:
        self._notes.said.append(("chunk", first_row))
        return _Chunk(self._notes)

    def ended(self, job: JobRecord, *, is_lost: bool) -> None:
        self._notes.said.append(("ended", job.status.value, is_lost))


class _Chunk(ChunkObserver):
    def __init__(self, notes: Notes) -> None:
        self._notes = notes

    @contextmanager
    def around(self) -> Iterator[None]:
        token = inside.set("a chunk")
        try:
            yield
        finally:
            inside.reset(token)

    def ended(self, report: ChunkReport | None) -> None:
        self._notes.said.append(("chunk ended",))
        self._notes.reports.append(report)


class Haunted(csvpipe.MemoryJobStore):
    """A store whose first job had a worker that is dead."""

    is_haunted = True

    def claim(self, worker: WorkerId, **options: Any) -> list[Claim]:
        """Let the dead come first, once."""
        if self.is_haunted and super().claim(WorkerId("dead"), **{**options, "lease_seconds": -1.0}):
            self.is_haunted = False
        return super().claim(worker, **options)


def counted(notes: Notes) -> tuple[int, int, int, dict[str, int]]:
    """Rows processed, failed and skipped, and errors by code, of all chunks."""
    reports = [report for report in notes.reports if report is not None]
    errors: dict[str, int] = {}
    for report in reports:
        for code, number in report.errors.items():
            errors[code] = errors.get(code, 0) + number
    return (
        sum(report.processed for report in reports),
        sum(report.failed for report in reports),
        sum(report.skipped for report in reports),
        errors,
    )


async def imported(pipeline: csvpipe.Pipeline[..., Any], source: Any, **options: Any) -> csvpipe.JobRecord:
    """The job of a file in a pool of its own."""
    async with csvpipe.WorkerPool(pipelines=[pipeline], **options) as pool:
        return await (await pool.submit(pipeline, source)).wait()


@csvpipe.pipeline
def choosy(row: csvpipe.Row) -> None:
    """Some rows are refused, some left out."""
    if row.number % 10 == 0:
        raise csvpipe.Reject("a round number", code="round")
    if row.number % 11 == 0:
        raise csvpipe.Skip("a repdigit")


@pytest.mark.parametrize("rows", [100, 5_000])
async def test_jobs_and_chunks_are_told_of(make_csv: MakeCsv, rows: int) -> None:
    """Each in its order, with exact numbers, whether the file is done in one go or in chunks."""
    notes = Notes()

    record = await imported(choosy, make_csv(rows), observers=[notes], workers=2)

    assert [("submitted", "pending"), ("started", 1, False)] == notes.said[:2]
    assert ("ended", "completed", False) == notes.said[-1]
    chunks = [said for said in notes.said if said[0] == "chunk"]
    assert len(chunks) == notes.said.count(("chunk ended",)) == len(notes.reports)
    assert (1 if rows == 100 else 2) <= len(chunks)
    expected = (record.processed_rows, record.failed_rows, record.skipped_rows, {"round": rows // 10})
    assert expected == counted(notes)
    for report in notes.reports:
        assert report is not None
        assert report.handling is not None
        assert report.started_ns <= report.handling.started_ns <= report.handling.ended_ns <= report.ended_ns
        assert 0 <= report.handling.seconds <= report.seconds
    assert record.bytes_total - len("id,name\n") == sum(report.bytes for report in notes.reports if report)


@pytest.mark.parametrize("make", [lambda: nullcontext("process"), lambda: ProcessPoolExecutor(1, _SPAWN)])
async def test_processes_tell_how_long_they_handled(
    make_faults: Callable[..., Path], shared: Path, make: Callable[[], AbstractContextManager[Any]]
) -> None:
    """The time with the handler comes home with the result, from our own processes and from others."""
    notes = Notes()

    with make() as executor:
        file = make_faults(20, {7: "raise"})
        record = await imported(single, file, observers=[notes], workers=1, executor=executor)

    assert (record.processed_rows, record.failed_rows) == counted(notes)[:2]
    assert all(report is not None and report.handling is not None for report in notes.reports)


async def test_an_async_handler_is_within_the_chunk(make_csv: MakeCsv) -> None:
    """What is entered around a chunk is there for its handler, in the loop as in a thread."""
    seen = set()

    @csvpipe.pipeline(name="later")
    async def later(row: csvpipe.Row) -> None:
        await anyio.lowlevel.checkpoint()
        seen.add(("loop", inside.get()))

    @csvpipe.pipeline(name="now")
    def now(row: csvpipe.Row) -> None:
        seen.add(("thread", inside.get()))

    notes = Notes()

    for pipeline in (later, now):
        await imported(pipeline, make_csv(20), observers=[notes])

    assert {("loop", "a chunk"), ("thread", "a chunk")} == seen
    assert "outside" == inside.get()
    assert all(report is not None and report.handling is not None for report in notes.reports)


async def test_a_refused_file_is_submitted_and_no_more(tmp_path: Path) -> None:
    """It never starts."""
    notes = Notes()

    await imported(choosy, tmp_path / "none.csv", observers=[notes])

    assert [("submitted", "failed")] == notes.said


async def test_a_takeover_is_told_of(make_csv: MakeCsv) -> None:
    """A job whose worker has fallen silent says so when it starts again."""
    notes = Notes()

    record = await imported(quiet, make_csv(5), store=Haunted(), observers=[notes])

    assert JobStatus.COMPLETED is record.status
    assert ("started", 2, True) in notes.said


async def test_a_lost_lease_is_told_of(make_csv: MakeCsv, caplog: pytest.LogCaptureFixture) -> None:
    """The attempt ends as lost, and the next one is another's."""
    notes = Notes()

    record = await imported_in_spite(make_csv(50), caplog, ForgetfulStore(), observers=[notes])

    assert JobStatus.COMPLETED is record.status
    ends = [said for said in notes.said if said[0] == "ended"]
    assert True in [is_lost for _, _, is_lost in ends]
    assert ("ended", "completed", False) == ends[-1]


class Rude(Observer):
    """Raises wherever it can."""

    def __init__(self, *, is_early: bool) -> None:
        self._is_early = is_early

    def job_submitted(self, job: JobRecord) -> None:
        """Raise."""
        raise ValueError("submitted")

    def job_started(self, job: JobRecord, *, is_takeover: bool) -> JobObserver:
        """Raise here, or later."""
        if self._is_early:
            raise ValueError("started")
        return _RudeJob()


class _RudeJob(JobObserver):
    def chunk_started(self, *, first_row: int, start: int) -> ChunkObserver:
        return _RudeChunk()

    def ended(self, job: JobRecord, *, is_lost: bool) -> None:
        raise ValueError("ended")


class _RudeChunk(ChunkObserver):
    def around(self) -> AbstractContextManager[object]:
        return _RudeContext()

    def ended(self, report: ChunkReport | None) -> None:
        raise ValueError("chunk ended")


class _RudeContext(AbstractContextManager[None]):
    def __exit__(self, *raised: object) -> None:
        raise ValueError("left")


@pytest.mark.parametrize("is_early", [True, False])
async def test_what_an_observer_raises_harms_nothing(
    make_csv: MakeCsv, caplog: pytest.LogCaptureFixture, *, is_early: bool
) -> None:
    """It is logged, and the others are told."""
    notes = Notes()

    record = await imported(choosy, make_csv(5_000), observers=[Rude(is_early=is_early), notes], workers=2)

    assert (JobStatus.COMPLETED, 5_000) == (record.status, record.total_rows)
    assert ("ended", "completed", False) == notes.said[-1]
    raised = {str(each.exc_info[1]) for each in caplog.records if each.exc_info}
    assert ({"submitted", "started"} if is_early else {"submitted", "left", "chunk ended", "ended"}) == raised


class _Duck:
    """Has only what it wants to hear of."""

    def ended(self, job: JobRecord, *, is_lost: bool) -> None:
        """Not an observer of jobs."""


class Odd(Observer):
    """Answers with what a test says, at the place that it says."""

    def __init__(self, **answers: Any) -> None:
        self.answers = answers

    def job_started(self, job: JobRecord, *, is_takeover: bool) -> Any:
        """Answer, or have another one do that."""
        return self.answers.get("job") or _OddJob(self.answers)


class _OddJob(JobObserver):
    def __init__(self, answers: dict[str, Any]) -> None:
        self._answers = answers

    def chunk_started(self, *, first_row: int, start: int) -> Any:
        return self._answers.get("chunk") or _OddChunk(self._answers)


class _OddChunk(ChunkObserver):
    def __init__(self, answers: dict[str, Any]) -> None:
        self._answers = answers

    def around(self) -> Any:
        return self._answers["around"]()


class Late(Observer):
    """Is a coroutine where none may be."""

    async def job_started(self, job: JobRecord, *, is_takeover: bool) -> None:  # type: ignore[override]
        """Never run."""


@pytest.mark.parametrize(
    ("observer", "told"),
    [
        (Late(), "define them with def, not async def"),
        (Odd(job=_Duck()), "JobObserver or None, not"),
        (Odd(chunk=_Duck()), "ChunkObserver or None, not"),
        (Odd(around=lambda: 5), "__enter__"),
        (Odd(around=sys.exit), "SystemExit"),
    ],
)
async def test_an_odd_observer_harms_nothing(
    make_csv: MakeCsv, caplog: pytest.LogCaptureFixture, observer: Observer, told: str
) -> None:
    """What is wrong with it is logged."""
    record = await imported(choosy, make_csv(20), observers=[observer])

    assert (JobStatus.COMPLETED, 20) == (record.status, record.total_rows)
    assert told in caplog.text


async def test_only_observers_observe() -> None:
    """Something else is misuse."""
    with pytest.raises(TypeError, match=r"is no csvpipe\.observing\.Observer"):
        csvpipe.WorkerPool(observers=[print])  # type: ignore[list-item]


async def test_nobody_measures_where_nobody_observes(make_csv: MakeCsv, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without observers no turn is timed, in whichever executor."""

    def refuse(*_arguments: object, **_options: object) -> None:
        raise AssertionError("timed")

    monkeypatch.setattr("csvpipe._process.timed.TimedTurn.__init__", refuse)

    for options in ({}, {"executor": "process", "workers": 1}):
        assert 5_000 == (await imported(quiet, make_csv(5_000), **options)).processed_rows
