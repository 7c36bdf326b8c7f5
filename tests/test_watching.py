"""A job that runs elsewhere is followed through its store."""

from collections.abc import Callable
from uuid import uuid4

import anyio
import pytest

import csvpipe
from csvpipe._process.result import ChunkResult
from csvpipe.events import EventKind
from csvpipe.jobs import JobId, JobRecord, Verb
from csvpipe.store.protocol import Lease
from csvpipe.testing import FaultyStore
from csvpipe.testing._store_contract.harness import a_draft, a_result, claim_all

pytestmark = pytest.mark.anyio


class ListeningStore(csvpipe.MemoryJobStore):
    """Says when a job was committed to."""

    callbacks: tuple[Callable[[JobId], object], ...] = ()

    def listen(self, callback: Callable[[JobId], object], *, calls_only: bool = False) -> Callable[[], object]:
        """See `Listening.listen`."""
        self.callbacks = (*self.callbacks, callback)

        def close() -> None:
            self.callbacks = ()

        return close

    def commit(self, lease: Lease, results: list[ChunkResult], **options: object) -> JobRecord:
        """See `JobStore.commit`."""
        record = super().commit(lease, results, **options)  # type: ignore[arg-type]
        for callback in self.callbacks:
            callback(JobId(uuid4()))
            callback(lease.job_id)
        return record


async def test_a_job_is_followed_to_its_end() -> None:
    """From its present state to the last, with what happened between two looks merged."""
    store = csvpipe.MemoryJobStore()
    job_id = store.create(a_draft()).id
    events = csvpipe.watch(store, str(job_id), poll_seconds=0.001)
    seen = [(await anext(events)).kind]
    (claim,) = claim_all(store)
    seen.append((await anext(events)).kind)
    store.settle(claim.lease, Verb.COMPLETE, results=[a_result(1, 10)], total_rows=10)
    seen += [event.kind async for event in events]

    assert [EventKind.SUBMITTED, EventKind.STARTED, EventKind.COMPLETED] == seen


@pytest.mark.parametrize(("after", "revisions"), [(1, [2]), (2, []), (99, [2])])
async def test_a_reader_that_comes_back(after: int, revisions: list[int]) -> None:
    """Gets what it has missed as one snapshot; one that is ahead of the store gets the present state."""
    store = csvpipe.MemoryJobStore()
    record = store.create(a_draft())
    store.request(record.id, Verb.CANCEL)
    assert revisions == [event.job.revision async for event in csvpipe.watch(store, record.id, after=after)]


async def test_a_store_that_listens_is_not_asked_in_vain() -> None:
    """It says when there is something to see, from whichever thread, and is told when nobody looks any more."""
    store = ListeningStore()
    job_id = store.create(a_draft()).id
    (claim,) = claim_all(store)
    async with csvpipe.watch(store, job_id, poll_seconds=100_000) as events:
        await anext(events)
        async with anyio.create_task_group() as group:
            group.start_soon(anyio.to_thread.run_sync, store.commit, claim.lease, [a_result(1, 2)])
            event = await anext(events)
        listeners = len(store.callbacks)

    assert (2, 1, 0) == (event.job.processed_rows, listeners, len(store.callbacks))


async def test_an_outage_is_borne() -> None:
    """A reader does not hear of a store that is away for a moment."""
    store = FaultyStore(csvpipe.MemoryJobStore())
    record = store.create(a_draft())
    store.fail("get", times=3)
    events = csvpipe.watch(store, record.id, poll_seconds=0.001)
    assert record == (await anext(events)).job


async def test_misuse() -> None:
    """What is no id, or of no job, is told at once, or by the first look."""
    store = csvpipe.MemoryJobStore()
    with pytest.raises(csvpipe.JobNotFoundError):
        csvpipe.watch(store, "seven")
    with pytest.raises(csvpipe.JobNotFoundError):
        await anext(csvpipe.watch(store, uuid4()))
    with pytest.raises(ValueError, match="poll_seconds"):
        csvpipe.watch(store, uuid4(), poll_seconds=0)
