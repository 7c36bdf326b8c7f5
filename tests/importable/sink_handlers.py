"""Pipelines with a sink that worker processes import by name, for tests; the environment says which database it is."""

import os
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import process_handlers

import csvpipe
from csvpipe.jobs import JobId
from csvpipe.sink import SinkSession
from csvpipe.sinks import SQLTable

#: Names the URL of the database.
URL = "CSVPIPE_TEST_DATABASE"


class StatedTable:
    """The table of people in the database that the environment names when it is used."""

    needs_order = False
    patience_seconds = 30.0

    @property
    def table(self) -> SQLTable:
        """As it is now."""
        return SQLTable(os.environ[URL], "people")

    def check(self, columns: Sequence[str] | None) -> None:
        """See `Sink`."""
        self.table.check(columns)

    def take_over(self, job_id: JobId, attempt: int) -> list[str]:
        """See `Sink`."""
        return self.table.take_over(job_id, attempt)

    def forget(self, job_id: JobId) -> None:
        """See `Sink`."""
        self.table.forget(job_id)

    def open(self) -> SinkSession:
        """See `Sink`; the session may take the process along, after a commit or amid the rows."""
        session = self.table.open()
        commit, write = session.commit, session.write

        def deadly_commit(end: int, result: str) -> None:
            commit(end, result)
            die_once("after a commit")

        def deadly_write(rows: Sequence[object]) -> None:
            write(rows)
            die_once("amid the rows")

        session.commit, session.write = deadly_commit, deadly_write  # type: ignore[method-assign]
        return session


def die_once(where: str) -> None:
    """Kill this process with a signal that nobody can handle, if that is asked for and has not happened yet."""
    folder = Path(os.environ[process_handlers.FOLDER])
    if os.environ.get("CSVPIPE_TEST_DEATH") == where and not (folder / "deaths").exists():
        process_handlers.tell("deaths", where)
        os.kill(os.getpid(), signal.SIGKILL)


class Person(NamedTuple):
    """A row."""

    id: int
    name: str


into_people = csvpipe.Pipeline(name="into_people", row_type=Person, sink=StatedTable())


@csvpipe.pipeline(sink=StatedTable())
def made_people(person: Person) -> object:
    """Some rows take the worker along, one of them whenever it is handled."""
    if person.id == 700:
        os.kill(os.getpid(), signal.SIGKILL)
    if person.id == 900:
        die_once("in a handler")
    return {"id": person.id, "name": person.name.upper()}
