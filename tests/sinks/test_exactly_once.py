"""Whatever dies, and whenever: each row is in the table once, and the job counts every one of them."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Callable, Sequence
from contextlib import closing
from itertools import count
from typing import Any
from uuid import UUID

import anyio
import attrs
import pytest

import csvpipe
from csvpipe._intake.inspection import Inspection, JobPlan
from csvpipe._intake.source import _HeldFile
from csvpipe._partition.chunk import Chunk
from csvpipe._process.delivery import DeliveryRun
from csvpipe._process.resources import Resources
from csvpipe._process.result import ChunkResult
from csvpipe._process.stopping import StopSignal
from csvpipe._process.turn import FreeGate, Habit, Turn
from csvpipe._process.work import Allowance, JobWork
from csvpipe.context import Context
from csvpipe.errors import TakenOverError
from csvpipe.jobs import JobId
from csvpipe.limits import Limits
from csvpipe.sink import SinkSession
from csvpipe.sinks import SQLTable, fence, sqlite
from csvpipe.sinks.session import Session

PEOPLE = "CREATE TABLE people (id INTEGER PRIMARY KEY, name VARCHAR(20) NOT NULL)"
CONTENT = b"id,name\n" + b"".join(b"%d,name %d\n" % (number, number) for number in range(1, 2_001))
JOB = JobId(UUID(int=7))


@attrs.frozen
class Person:
    id: int
    name: str


class _Faulty:
    """A sink whose sessions meet trouble: a function is called before and after each of their steps."""

    def __init__(self, table: SQLTable, trouble: Callable[[str, Session], None]) -> None:
        self.table = table
        self.trouble = trouble
        self.needs_order = table.needs_order
        self.patience_seconds = table.patience_seconds
        self.check, self.take_over, self.forget = table.check, table.take_over, table.forget

    def open(self) -> SinkSession:
        return _FaultySession(self.table.open(), self.trouble)


class _FaultySession:
    """See `_Faulty`."""

    def __init__(self, session: Session, trouble: Callable[[str, Session], None]) -> None:
        self.session = session
        self.trouble = trouble
        self.rollback, self.close = session.rollback, session.close

    def begin(self, job_id: JobId, attempt: int, start: int, *, is_strict: bool) -> str | None:
        self.trouble("opened", self.session)
        try:
            found = self.session.begin(job_id, attempt, start, is_strict=is_strict)
        except csvpipe.Unavailable:
            self.trouble("refused", self.session)
            raise
        self.trouble("begun", self.session)
        return found

    def write(self, rows: Sequence[object]) -> None:
        self.session.write(rows)
        self.trouble("written", self.session)

    def commit(self, end: int, result: str) -> None:
        self.trouble("committing", self.session)
        self.session.commit(end, result)
        self.trouble("committed", self.session)


def pipeline_of(sink: Any, **more: Any) -> csvpipe.Pipeline[..., Any]:
    """Rows as they are."""
    return csvpipe.Pipeline(name="load", row_type=Person, sink=sink, **more)


def imported(pipeline: Any, **options: Any) -> csvpipe.JobRecord:
    """Import the file."""
    [record] = csvpipe.run(pipeline, CONTENT, **options)
    return record


def check_all_there(database: Any) -> None:
    """Each row once."""
    assert [(2_000, 2_001_000)] == database.rows("SELECT count(*), sum(id) FROM people")


class _Once:
    """Does something at a step, the first time that it is come to."""

    def __init__(self, step: str, action: Callable[[Session], None]) -> None:
        self.step = step
        self.action = action
        self.lock = threading.Lock()
        self.is_done = False

    def __call__(self, step: str, session: Session) -> None:
        with self.lock:
            if step != self.step or self.is_done:
                return
            self.is_done = True
        self.action(session)


@pytest.mark.parametrize("step", ["begun", "written", "committing", "committed"])
def test_a_connection_that_is_lost_is_made_anew(server: Any, step: str) -> None:
    """Before, while and after rows are written, and with a commit whose outcome nobody knows."""
    server.run(PEOPLE)

    def terminate(session: Session) -> None:
        pid = session._connection.info.backend_pid
        server.run(f"SELECT pg_terminate_backend({pid})")
        if step == "committed":
            session.close()
            raise csvpipe.Unavailable("the answer to COMMIT was lost")

    trouble = _Once(step, terminate)

    record = imported(pipeline_of(_Faulty(SQLTable(server.url, "people"), trouble)), workers=2)

    assert trouble.is_done
    assert ("completed", 2_000, 0) == (record.status, record.processed_rows, record.failed_rows)
    check_all_there(server)


def test_a_connection_that_is_lost_amid_a_copy_is_made_anew(server: Any) -> None:
    """The server ends it while rows are on their way; nothing of that copy is left."""
    server.run(
        PEOPLE,
        "CREATE SEQUENCE tries",
        "CREATE FUNCTION die() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF NEW.id = 900 AND nextval('tries') = 1 "
        "THEN PERFORM pg_terminate_backend(pg_backend_pid()); END IF; RETURN NEW; END $$",
        "CREATE TRIGGER die BEFORE INSERT ON people FOR EACH ROW EXECUTE FUNCTION die()",
    )

    record = imported(pipeline_of(SQLTable(server.url, "people")), workers=2)

    assert ("completed", 2_000, 0) == (record.status, record.processed_rows, record.failed_rows)
    check_all_there(server)


def test_an_outage_that_lasts_ends_the_job_at_its_checkpoint(database: Any) -> None:
    """The rows are nobody's fault: none is rejected, and a retry goes on from there."""
    database.run(PEOPLE)
    numbers = count()

    def down(step: str, _session: Session) -> None:
        if step == "begun" and next(numbers) > 0:
            raise csvpipe.Unavailable("no route to host")

    store = csvpipe.MemoryJobStore()
    sink = _Faulty(SQLTable(database.url, "people", patience_seconds=0), down)

    record = imported(pipeline_of(sink), workers=1, store=store)

    assert ("failed", "retry_exhausted", 0) == (record.status, record.error_code, record.failed_rows)
    assert 0 < record.processed_rows < 2_000
    assert [(record.processed_rows,)] == database.rows("SELECT count(*) FROM people")


def test_a_database_that_is_locked_is_waited_for(
    make_database: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite has one writer at a time; a lock of somebody else's is an outage that passes."""
    database = make_database("sqlite")
    database.run(PEOPLE)
    monkeypatch.setattr(sqlite, "_BUSY_MILLISECONDS", 0)
    table = SQLTable(database.url, "people")
    with closing(sqlite3.connect(database.engine.url.database, check_same_thread=False)) as holder:

        def hold(_session: Session) -> None:
            holder.execute("BEGIN IMMEDIATE")

        def let_go(_session: Session) -> None:
            holder.rollback()

        hold_once, let_go_once = _Once("opened", hold), _Once("refused", let_go)

        def trouble(step: str, session: Session) -> None:
            hold_once(step, session)
            let_go_once(step, session)

        record = imported(pipeline_of(_Faulty(table, trouble)), workers=2)

    assert let_go_once.is_done
    assert ("completed", 2_000) == (record.status, record.processed_rows)
    check_all_there(database)


# Takeovers ------------------------------------------------------------------------------------------------------------


def run_chunk(table: SQLTable, attempt: int, chunk: Chunk | None = None) -> ChunkResult:
    """Have one worker deliver the whole of the file, or this chunk, as that attempt."""
    job = job_of(table, attempt)
    whole = Chunk(start=8, end=len(CONTENT), first_row=1, first_line=2, rows=2_000, lines=2_000)
    turn = Turn(FreeGate(), Habit())
    run = DeliveryRun(job, chunk or whole, Allowance(error_budget=10), stop=StopSignal(), turn=turn)
    resources = Resources()
    try:
        return run(resources)
    finally:
        resources.close()


def job_of(table: SQLTable, attempt: int) -> JobWork:
    """The job as a worker has it."""
    source = _HeldFile(path="people.csv", size=len(CONTENT), mtime_ns=0, content=CONTENT)
    inspection = Inspection(
        encoding="utf-8", dialect=csvpipe.Dialect(), columns=("id", "name"), data_start=8, data_line=2
    )
    plan = JobPlan(source=source, inspection=inspection, limits=Limits(), dry_run=False)
    context = Context(job_id=JOB, root_id=JOB, filename="", owner=None, attempt=attempt, dry_run=False)
    return JobWork(pipeline_of(table), plan, context, chunk_seconds=60.0)


def test_what_was_delivered_is_not_delivered_again(database: Any) -> None:
    """A second run of a chunk, by whomever, finds the marker and brings back the first one's result."""
    database.run(PEOPLE)
    table = SQLTable(database.url, "people")
    table.take_over(JOB, 1)

    first = run_chunk(table, 1)

    assert (2_000, None) == (first.processed, first.failure)
    assert first == run_chunk(table, 1)
    assert [first] == [ChunkResult.from_dict(json.loads(text)) for text in table.take_over(JOB, 2)]
    check_all_there(database)


def test_a_zombie_writes_nothing(database: Any) -> None:
    """An attempt that has been replaced finds the fence raised, even where nothing of the file is delivered."""
    database.run(PEOPLE)
    table = SQLTable(database.url, "people")
    table.take_over(JOB, 2)

    result = run_chunk(table, 1)

    assert (0, 8) == (result.rows, result.end)
    assert result.failure is not None
    assert "has been taken over by another worker" in result.failure.message
    assert [] == database.rows("SELECT id FROM people")
    with pytest.raises(TakenOverError):
        table.take_over(JOB, 1)


def test_the_fence_waits_for_a_delivery_under_way(server: Any) -> None:
    """Whoever raises it learns of what was being written at that moment."""
    server.run(PEOPLE)
    table = SQLTable(server.url, "people")
    table.take_over(JOB, 1)
    session = table.open()
    session.begin(JOB, 1, 8, is_strict=False)
    session.write([Person(1, "a")])
    found: list[str] = []
    thread = threading.Thread(target=lambda: found.extend(table.take_over(JOB, 2)))
    thread.start()

    while not server.rows("SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'"):
        pass
    session.commit(20, "{}")
    thread.join()

    assert ["{}"] == found
    session.close()


def test_a_frozen_delivery_is_ended(server: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A client that holds the fence and does not come back loses its connection, and its rows are not there."""
    server.run(PEOPLE)
    monkeypatch.setattr(fence, "_LOCK_SECONDS", 0.05)
    table = SQLTable(server.url, "people")
    table.take_over(JOB, 1)
    frozen = table.open()
    frozen.begin(JOB, 1, 8, is_strict=False)
    frozen.write([Person(1, "a")])

    assert [] == table.take_over(JOB, 2)

    with pytest.raises(csvpipe.Unavailable):
        frozen.commit(20, "{}")
    with pytest.raises(TakenOverError):
        frozen.begin(JOB, 1, 8, is_strict=False)
    assert [] == server.rows("SELECT id FROM people")
    frozen.close()


class _Crashing(csvpipe.MemoryJobStore):
    """A store whose owner dies before anything of the first attempt is committed to it."""

    def commit(self, lease: Any, results: Any, **more: Any) -> Any:
        if lease.token == 1:
            raise RuntimeError("dead")
        return super().commit(lease, results, **more)

    def settle(self, lease: Any, verb: Any, **more: Any) -> Any:
        if lease.token == 1:
            raise RuntimeError("dead")
        return super().settle(lease, verb, **more)


@pytest.mark.parametrize("refused", [0, 1])
def test_markers_are_brought_home(database: Any, refused: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the sink has and the job store does not is recorded by the next attempt, its row errors as well."""
    monkeypatch.setattr("csvpipe.pool.commits._PAUSES", ())
    database.run(PEOPLE, *["INSERT INTO people VALUES (900, 'here')"] * refused)
    pipeline = pipeline_of(SQLTable(database.url, "people"))
    store = _Crashing()

    async def main() -> csvpipe.JobRecord:
        async with csvpipe.WorkerPool(store, pipelines=[pipeline], lease_seconds=0.4, workers=2) as pool:
            job = await pool.submit(pipeline, CONTENT)
            return await job.wait()

    record = anyio.run(main)

    assert ("completed", 2_000 - refused, refused) == (record.status, record.processed_rows, record.failed_rows)
    assert record.attempt > 1
    assert [(900, "unique")] * refused == [(error.row, error.code) for _, error in store.row_errors(record.id)]
    assert [(2_000,)] == database.rows("SELECT count(*) FROM people")


def test_what_is_kept_of_a_job_goes_with_it(database: Any) -> None:
    """Fence and markers are removed after the job."""
    database.run(PEOPLE)
    pipeline = pipeline_of(SQLTable(database.url, "people"))

    async def main() -> None:
        async with csvpipe.WorkerPool(pipelines=[pipeline]) as pool:
            job = await pool.submit(pipeline, CONTENT)
            await job.wait()
            assert [(1,)] == database.rows("SELECT attempt FROM csvpipe_fence")
            await job.delete()

    anyio.run(main)

    assert [] == database.rows("SELECT job FROM csvpipe_fence")
    assert [] == database.rows("SELECT job FROM csvpipe_markers")
