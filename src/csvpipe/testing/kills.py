"""Proof that an import survives: processes that are killed at named points, and started again until it is done."""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection, Listener
from pathlib import Path
from typing import Any, Final

import attrs

from csvpipe.executors.process.address import address_of
from csvpipe.jobs import JobRecord
from csvpipe.pipeline import Pipeline
from csvpipe.store.memory import MemoryJobStore
from csvpipe.store.protocol import JobStore
from csvpipe.testing._victim import CHECKPOINTS, EXIT_CODE, Order

_PROGRAM: Final = "from csvpipe.testing._victim import main; main()"


@attrs.frozen(kw_only=True)
class Survival:
    """What became of a job whose process was killed.

    Attributes:
        checkpoint: Where.
        kills: How often: 0 where the process has never come by, as a file of a single chunk has no commit of its own.
        record: The job at its end.
    """

    checkpoint: str
    kills: int
    record: JobRecord


def survives_kills(
    pipeline: Pipeline[..., Any],
    file: str | os.PathLike[str],
    *,
    checkpoints: Iterable[str] = CHECKPOINTS,
    make_store: Callable[[], JobStore] = MemoryJobStore,
    timeout_seconds: float = 60.0,
) -> Iterator[Survival]:
    """Import a file once for each checkpoint, in a process that kills itself there, and in a second one that goes on.

    Nothing is judged: look after each one whether your database holds what it should, and empty it for the next. The
    store lives in this process, so no database is needed for it.

    Args:
        pipeline: At the top level of an importable module: the processes find it by its name.
        file: A path. To meet all checkpoints it should have a few hundred KiB.
        checkpoints: Some of `after_claim`, `after_handler` (the first call has returned), `before_commit`,
            `after_commit`, `before_settle` and `after_settle`.
        make_store: Makes a fresh store for each.
        timeout_seconds: For how long a process may run.

    Raises:
        PipelineError: Another process cannot find the pipeline.
        RuntimeError: A process ended in another way; the message has what it printed.
        subprocess.TimeoutExpired: A process took too long, and was killed.
        ValueError: There is no such checkpoint.

    Example:
        ::

            for survival in survives_kills(import_people, "people.csv"):
                assert survival.record.status == "completed"
                assert ids_in_database() == list(range(1, 5_001))
                empty_database()
    """
    wanted = list(checkpoints)
    if unknown := set(wanted) - set(CHECKPOINTS):
        raise ValueError(f"no such checkpoint: {sorted(unknown)}; there are {', '.join(CHECKPOINTS)}")
    address = address_of(pipeline)
    for checkpoint in wanted:
        store = make_store()
        with tempfile.TemporaryDirectory(prefix="csvpipe-kills-") as spool, _served(store) as (place, key):
            order = Order(
                store=place, key=key, pipeline=address, file=str(Path(file).absolute()), spool=spool, kill_at=checkpoint
            )
            kills = int(_killed(order, timeout_seconds))
            if kills:
                _killed(attrs.evolve(order, kill_at=None), timeout_seconds)
        yield Survival(checkpoint=checkpoint, kills=kills, record=store.list_jobs().jobs[0])


def _killed(order: Order, timeout_seconds: float) -> bool:
    """Run a process to its end; whether it was killed as it should be."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    done = subprocess.run(  # noqa: S603  # our own program
        [sys.executable, "-c", _PROGRAM],
        input=pickle.dumps(order),
        env=environment,
        capture_output=True,
        timeout=timeout_seconds,
        check=False,
    )
    if done.returncode == 0:
        return False
    if order.kill_at is not None and done.returncode in (EXIT_CODE, -getattr(signal, "SIGKILL", 0)):
        return True
    raise RuntimeError(f"the process ended with {done.returncode}:\n{done.stderr.decode(errors='replace')}")


# The store, for other processes ---------------------------------------------------------------------------------------


@contextmanager
def _served(store: JobStore) -> Iterator[tuple[Any, bytes]]:
    """Serve a store to processes that have the key; its address and the key."""
    key = os.urandom(32)
    listener = Listener(authkey=key)
    thread = threading.Thread(target=_accept, args=(listener, store), name="csvpipe-store", daemon=True)
    thread.start()
    try:
        yield listener.address, key
    finally:
        listener.close()


def _accept(listener: Listener, store: JobStore) -> None:
    while True:
        try:
            connection = listener.accept()
        except EOFError:  # a process that was killed while it said who it is
            continue
        except OSError:  # closed
            return
        threading.Thread(target=_answer, args=(connection, store), name="csvpipe-store", daemon=True).start()


def _answer(connection: Connection, store: JobStore) -> None:
    """One call after the other, until the process is gone: then the last one has still been done as a whole."""
    with connection, suppress(EOFError, OSError):
        while True:
            name, args, options = connection.recv()
            try:
                member = getattr(store, name)
                answer = (True, member(*args, **options) if callable(member) else member)
            except Exception as error:  # noqa: BLE001  # carried to the caller
                answer = (False, error)
            connection.send(answer)
