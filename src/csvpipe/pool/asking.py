"""What a caller asks for, seen to be no misuse before anything is read."""

from __future__ import annotations

import os
from typing import Any

from csvpipe._intake.arrival.receive import check_source, display_name
from csvpipe._intake.source import Source
from csvpipe._intake.stated import Stated
from csvpipe.dialect import Dialect
from csvpipe.errors import PipelineError, PoolClosedError
from csvpipe.pipeline import Pipeline
from csvpipe.pool.submission import Submission


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
        states = {"new": "not open yet: use it within `async with`", "stopping": "stopping", "closed": "closed"}
        raise PoolClosedError(f"the pool is {states[state]}")


def submission_of(
    pipeline: Pipeline[..., Any],
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
        TypeError: The source is nothing that can be read, or the dialect is none.
    """
    check_source(source)
    if not isinstance(dialect, Dialect | None):
        raise TypeError(f"dialect must be a csvpipe.Dialect, such as Dialect(delimiter=';'), not {dialect!r}")
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
    )


def key_of_file(idempotency_key: str | None, ordinal: int) -> str | None:
    """The key of one of many files that were submitted under a common one; the first is 1."""
    return None if idempotency_key is None else f"{idempotency_key}#{ordinal}"
