"""Daemon threads, called from the event loop."""

import threading

import anyio
import pytest

from csvpipe.executors.threads import DaemonThread, Errand, ThreadGroup

pytestmark = pytest.mark.anyio


async def test_an_errand_brings_its_result_back() -> None:
    """What the function returns in the thread is the errand's result."""
    thread = DaemonThread("test")
    errand = thread.begin(Errand(threading.current_thread))
    await errand.wait()
    thread.close()

    assert errand.is_done
    assert errand.result().name.startswith("csvpipe-test-")
    assert errand.result().daemon


async def test_an_errand_brings_its_error_back() -> None:
    """What the function raises, whatever it is, is raised where the result is asked for."""
    thread = DaemonThread("test")
    errand = thread.begin(Errand(lambda: {}["nothing"]))
    await errand.wait()
    thread.close()

    with pytest.raises(KeyError):
        errand.result()


async def test_a_forsaken_errand_keeps_nobody() -> None:
    """The waiter goes on while the call is still out, and is told so."""
    go, thread = threading.Event(), DaemonThread("test")
    errand = thread.begin(Errand(lambda: go.wait(60)))
    errand.forsake()
    await errand.wait()

    assert (False, True) == (errand.is_done, errand.is_forsaken)
    go.set()
    thread.close()
    await anyio.to_thread.run_sync(thread.join, 60)
    assert (True, False) == (errand.is_done, errand.is_forsaken)


async def test_a_thread_ends_after_its_errands() -> None:
    """`close` lets those before it finish; then the thread cleans up and is gone."""
    order: list[str] = []
    thread = DaemonThread("test", at_end=lambda: order.append("end"))
    thread.begin(Errand(lambda: order.append("errand")))
    thread.close()
    await anyio.to_thread.run_sync(thread.join, 60)

    assert ["errand", "end"] == order
    assert repr(thread).endswith(" ended>")


def test_an_errand_whose_loop_is_gone_ends_quietly() -> None:
    """A handler may return long after its program has left the loop."""
    go, ended = threading.Event(), threading.Event()

    async def main() -> DaemonThread:
        thread = DaemonThread("test", at_end=ended.set)
        thread.begin(Errand(lambda: go.wait(60)))
        thread.close()
        return thread

    for backend in ("asyncio", "trio"):
        thread = anyio.run(main, backend=backend)
        go.set()
        thread.join(60)
        assert ended.is_set()
        ended.clear()
        go.clear()


async def test_a_group_has_no_more_threads_than_allowed() -> None:
    """Calls over the limit wait for a thread."""
    group, running, most = ThreadGroup("test", 2), [0], [0]
    lock = threading.Lock()
    both = threading.Barrier(2, timeout=60)

    def call() -> None:
        with lock:
            running[0] += 1
            most[0] = max(most[0], running[0])
        both.wait()
        with lock:
            running[0] -= 1

    async with anyio.create_task_group() as tasks:
        for _ in range(6):
            tasks.start_soon(group.call, call)
    assert "<ThreadGroup test: 2 idle>" == repr(group)
    group.close()

    assert 2 == most[0]


async def test_a_call_is_not_abandoned() -> None:
    """Cancellation waits for the call and comes right after it."""
    group, order = ThreadGroup("test", 1), []
    go = threading.Event()

    def call() -> None:
        go.wait(60)
        order.append("called")

    with anyio.CancelScope() as scope:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(group.call, call)
            await anyio.wait_all_tasks_blocked()
            scope.cancel()
            go.set()
    order.append("cancelled")
    group.close()

    assert ["called", "cancelled"] == order


async def test_a_closed_group_still_serves() -> None:
    """A handle on a job outlives its pool; each such call has a thread of its own."""
    group = ThreadGroup("test", 1)
    group.close()

    assert 7 == await group.call(lambda: 7)
    assert "<ThreadGroup test: 0 idle>" == repr(group)
