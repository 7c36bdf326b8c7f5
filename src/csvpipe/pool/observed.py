"""Tells a pool's observers of its jobs, and lets no observer harm one."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable, Coroutine, Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from contextvars import Context
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import attrs

from csvpipe._partition.chunk import Chunk
from csvpipe._process.result import ChunkResult
from csvpipe._process.timed import TimedTurn
from csvpipe._process.turn import Gate, Habit, Turn
from csvpipe.jobs import JobRecord
from csvpipe.logs import about
from csvpipe.observing import ChunkObserver, ChunkReport, JobObserver, Observer
from csvpipe.pipeline import Pipeline

if TYPE_CHECKING:
    from csvpipe.pool.services import Services
    from csvpipe.store.protocol import Claim

logger = logging.getLogger("csvpipe")

T = TypeVar("T")


class Observers:
    """Those of a pool. Belongs to the event loop.

    Args:
        observers: From the start; others may come later.

    Attributes:
        context: Where files are submitted for somebody in another thread: the context there, which knows the span of
            a trace that it is in. None where the submitter's own task is the one.

    Raises:
        TypeError: One is no observer.
    """

    def __init__(self, observers: Iterable[Observer] = ()) -> None:
        self._all: list[Observer] = []
        self.context: Context | None = None
        for observer in observers:
            self.add(observer)

    def __repr__(self) -> str:
        return f"<Observers {self._all}>"

    def add(self, observer: Observer) -> None:
        """Tell one more, of what happens from now on.

        Raises:
            TypeError: It is no observer.
        """
        if not isinstance(observer, Observer):
            raise TypeError(f"{observer!r} is no csvpipe.observing.Observer")
        self._all.append(observer)

    def __contains__(self, observer: object) -> bool:
        return observer in self._all

    def submitted(self, job: JobRecord) -> None:
        """Tell of a file that was submitted."""
        for observer in self._all:
            tell = partial(_told, job, lambda: observer.job_submitted(job))  # noqa: B023  # called at once
            if self.context is None:
                tell()
            else:
                self.context.run(tell)

    def started(self, claim: Claim) -> ObservedJob | None:
        """Tell of a job that was claimed; None if nobody wants to hear more of it."""
        if not self._all:
            return None
        job, is_takeover = claim.record, claim.is_takeover
        answers = [
            _answered(job, lambda: observer.job_started(job, is_takeover=is_takeover), JobObserver)  # noqa: B023
            for observer in self._all
        ]
        watching = [each for each in answers if each is not None]
        return ObservedJob(job, watching) if watching else None


@attrs.define(eq=False)
class ObservedJob:
    """One attempt at a job, and those who watch it."""

    _job: JobRecord
    _watching: list[JobObserver]
    _open: set[ObservedTurn] = attrs.field(factory=set, init=False)

    def turn(self, gate: Gate, habit: Habit, *, first_row: int, start: int, is_async: bool) -> ObservedTurn:
        """The turn of a worker that has a chunk in hand."""
        answers = [
            _answered(self._job, lambda: each.chunk_started(first_row=first_row, start=start), ChunkObserver)  # noqa: B023
            for each in self._watching
        ]
        turn = ObservedTurn(gate, habit, self._job, [each for each in answers if each is not None], is_async=is_async)
        self._open.add(turn)
        return turn

    def returned(self, turn: object, result: ChunkResult | None) -> None:
        """Tell what came of a chunk."""
        assert isinstance(turn, ObservedTurn)  # noqa: S101  # made above
        self._open.discard(turn)
        turn.returned(result)

    def ended(self, job: JobRecord | None, *, is_lost: bool) -> None:
        """Tell of the end; chunks that have not come back never will."""
        while self._open:
            self._open.pop().returned(None)
        last = job or self._job
        for each in self._watching:
            _told(last, lambda: each.ended(last, is_lost=is_lost))  # noqa: B023  # called at once


class ObservedTurn(TimedTurn):
    """A worker's turn at a chunk that somebody watches."""

    def __init__(
        self, gate: Gate, habit: Habit, job: JobRecord, watching: list[ChunkObserver], *, is_async: bool
    ) -> None:
        super().__init__(gate, habit, current=self._entered, overlaps=is_async)
        self._job = job
        self._watching = watching
        self._started_ns = time.time_ns()

    @contextmanager
    def _entered(self) -> Iterator[None]:
        with ExitStack() as stack:
            for each in self._watching:
                _told(self._job, lambda: stack.enter_context(_Harmless(self._job, each.around())))  # noqa: B023
            yield

    def returned(self, result: ChunkResult | None) -> None:
        """Tell what came of it."""
        ended_ns = time.time_ns()
        report = None
        if result is not None:
            errors: Counter[str] = Counter()
            for total in result.totals:
                errors[total.code] += total.errors
            report = ChunkReport(
                started_ns=self._started_ns,
                ended_ns=ended_ns,
                bytes=result.end - result.start,
                processed=result.processed,
                failed=result.failed,
                skipped=result.skipped,
                errors=errors,
                handling=self.handling(),
                failure=None if result.failure is None else result.failure.code.value,
            )
        for each in self._watching:
            _told(self._job, lambda: each.ended(report))  # noqa: B023  # called at once


def turn_of(services: Services, pipeline: Pipeline[..., Any], observed: ObservedJob | None, chunk: Chunk) -> Turn:
    """A worker's turn at a chunk."""
    gate, habit = services.gate, services.habits[pipeline.name]
    if observed is None:
        return Turn(gate, habit)
    is_async = pipeline.signature.is_async
    return observed.turn(gate, habit, first_row=chunk.first_row, start=chunk.start, is_async=is_async)


def timed_turn_of(services: Services, pipeline: Pipeline[..., Any], observed: ObservedJob | None) -> TimedTurn:
    """A worker's turn at a small file as a whole, which is timed in any case."""
    gate, habit = services.gate, services.habits[pipeline.name]
    if observed is None:
        return TimedTurn(gate, habit)
    return observed.turn(gate, habit, first_row=1, start=0, is_async=False)


@attrs.frozen
class _Harmless(AbstractContextManager[None]):
    """A context whose end, too, may raise without harm."""

    _job: JobRecord
    _context: AbstractContextManager[object]

    def __enter__(self) -> None:
        self._context.__enter__()

    def __exit__(self, *_raised: object) -> None:
        _told(self._job, lambda: self._context.__exit__(None, None, None))


def _told(job: JobRecord, tell: Callable[[], object]) -> None:
    """Call a method whose answer nobody wants."""
    _answered(job, tell, object)


def _answered(job: JobRecord, ask: Callable[[], object], kind: type[T]) -> T | None:
    """What a method returns; it is looked up in the call, so that nothing of an observer's harms anybody."""
    try:
        return _checked(ask(), kind)
    except (Exception, SystemExit):
        logger.exception("job %s: an observer raised", job.id, extra=about(job))
        return None


def _checked(answer: object, kind: type[T]) -> T | None:
    if isinstance(answer, Coroutine):
        answer.close()
        raise TypeError("an observer's methods are no coroutines: define them with def, not async def")
    if answer is not None and not isinstance(answer, kind):
        raise TypeError(f"an observer is to return a csvpipe.observing.{kind.__name__} or None, not {answer!r}")
    return answer
