"""What host and worker process say to each other, pickled, one message at a time."""

from __future__ import annotations

import inspect
import pickle
import traceback
from collections.abc import Mapping
from typing import Any, Final, TypeAlias

import attrs

from csvpipe._partition.chunk import Chunk
from csvpipe._process.conduct import describe
from csvpipe._process.result import ChunkResult
from csvpipe._process.work import Allowance, JobWork
from csvpipe.executors.process.address import Address
from csvpipe.observing import Handling
from csvpipe.pipeline import Pipeline

#: What the constructor of `JobWork` takes besides the pipeline; it keeps each under the same name.
_TERMS: Final = tuple(inspect.signature(JobWork).parameters)[1:]

#: Jobs that a worker keeps prepared. Host and worker count alike, so that each knows what the other has.
JOBS_KEPT: Final = 32


@attrs.frozen
class Hello:
    """The first message: what a worker has to know before it can understand any other."""

    host: int
    page: int | str
    addresses: Mapping[str, Address]


@attrs.frozen
class Order:
    """A chunk to be done.

    Attributes:
        job: Names the job in this worker.
        pipeline: The pipeline's name.
        terms: The job's, the first time that this worker hears of it.
        chunk: What to do.
        allowance: What the result may carry.
        outages: How many there have been; resources from before the last one are renewed.
        limit: Seconds that one call may take.
        is_timed: Whether it is to be noted how long rows are with the handler.
    """

    job: int
    pipeline: str
    terms: Mapping[str, Any] | None
    chunk: Chunk
    allowance: Allowance
    outages: int
    limit: float | None
    is_timed: bool = False


@attrs.frozen
class Stop:
    """Come back with what is done of the chunk in hand."""


@attrs.frozen
class End:
    """Leave the resources and end."""


@attrs.frozen
class Trouble:
    """Something that is worth a line in the host's log.

    Attributes:
        pipeline: Whose.
        traceback: Of what was raised.
    """

    pipeline: str
    traceback: str


@attrs.frozen
class Done:
    """What came of an order.

    Attributes:
        result: Of the chunk.
        is_last: Whether the worker ends now, since a call that took too long still holds its main thread.
        troubles: Of leaving resources.
        handling: If that was to be noted.
    """

    result: ChunkResult
    is_last: bool = False
    troubles: tuple[Trouble, ...] = ()
    handling: Handling | None = None


@attrs.frozen
class Raised:
    """An order met a defect, or a disk that fails."""

    error: BaseException


@attrs.frozen
class Unreachable:
    """The worker cannot find the pipeline."""

    message: str
    traceback: str


@attrs.frozen
class Left:
    """The answer to `End`."""

    troubles: tuple[Trouble, ...]


Request: TypeAlias = Order | Stop | End
Answer: TypeAlias = Done | Raised | Unreachable


def terms_of(job: JobWork) -> dict[str, Any]:
    """What another process needs, besides the pipeline, to make the same `JobWork`."""
    return {name: getattr(job, name) for name in _TERMS}


def job_of(pipeline: Pipeline[..., Any], terms: Mapping[str, Any]) -> JobWork:
    """The inverse of `terms_of`.

    Raises:
        FileError: As `JobWork` does.
    """
    return JobWork(pipeline, **terms)


def portable(error: BaseException) -> BaseException:
    """The error, with where it was raised, or what can be said of it where it does not travel."""
    error.add_note("".join(traceback.format_exception(error)))
    try:
        pickle.loads(pickle.dumps(error))  # noqa: S301  # just written
    except Exception:  # noqa: BLE001  # whatever its class does
        return RuntimeError(describe(error))
    return error
