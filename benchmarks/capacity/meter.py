"""What calls of a store cost: how many, their statements, seconds, and what a PostgreSQL behind it is busy with."""

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter, process_time
from typing import Any, TypeVar

import attrs
from benchmarks.databases import is_postgresql, scalar, texts
from sqlalchemy import event

from csvpipe import SQLJobStore
from csvpipe.store.protocol import JobStore

T = TypeVar("T")

#: What begins and ends transactions in SQLite is a statement there, and none in PostgreSQL.
_BOUNDS = ("BEGIN", "BEGIN IMMEDIATE", "COMMIT", "ROLLBACK")


@attrs.define
class Metered:
    """What was used within some time.

    Attributes:
        calls: By kind.
        statements: By kind of call.
        client_seconds: Of a processor, in the callers, by kind of call.
        wall_seconds: In calls, by kind.
        backend_seconds: Of a processor, in the process of the server that answers, by kind.
        log_bytes: Written to the server's log, which is what the disk has to take in at least; NaN where there is none.
    """

    calls: Counter[str] = attrs.field(factory=Counter)
    statements: Counter[str] = attrs.field(factory=Counter)
    client_seconds: defaultdict[str, float] = attrs.field(factory=lambda: defaultdict(float))
    wall_seconds: defaultdict[str, float] = attrs.field(factory=lambda: defaultdict(float))
    backend_seconds: defaultdict[str, float] = attrs.field(factory=lambda: defaultdict(float))
    log_bytes: float = math.nan


class Meter:
    """Counts what a store is asked.

    Args:
        store: Whose statements are counted, where it has any.
        url: Of its database; None for one in memory.
    """

    def __init__(self, store: JobStore, url: str | None) -> None:
        self._url = url if url is not None and is_postgresql(url) else None
        self._statements = 0
        self._backend_pid: int | None = None
        self.metered = Metered()
        if isinstance(store, SQLJobStore):
            engine = store._database.engine
            event.listen(engine, "before_cursor_execute", self._count)
            if self._url is not None:  # one call at a time: all of them go through one connection
                with engine.connect() as connection:
                    pid = connection.exec_driver_sql("SELECT pg_backend_pid()").scalar_one()
                self._backend_pid = pid if Path(f"/proc/{pid}/schedstat").exists() else None

    def __repr__(self) -> str:
        return f"<Meter of {self.metered.calls.total()} calls>"

    def call(self, kind: Callable[[T], str] | str, ask: Callable[[], T]) -> T:
        """Ask the store something; its kind may depend on the answer."""
        statements, backend, cpu, begun = self._statements, self._backend(), process_time(), perf_counter()
        answer = ask()
        wall, cpu = perf_counter() - begun, process_time() - cpu
        name = kind if isinstance(kind, str) else kind(answer)
        self.metered.calls[name] += 1
        self.metered.statements[name] += self._statements - statements
        self.metered.client_seconds[name] += cpu
        self.metered.wall_seconds[name] += wall
        self.metered.backend_seconds[name] += self._backend() - backend
        return answer

    @contextmanager
    def window(self) -> Iterator[Metered]:
        """What is used from here to there."""
        before, self.metered = self.metered, Metered()
        metered = self.metered
        log = self._log_bytes()
        try:
            yield metered
        finally:
            metered.log_bytes = self._log_bytes() - log
            self.metered = before

    def _backend(self) -> float:
        return math.nan if self._backend_pid is None else seconds_used(self._backend_pid)

    def _count(self, _connection: Any, _cursor: Any, statement: str, *_: object) -> None:
        self._statements += statement not in _BOUNDS

    def _log_bytes(self) -> float:
        if self._url is None:
            return math.nan
        return float(scalar(self._url, "SELECT pg_current_wal_insert_lsn() - '0/0'"))


def processor_seconds(url: str) -> float:
    """What the processes of a server that are there now have used of a processor; NaN where nobody says."""
    try:
        return sum(
            seconds_used(int(pid))
            for pid in texts(url, "SELECT pid FROM pg_stat_activity WHERE pid <> pg_backend_pid()")
        )
    except OSError:
        return math.nan


def seconds_used(pid: int) -> float:
    """What Linux says that a process has used of a processor."""
    return int(Path(f"/proc/{pid}/schedstat").read_text("ascii").split()[0]) / 1e9
