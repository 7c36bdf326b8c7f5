"""Whoever listens to a store in PostgreSQL hears of changes as they are committed, whoever makes them."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import anyio
import anyio.lowlevel
import anyio.to_thread
import pytest
import sqlalchemy

import csvpipe
from csvpipe import JobStatus, SQLJobStore
from csvpipe.errors import FileCode, FileFailure, JobNotFoundError
from csvpipe.events import EventKind
from csvpipe.jobs import JobId, Verb
from csvpipe.store.listening import Listening
from csvpipe.testing._store_contract.harness import a_draft, a_result, claim_all

#: Longer than any test: what happens within it has not happened by looking now and then.
NEVER = 100_000.0

_PATIENCE = 60.0


class Heard:
    """What a listener has been told, one after the other."""

    def __init__(self) -> None:
        self._said: queue.SimpleQueue[JobId] = queue.SimpleQueue()

    def __call__(self, job_id: JobId) -> None:
        """The callback."""
        self._said.put(job_id)

    def next(self) -> JobId:
        """What comes next."""
        return self._said.get(timeout=_PATIENCE)


@pytest.fixture
def url(make_url: Callable[[str], str]) -> str:
    """Of an empty database in PostgreSQL."""
    return make_url("postgresql")


@pytest.fixture
def store(url: str) -> Iterator[SQLJobStore]:
    """Where somebody listens."""
    with SQLJobStore(url) as store:
        store._ear._first_pause_seconds = 0.001
        yield store


@pytest.fixture
def other(url: str) -> Iterator[SQLJobStore]:
    """As another process has it."""
    with SQLJobStore(url) as store:
        yield store


def until_it_listens(store: SQLJobStore, other: SQLJobStore, heard: Heard) -> None:
    """Wait until the listening connection is up: it takes a moment, and what is said before is missed."""
    first = other.create(a_draft(pipeline="nobody's"))
    while True:
        other.request(first.id, Verb.PAUSE)
        other.request(first.id, Verb.RESUME)
        try:
            heard._said.get(timeout=0.05)
        except queue.Empty:
            continue
        break
    last = other.create(a_draft(pipeline="nobody's"))
    while heard.next() != last.id:
        pass


def test_each_change_is_told_once_it_is_committed(store: SQLJobStore, other: SQLJobStore) -> None:
    """A creation, a claim, progress, the end, and the deletion; a repeat that changes nothing is not told of."""
    heard = Heard()
    close = store.listen(heard)
    until_it_listens(store, other, heard)
    draft = a_draft()
    other.create(draft)
    other.create(draft)
    (claim,) = claim_all(other)
    other.commit(claim.lease, [a_result(1, 2)])
    other.commit(claim.lease, [a_result(1, 2)])
    other.renew([claim.lease], lease_seconds=30)
    other.settle(claim.lease, Verb.CANCEL)
    other.delete(draft.id)
    end = other.create(a_draft()).id
    said = [heard.next()]
    while said[-1] != end:
        said.append(heard.next())
    close()

    assert [draft.id] * 5 + [end] == said


def test_calls_alone(store: SQLJobStore, other: SQLJobStore) -> None:
    """Whoever wants to hear of calls is told of jobs that wait, and of what is asked of a running one."""
    heard = Heard()
    store.listen(heard, calls_only=True)
    until_it_listens(store, other, heard)
    draft = a_draft()
    other.create(draft)
    (claim,) = claim_all(other)
    other.commit(claim.lease, [a_result(1, 2)])
    asked = [other.request(draft.id, Verb.PAUSE), other.request(draft.id, Verb.RESUME)]
    other.settle(claim.lease, Verb.FAIL, failure=FileFailure(code=FileCode.ABORTED, message="enough"))
    other.request(draft.id, Verb.RETRY)
    end = other.create(a_draft()).id
    said = [heard.next()]
    while said[-1] != end:
        said.append(heard.next())

    assert [JobStatus.PROCESSING] * 2 == [record.status for record in asked]
    assert [draft.id] * 3 + [end] == said


def test_stores_of_one_database_do_not_hear_each_other(
    store: SQLJobStore, other: SQLJobStore, make_url: Callable[[str], str]
) -> None:
    """Each has a channel of its own."""
    heard = Heard()
    store.listen(heard)
    until_it_listens(store, other, heard)
    with SQLJobStore(make_url("postgresql")) as foreign:
        foreign.create(a_draft())
    job_id = other.create(a_draft()).id
    assert job_id == heard.next()


def test_a_store_that_does_not_listen_tells_all_the_same(store: SQLJobStore, other: SQLJobStore, url: str) -> None:
    """It opens no connection to hear by, and others hear of what it changes."""
    heard = Heard()
    store.listen(heard)
    until_it_listens(store, other, heard)
    with SQLJobStore(url, listening=False) as quiet:
        close = quiet.listen(Heard())
        job_id = quiet.create(a_draft()).id

        assert (job_id, None) == (heard.next(), quiet._ear._hearing)
        close()


def test_many_listeners_share_one_connection_that_goes_with_the_last(store: SQLJobStore, other: SQLJobStore) -> None:
    """However many they are, the server sees one connection more; when all are gone, none, and no thread."""
    heard = Heard()
    closers = [store.listen(heard) for _ in range(50)]
    until_it_listens(store, other, heard)
    hearing, threads = store._ear._hearing, listening_threads()
    for close in closers:
        close()
        close()
    assert hearing is not None
    hearing._thread.join(_PATIENCE)

    assert (1, False, None) == (len(threads), hearing._thread.is_alive(), store._ear._hearing)


def listening_threads() -> list[threading.Thread]:
    """Those that hear."""
    return [thread for thread in threading.enumerate() if thread.name == "csvpipe-ear"]


def test_a_lost_connection_is_made_anew(store: SQLJobStore, other: SQLJobStore) -> None:
    """Who listens does not notice, but for what was said meanwhile."""
    heard = Heard()
    store.listen(heard)
    for _ in range(2):
        until_it_listens(store, other, heard)
        with other._database.engine.begin() as connection:
            ended = connection.exec_driver_sql(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN%%'"
            ).all()
        assert ended
    until_it_listens(store, other, heard)


def test_what_somebody_else_says_is_passed_over(store: SQLJobStore, other: SQLJobStore) -> None:
    """Nor does one listener that raises keep the others from hearing."""
    heard = Heard()

    def raising(_: JobId) -> None:
        raise ValueError("no")

    store.listen(raising)
    store.listen(heard)
    until_it_listens(store, other, heard)
    with other._database.engine.begin() as connection:
        connection.execute(sqlalchemy.func.pg_notify(f"csvpipe_{store.identity}", "hello"))
    job_id = other.create(a_draft()).id
    assert job_id == heard.next()


def test_in_sqlite_nothing_is_heard(tmp_path: Path) -> None:
    """The store may be listened to, and looked at."""
    with SQLJobStore(f"sqlite:///{tmp_path}/jobs.db") as store:
        close = store.listen(Heard())
        assert isinstance(store, Listening)
        assert [] == listening_threads()
        close()


@pytest.mark.anyio
async def test_watchers_are_told(store: SQLJobStore, other: SQLJobStore) -> None:
    """Of a change, and of the deletion, without a look in between."""
    heard = Heard()
    store.listen(heard)
    await anyio.to_thread.run_sync(until_it_listens, store, other, heard)
    record = await anyio.to_thread.run_sync(other.create, a_draft())
    async with csvpipe.watch(store, record.id, poll_seconds=NEVER) as events:
        first = await anext(events)
        await anyio.to_thread.run_sync(other.request, record.id, Verb.PAUSE)
        second = await anext(events)
        await anyio.to_thread.run_sync(other.delete, record.id)
        with pytest.raises(JobNotFoundError):
            await anext(events)

    assert [EventKind.SUBMITTED, EventKind.PAUSED] == [first.kind, second.kind]


@pytest.mark.anyio
async def test_a_pool_hears_of_jobs_and_of_what_is_asked(store: SQLJobStore, other: SQLJobStore) -> None:
    """It neither looks for jobs by itself nor renews a lease within this test."""
    go, reached = threading.Event(), threading.Event()

    @csvpipe.pipeline
    def handle(row: csvpipe.Row) -> None:
        if row.number == 2:
            reached.set()
            go.wait(_PATIENCE)

    heard = Heard()
    store.listen(heard)
    await anyio.to_thread.run_sync(until_it_listens, store, other, heard)
    pool = csvpipe.WorkerPool(store, pipelines=[handle], workers=1, lease_seconds=NEVER)
    object.__setattr__(pool._settings, "poll_seconds", NEVER)
    async with pool:
        job = await pool.submit(handle, b"id\n" + b"1\n" * 50_000)
        await anyio.to_thread.run_sync(reached.wait)
        await anyio.to_thread.run_sync(other.request, job.id, Verb.PAUSE)
        async with job.events() as events:
            await anext(events)
            while not any(run._stop.is_set() for run in pool._service.claims._runs.values()):
                await anyio.lowlevel.checkpoint()
            go.set()
            async for event in events:
                if event.job.status is JobStatus.PAUSED:
                    break
        await anyio.to_thread.run_sync(other.request, job.id, Verb.RESUME)
        record = await job.wait()

    assert (JobStatus.COMPLETED, 50_000, 2) == (record.status, record.processed_rows, record.attempt)


def test_who_leaves_late_harms_nobody(store: SQLJobStore) -> None:
    """A listener that leaves twice, or after the store was closed, harms nobody."""
    close = store.listen(Heard())
    store.close()
    close()
    with pytest.raises(JobNotFoundError):
        store.get(JobId(uuid4()))
