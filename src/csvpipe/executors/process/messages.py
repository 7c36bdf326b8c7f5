"""What host and worker process say to each other, pickled, one message at a time."""

from __future__ import annotations

import inspect
import pickle
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

from csvpipe._partition.chunk import Chunk
from csvpipe._process.conduct import describe
from csvpipe._process.result import ChunkResult
from csvpipe._process.work import Allowance, JobWork
from csvpipe.executors.process.address import Address
from csvpipe.pipeline import Pipeline

if TYPE_CHECKING:
    from csvpipe.observing import Handling

#: What the constructor of `JobWork` takes besides the pipeline; it keeps each under the same name.
_TERMS: Final = tuple(inspect.signature(JobWork).parameters)[1:]

#: Jobs that a worker keeps prepared. Host and worker count alike, so that each knows what the other has.
JOBS_KEPT: Final = 32


class Hello(NamedTuple):
    """The first message: what a worker has to know before it can understand any other."""

    host: int
    page: int | str
    addresses: Mapping[str, Address]


class Order(NamedTuple):
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


class Stop:
    """Come back with what is done of the chunk in hand."""


class End:
    """Leave the resources and end."""


class Trouble(NamedTuple):
    """Something that is worth a line in the host's log.

    Attributes:
        pipeline: Whose.
        traceback: Of what was raised.
    """

    pipeline: str
    traceback: str


class Done(NamedTuple):
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


class Raised(NamedTuple):
    """An order met a defect, or a disk that fails."""

    error: BaseException


class Unreachable(NamedTuple):
    """The worker cannot find the pipeline."""

    message: str
    traceback: str


class Left(NamedTuple):
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


def traceback_of(error: BaseException) -> str:
    """The error with where it was raised, as Python shows it."""
    import traceback  # noqa: PLC0415  # a worker without errors starts sooner

    return "".join(traceback.format_exception(error))


def portable(error: BaseException) -> BaseException:
    """The error, with where it was raised, or what can be said of it where it does not travel."""
    error.add_note(traceback_of(error))
    try:
        pickle.loads(pickle.dumps(error))  # noqa: S301  # just written
    except Exception:  # noqa: BLE001  # whatever its class does
        return RuntimeError(describe(error))
    return error
