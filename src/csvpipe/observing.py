"""What an observer of a pool is told: of each job and each chunk, never of a row.

`csvpipe.otel` and `csvpipe.prometheus` are observers. One of your own derives from these classes and overrides what it
wants to hear of; the others do nothing, and a later csvpipe may have more of them. All methods are called in the pool's
event loop, but for what `ChunkObserver.around` enters, and must return at once. What they raise is logged and harms
nothing. A pool without an observer measures nothing.

Rows are counted where they are handled. Those of a chunk that was handled, and whose worker died before it was
committed, are counted again by the worker that does it again; a job's own counters have each row once.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from csvpipe.jobs import JobRecord


@attrs.frozen(kw_only=True)
class Handling:
    """When a chunk's rows were with the handler; times are nanoseconds since 1970.

    The time in which rows are parsed is not in it, nor that in which a sink writes them. That in which rows are made of
    cells mostly is: rows are made one by one, and a look at the clock for each would cost more than the row.

    Attributes:
        started_ns: When the first row was about to be handled.
        ended_ns: When the last one had been.
        seconds: How long handling took in all; of an async handler, whose calls run side by side, all of that time.
    """

    started_ns: int
    ended_ns: int
    seconds: float


@attrs.frozen(kw_only=True)
class ChunkReport:
    """What a worker did with a chunk, or with the first part of one: it returns early where others wait.

    Attributes:
        started_ns: When a worker had it in hand, in nanoseconds since 1970.
        ended_ns: When it was done.
        bytes: How many of the file's were done.
        processed: Rows handled with success.
        failed: Rows with at least one error.
        skipped: Rows left out by the handler.
        errors: How many errors there were of each code.
        handling: None where no handler was called, or in an executor of the application's where that is not known.
        failure: The code for which the job must end here, or None.
    """

    started_ns: int
    ended_ns: int
    bytes: int
    processed: int
    failed: int
    skipped: int
    errors: Mapping[str, int]
    handling: Handling | None = None
    failure: str | None = None

    @property
    def rows(self) -> int:
        """All rows that were done."""
        return self.processed + self.failed + self.skipped

    @property
    def seconds(self) -> float:
        """How long it took."""
        return max(0, self.ended_ns - self.started_ns) / 1e9


class ChunkObserver:
    """Is told of one chunk."""

    def around(self) -> AbstractContextManager[object]:
        """What is entered around the chunk's work, where that is done in a thread or the event loop of this process."""
        return nullcontext()

    def ended(self, report: ChunkReport | None) -> None:
        """A worker has returned it; with None it was given up, or the worker failed."""


class JobObserver:
    """Is told of one attempt at a job."""

    def chunk_started(self, *, first_row: int, start: int) -> ChunkObserver | None:
        """A worker has a chunk in hand: its first row, counted from 1, and its offset in the file. None: tell no more.

        A small file is done in one go, which counts as a chunk.
        """

    def ended(self, job: JobRecord, *, is_lost: bool) -> None:
        """The pool lets go of the job.

        Args:
            job: As last seen: ended, paused, released (`pending`), or `processing` in other hands.
            is_lost: Whether the lease was lost.
        """


class Observer:
    """Is told of what a pool does."""

    def job_submitted(self, job: JobRecord) -> None:
        """A file was submitted to this pool; called in the submitter's task. It may have been refused: see `status`."""

    def job_started(self, job: JobRecord, *, is_takeover: bool) -> JobObserver | None:
        """The pool has claimed a job; what is returned is told of it.

        Args:
            job: As claimed.
            is_takeover: Whether another worker had it, and let its lease run out.
        """
