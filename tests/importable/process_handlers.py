"""Pipelines that worker processes import by name, for tests; what they do is told in files.

A row's `id` says what is to happen to it: a number is handled, a word names a fault.
"""

import ctypes
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

import attrs

import csvpipe

#: Names the folder that the host and its workers share.
FOLDER = "CSVPIPE_TEST_FOLDER"


def tell(name: str, text: object) -> None:
    """Append a line to a file of the shared folder, whichever process this is."""
    handle = os.open(Path(os.environ[FOLDER]) / name, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    try:
        os.write(handle, f"{text}\n".encode())
    finally:
        os.close(handle)


def told(folder: Path, name: str) -> list[str]:
    """The lines of such a file."""
    path = folder / name
    return path.read_text().splitlines() if path.exists() else []


def wait_for(name: str) -> None:
    """Until the host has made a file of this name, or is gone."""
    while not (Path(os.environ[FOLDER]) / name).exists():
        time.sleep(0.005)


def perish(how: str) -> None:  # noqa: C901, PLR0912  # a list of what may happen
    """What a row may do to the process that handles it."""
    match how:
        case "exit":
            os._exit(3)
        case "segv":
            os.kill(os.getpid(), signal.SIGSEGV)
        case "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        case "ctypes":
            ctypes.string_at(0)
        case "hang":
            time.sleep(600)
        case "freeze":
            ctypes.PyDLL(None).sleep(600)
        case "raise":
            raise ValueError("cannot")
        case "reject":
            raise csvpipe.Reject("no", column="name")
        case "skip":
            raise csvpipe.Skip
        case "abort":
            raise csvpipe.Abort("no more")
        case "interrupt":
            raise KeyboardInterrupt
        case "leave":
            raise SystemExit(3)
        case "wait":
            tell("waiting", os.getpid())
            wait_for("go")
        case _:
            pass


@csvpipe.pipeline
def quiet(row: csvpipe.Row) -> None:
    """Every row is fine."""


@csvpipe.pipeline
def single(row: csvpipe.Row) -> None:
    """Rows one by one."""
    perish(row["id"])
    tell("handled", row.number)


@csvpipe.pipeline(batch_size=8)
def batch(rows: list[csvpipe.Row]) -> None:
    """Rows in batches."""
    for row in rows:
        perish(row["id"])
    for row in rows:
        tell("handled", row.number)


@csvpipe.pipeline(batch_size=8)
def marked(rows: list[csvpipe.Row], context: csvpipe.Context) -> None:
    """Batches with a context, which marks rows."""
    context.reject([row.number % 5 == 0 for row in rows], "a fifth")
    context.skip([row.number % 7 == 0 for row in rows])


@csvpipe.pipeline(timeout=1.0)
def limited(row: csvpipe.Row) -> None:
    """Rows one by one, under a time limit."""
    perish(row["id"])
    tell("handled", row.number)


@csvpipe.pipeline(timeout=1.0, batch_size=4)
def limited_batch(rows: list[csvpipe.Row]) -> None:
    """Batches under a time limit."""
    for row in rows:
        perish(row["id"])


@csvpipe.pipeline(on_error="fail")
def strict(row: csvpipe.Row) -> None:
    """The first bad row ends the job."""
    perish(row["id"])


@csvpipe.pipeline(sensitive=["name"])
def secret(row: csvpipe.Row) -> None:
    """Nobody may see a name."""
    if row["id"] == "raise":
        raise ValueError(row["name"])
    perish(row["id"])


@attrs.frozen
class Fragile:
    """Dies when it is made."""

    id: str
    name: str

    def __attrs_post_init__(self) -> None:
        perish(self.id)


@csvpipe.pipeline
def fragile(row: Fragile) -> None:
    """Rows that kill before the handler is called."""


@csvpipe.pipeline(batch_size=4)
def fragile_batch(rows: list[Fragile]) -> None:
    """The same in batches."""


class Numbered(NamedTuple):
    """A typed row."""

    id: int
    name: str


@csvpipe.pipeline
def typed(row: Numbered) -> None:
    """Rows that are converted."""
    if row.id % 10 == 3:
        raise csvpipe.Reject("a three")
    if row.id % 10 == 4:
        raise csvpipe.Skip


@csvpipe.pipeline(breaker=None)
def listed(row: list[str]) -> None:
    """Plain rows."""
    perish(row[0])


@csvpipe.pipeline(ordered=True)
def in_order(row: csvpipe.Row) -> None:
    """Rows in the order of the file."""
    tell("handled", row.number)


@contextmanager
def connect() -> Iterator[int]:
    """A resource that tells when it is entered and left."""
    tell("entered", os.getpid())
    yield os.getpid()
    tell("left", os.getpid())


@csvpipe.pipeline(setup=connect)
def resourceful(row: csvpipe.Row, resource: int) -> None:
    """A handler with a resource of its own process."""
    assert os.getpid() == resource
    perish(row["id"])


@csvpipe.pipeline(setup=connect, retry=csvpipe.Retry(attempts=1))
def offline(row: csvpipe.Row, _resource: int) -> None:
    """The world is down until the host says otherwise."""
    if not (Path(os.environ[FOLDER]) / "online").exists():
        raise csvpipe.Unavailable("down")


@contextmanager
def deadly() -> Iterator[None]:
    """A setup that kills its process."""
    os._exit(7)
    yield


@csvpipe.pipeline(setup=deadly)
def never_begins(row: csvpipe.Row, resource: None) -> None:
    """Never called."""


@contextmanager
def clumsy() -> Iterator[None]:
    """Fails at the end."""
    yield
    raise ValueError("cannot let go")


@csvpipe.pipeline(setup=clumsy)
def clumsily(row: csvpipe.Row, resource: None) -> None:
    """All is well until the end."""


class Group:
    """A pipeline may stand in a class."""

    @csvpipe.pipeline(name="in_a_class")
    @staticmethod
    def handle(row: csvpipe.Row) -> None:
        """Every row is fine."""


def _anonymous() -> csvpipe.Pipeline[[csvpipe.Row], None]:
    def handle(row: csvpipe.Row) -> None: ...

    return csvpipe.pipeline(name="renamed")(handle)


#: Its handler has no name of its own, but the pipeline has one.
renamed = _anonymous()

#: Another pipeline's handler under other policies.
other_name = attrs.evolve(quiet, name="other_name", reject_limit=5)


@csvpipe.pipeline
async def in_the_loop(row: csvpipe.Row) -> None:
    """Handled in the event loop, whoever else there is."""
    if row["id"] == "raise":
        raise ValueError("cannot")


def be_a_host(path: str) -> None:
    """What a process of another library may do; ends with the number of rows as its exit code."""
    [record] = csvpipe.run(quiet, path, executor="process", workers=1)
    os._exit(record.processed_rows)


@csvpipe.pipeline
def quick(row: csvpipe.Row) -> None:
    """Tells its number."""
    tell("rows", row.number)


@csvpipe.pipeline(breaker=None)
def lossy(row: Numbered) -> None:
    """Rows that are converted; each one whose name asks for it takes its process along, once."""
    if row.name.startswith("lose"):
        with suppress(FileExistsError):
            (Path(os.environ[FOLDER]) / row.name).touch(exist_ok=False)
            tell("lost", os.getpid())
            os._exit(3)
    if row.id % 10 == 3:
        raise csvpipe.Reject("a three")
    if row.id % 10 == 4:
        raise csvpipe.Skip
    tell("handled", row.id)
