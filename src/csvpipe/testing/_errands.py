"""Pipelines that workers of any executor import by name; rows say where to tell what is done, and what to do."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from csvpipe.errors import Abort, Reject, Skip
from csvpipe.pipeline import pipeline


class Numbered(NamedTuple):
    """A row of the contract's files.

    Attributes:
        id: Its number.
        what: What is to happen to it.
        folder: Where handlers tell what they do.
    """

    id: int
    what: str
    folder: str


@contextmanager
def _resource() -> Iterator[str]:
    yield "open"


@pipeline(name="contract", breaker=None, setup=_resource)
def handle(row: Numbered, resource: str) -> None:
    """Do what the row says, and tell of it."""
    match row.what:
        case "reject":
            raise Reject("no")
        case "skip":
            raise Skip
        case "abort":
            raise Abort("no more")
        case "raise":
            raise LookupError(resource)
        case "lose":
            with suppress(FileExistsError):
                (Path(row.folder) / "lost").touch(exist_ok=False)
                os._exit(3)
        case "linger":
            time.sleep(0.002)
    tell(row.folder, row.id)


def tell(folder: str, row: int) -> None:
    """Append a line to the file of the rows that were handled, whichever process this is."""
    handle = os.open(Path(folder) / "handled", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    try:
        os.write(handle, f"{row}\n".encode())
    finally:
        os.close(handle)
