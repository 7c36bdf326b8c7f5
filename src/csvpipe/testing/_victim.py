"""The process that `survives_kills` starts: imports one file, and kills itself where it is told to."""

from __future__ import annotations

import functools
import os
import pickle
import signal
import sys
import threading
from collections.abc import Callable
from multiprocessing.connection import Client, Connection
from typing import Any, Final, cast

import anyio
import attrs

from csvpipe.executors.process.address import Address, load
from csvpipe.pipeline import Pipeline
from csvpipe.pool.pool import WorkerPool
from csvpipe.pool.portions import LEAST_BYTES
from csvpipe.store.protocol import JobStore
from csvpipe.testing.faults import FaultyStore

CHECKPOINTS: Final = (
    "after_claim",
    "after_handler",
    "before_commit",
    "after_commit",
    "before_settle",
    "after_settle",
)

#: Of a process that has killed itself where there are no signals.
EXIT_CODE: Final = 77


@attrs.frozen(kw_only=True)
class Order:
    """What the process is to do.

    Attributes:
        store: Address of the store.
        key: Lets the process in there.
        pipeline: Where to find it.
        file: A path.
        spool: A directory that outlives the process.
        kill_at: One of `CHECKPOINTS`, or None to come to the end.
    """

    store: Any
    key: bytes
    pipeline: Address
    file: str
    spool: str
    kill_at: str | None


def main() -> None:
    """Do what stands on the standard input."""
    order: Order = pickle.load(sys.stdin.buffer)  # noqa: S301  # written by the process that has started this one
    anyio.run(_run, order)


async def _run(order: Order) -> None:
    pipeline = load(order.pipeline)
    if order.kill_at == "after_handler":
        pipeline = attrs.evolve(pipeline, function=_deadly(pipeline))
    store = _Victim(cast("JobStore", _RemoteStore(order.store, order.key)), order.kill_at)
    async with WorkerPool(
        store, pipelines=[pipeline], workers=2, spool_dir=order.spool, lease_seconds=2.0, flush_interval=0.001
    ) as pool:
        # Many small chunks, and a commit after each: no short cut for small files.
        object.__setattr__(pool._settings, "chunk_bytes", LEAST_BYTES)  # noqa: SLF001
        object.__setattr__(pool._settings, "in_threads", False)  # noqa: SLF001
        job = await pool.submit(pipeline, order.file, idempotency_key="survives_kills")
        await job.wait()


def _die() -> None:
    """At once, with nothing put in order."""
    if hasattr(signal, "SIGKILL"):
        os.kill(os.getpid(), signal.SIGKILL)
    os._exit(EXIT_CODE)


def _deadly(pipeline: Pipeline[..., Any]) -> Callable[..., Any]:
    """The handler, which does what it does and then kills its process."""
    function = pipeline.function
    if pipeline.signature.is_async:

        @functools.wraps(function)
        async def handle_async(*args: Any, **options: Any) -> Any:
            await function(*args, **options)
            _die()

        return handle_async

    @functools.wraps(function)
    def handle(*args: Any, **options: Any) -> Any:
        function(*args, **options)
        _die()

    return handle


class _Victim(FaultyStore):
    """Kills its process before or after a call."""

    def __init__(self, store: JobStore, kill_at: str | None) -> None:
        super().__init__(store)
        self._when, _, self._method = (kill_at or "never_").partition("_")

    def _call(self, method: str, *args: Any, **options: Any) -> Any:
        if (self._when, self._method) == ("before", method):
            _die()
        answer = super()._call(method, *args, **options)
        if (self._when, self._method) == ("after", method) and answer:
            _die()
        return answer


class _RemoteStore:
    """The store of the process that has started this one; a connection for each thread that calls."""

    def __init__(self, address: Any, key: bytes) -> None:
        self._address = address
        self._key = key
        self._of_thread = threading.local()
        self.identity: str = self._call("identity")

    def __getattr__(self, name: str) -> Callable[..., Any]:
        return functools.partial(self._call, name)

    def _call(self, name: str, *args: Any, **options: Any) -> Any:
        connection: Connection | None = getattr(self._of_thread, "connection", None)
        if connection is None:
            connection = self._of_thread.connection = Client(self._address, authkey=self._key)
        connection.send((name, args, options))
        is_answer, answer = connection.recv()
        if not is_answer:
            raise answer
        return answer
