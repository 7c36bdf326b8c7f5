"""What a caller asks for, seen to be no misuse before anything is read."""

from __future__ import annotations

import codecs
import os
from collections.abc import Mapping
from typing import Any, Final

from csvpipe._intake.arrival.receive import check_source, display_name
from csvpipe._intake.source import Source
from csvpipe._intake.stated import Stated
from csvpipe.dialect import Dialect
from csvpipe.errors import PipelineError, PoolClosedError
from csvpipe.pipeline import Pipeline
from csvpipe.pool.services import known_by
from csvpipe.pool.submission import Submission

#: Of an owner or a key, in UTF-8. Databases have both in one index, which takes 2,704 bytes in PostgreSQL.
_MOST_BYTES: Final = 1_000

#: Of a pool that takes nothing, with the way out.
_STATES: Final = {
    "new": "not open yet: use it within `async with`",
    "stopping": "stopping: submit to a new one, `async with WorkerPool(...)`",
    "closed": "closed: it was used after its `async with` block; use it within, or open a new one",
}


def check_options(store: object, on_exit: str) -> None:
    """See that a pool is not given one thing for another.

    Raises:
        PipelineError: The store is a pipeline.
        ValueError: There is no such end.
    """
    if isinstance(store, Pipeline):
        raise PipelineError("the first argument is a store; name pipelines as WorkerPool(pipelines=[...])")
    if on_exit not in ("drain", "stop"):
        raise ValueError(f"on_exit must be 'drain' or 'stop', not {on_exit!r}")


def check_open(state: str, process: int) -> None:
    """See that a pool is open, in the process that has opened it.

    Raises:
        PoolClosedError: It is not.
    """
    if os.getpid() != process:
        raise PoolClosedError("this process was forked from the one that opened the pool; open one of its own")
    if state != "open":
        raise PoolClosedError(f"the pool is {_STATES[state]}")


def submission_of(
    pipelines: Mapping[str, Pipeline[..., Any]],
    given: Pipeline[..., Any] | str,
    source: Source,
    *,
    filename: str | None = None,
    owner: str | None = None,
    idempotency_key: str | None = None,
    encoding: str | None = None,
    dialect: Dialect | None = None,
    dry_run: bool = False,
    is_mended: bool = False,
) -> Submission:
    """What is asked for; see `WorkerPool.submit`.

    Raises:
        EncodingUnknownError: There is no such encoding.
        PipelineNotFoundError: The pool does not have the pipeline.
        TypeError: The source is nothing that can be read, or the dialect is none.
        ValueError: The owner or the key is too long.
    """
    if isinstance(source, Pipeline):
        raise TypeError(f"the pipeline comes first, then the file: submit({source.name}, {given!r})")
    pipeline = known_by(given, pipelines)
    check_source(source)
    _check_length("owner", owner)
    _check_length("idempotency_key", idempotency_key)
    stated = Stated.of(pipeline, encoding=encoding, dialect=dialect)
    if is_mended:  # what the pipeline says holds for its own files, not for one that we have written
        stated = Stated(encoding=encoding, dialect=dialect)
    stated.check()
    return Submission(
        pipeline=pipeline,
        source=source,
        filename=filename or display_name(source),
        owner=owner,
        idempotency_key=idempotency_key,
        stated=stated,
        dry_run=dry_run,
        spelling=(None if encoding is None else codecs.lookup(encoding).name, dialect),
    )


def _check_length(name: str, text: str | None) -> None:
    """See that databases can have a text in an index."""
    size = 0 if text is None else len(text.encode("utf-8", "surrogatepass"))
    if size > _MOST_BYTES:
        raise ValueError(f"{name} has {size:,} bytes, and may have {_MOST_BYTES:,}; give a hash of it")


def key_of_file(idempotency_key: str | None, ordinal: int) -> str | None:
    """The key of one of many files that were submitted under a common one; the first is 1."""
    return None if idempotency_key is None else f"{idempotency_key}#{ordinal}"
