"""`WorkerPool` without `await`, for code that has no event loop, or has one and must not use it.

There is no second implementation: a pool lives in an event loop in a thread of its own, and each method here is made of
the method of the same name there, with the same signature.
"""

from __future__ import annotations

import inspect
import os
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from concurrent.futures import CancelledError
from contextlib import ExitStack
from functools import partial, wraps
from types import TracebackType
from typing import Any, Concatenate, Final, Generic, Literal, ParamSpec, Protocol, Self, TypeVar, cast, overload

import attrs
from anyio.from_thread import BlockingPortal, start_blocking_portal

from csvpipe.errors import PoolClosedError
from csvpipe.events import JobEvent
from csvpipe.executors.choice import ExecutorChoice
from csvpipe.jobs import JobId
from csvpipe.observing import Observer
from csvpipe.pipeline import Pipeline
from csvpipe.pool import EventCallback, Job, WorkerPool
from csvpipe.store.protocol import JobStore

P = ParamSpec("P")
T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
S = TypeVar("S")


class _Events(Protocol):
    """What is followed in the event loop."""

    def __aiter__(self) -> Self: ...
    async def __anext__(self) -> JobEvent: ...


_OVER: Final = object()


@attrs.frozen
class _Line:
    """To the event loop's thread, which a forked child does not have."""

    portal: BlockingPortal
    process: int = attrs.field(factory=os.getpid)


class BlockingEvents:
    """Events for `for`, alone or within `with`; what comes in which order is said of `JobEvents` and `PoolEvents`.

    Each step blocks until there is an event. Not for use by several threads at once.
    """

    def __init__(self, events: _Events, line: _Line) -> None:
        self._events = events
        self._line = line

    def __repr__(self) -> str:
        return f"<BlockingEvents of {self._events!r}>"

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> JobEvent:
        """The next event.

        Raises:
            StopIteration: There is none any more.
            JobNotFoundError: The job has been deleted.
        """

        async def step() -> object:
            return await anext(self._events, _OVER)

        event = _called(self._line, step)
        if event is _OVER:
            raise StopIteration
        return cast("JobEvent", event)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop following."""
        close = getattr(self._events, "close", None)
        if close is not None:
            _called(self._line, partial(_closed, close))


async def _closed(close: Callable[[], object]) -> None:
    close()


# What methods are made of ---------------------------------------------------------------------------------------------


class _Mirror(Generic[S]):
    """A service that lives in the event loop of a portal."""

    _line: _Line
    _mirrored: S


def _called(line: _Line, call: Callable[[], Awaitable[T]]) -> T:
    """Wait for something in the event loop; who is interrupted while waiting leaves nothing running there."""
    if line.process != os.getpid():
        raise PoolClosedError("this process was forked from the one that opened the pool; open one of its own")

    async def run() -> T:
        return await call()

    try:
        future = line.portal.start_task_soon(run)
    except RuntimeError as error:  # also where `on_event`, in the event loop, waits for it
        raise PoolClosedError(f"the pool is not open, or this is its own event loop: {error}") from error
    try:
        return future.result()
    except CancelledError:
        raise PoolClosedError("the pool was left while this was waited for") from None
    except BaseException:
        future.cancel()
        raise


def _here(value: object, line: _Line) -> Any:
    """What the event loop's side answers, for this side."""
    if isinstance(value, Job):
        return BlockingJob(value, line)
    if isinstance(value, list):
        return [_here(each, line) for each in value]
    return BlockingEvents(cast("_Events", value), line) if hasattr(value, "__anext__") else value


def _there(value: object) -> Any:
    """What this side says, for the event loop's."""
    return value._mirrored if isinstance(value, BlockingJob) else value  # noqa: SLF001  # ours


class _Blocking(Generic[P, T_co]):
    """A method that does what one of the event loop's does, and blocks meanwhile."""

    def __init__(self, original: Callable[..., Any]) -> None:
        self.__wrapped__ = original
        self.__doc__ = original.__doc__

    @overload
    def __get__(self, instance: None, owner: type) -> Self: ...
    @overload
    def __get__(self, instance: _Mirror[Any], owner: type) -> Callable[P, T_co]: ...
    def __get__(self, instance: _Mirror[Any] | None, owner: type) -> Any:
        """Bind to a pool or a job."""
        if instance is None:
            return self
        original = self.__wrapped__

        @wraps(original)
        def call(*args: P.args, **kwargs: P.kwargs) -> Any:
            def start() -> Any:
                there = [_there(each) for each in args], {name: _there(each) for name, each in kwargs.items()}
                return original(instance._mirrored, *there[0], **there[1])  # noqa: SLF001  # as above

            async def finish() -> Any:
                started = start()
                return await started if inspect.isawaitable(started) else started

            line = _line_of(instance)
            return _here(_called(line, finish), line)

        call.__signature__ = _bound(original)  # type: ignore[attr-defined]  # for help() and editors
        return call


def _bound(original: Callable[..., Any]) -> inspect.Signature:
    """The signature without `self`."""
    signature = inspect.signature(original)
    return signature.replace(parameters=list(signature.parameters.values())[1:])


def _line_of(instance: _Mirror[Any]) -> _Line:
    line: _Line | None = getattr(instance, "_line", None)
    if line is None:
        raise PoolClosedError("the pool is not open: use it within `with`")
    return line


def _same(method: Callable[Concatenate[S, P], Coroutine[Any, Any, T]]) -> _Blocking[P, T]:
    """What is awaited there is returned here."""
    return _Blocking(method)


def _at_once(method: Callable[Concatenate[S, P], T]) -> _Blocking[P, T]:
    """What is returned there is returned here, in the event loop all the same."""
    return _Blocking(method)


def _job(method: Callable[Concatenate[S, P], Coroutine[Any, Any, Job]]) -> _Blocking[P, BlockingJob]:
    """A job of there is a job of here."""
    return _Blocking(method)


def _jobs(method: Callable[Concatenate[S, P], Coroutine[Any, Any, list[Job]]]) -> _Blocking[P, list[BlockingJob]]:
    """Jobs of there are jobs of here."""
    return _Blocking(method)


def _events(method: Callable[Concatenate[S, P], Any]) -> _Blocking[P, BlockingEvents]:
    """Events of there are events of here."""
    return _Blocking(method)


# The mirrors ----------------------------------------------------------------------------------------------------------


class BlockingJob(_Mirror[Job]):
    """`Job` without `await`: the same methods, which block."""

    def __init__(self, job: Job, line: _Line) -> None:
        self._mirrored = job
        self._line = line

    def __repr__(self) -> str:
        return f"<Blocking{repr(self._mirrored)[1:]}"

    @property
    def id(self) -> JobId:
        """Names the job in the store."""
        return self._mirrored.id

    record = _same(Job.record)
    inspection = _same(Job.inspection)
    events = _events(Job.events)
    wait = _same(Job.wait)
    pause = _same(Job.pause)
    resume = _same(Job.resume)
    cancel = _same(Job.cancel)
    retry = _same(Job.retry)
    delete = _same(Job.delete)
    row_errors = _same(Job.row_errors)
    error_summary = _same(Job.error_summary)
    write_rejects = _same(Job.write_rejects)


class BlockingWorkerPool(_Mirror[WorkerPool]):
    """`WorkerPool` without `await`: the same arguments, attributes and methods, which block; a context manager.

    It runs in an event loop in a thread of its own, so it also works where an event loop runs in the calling thread,
    which it blocks. Threads may share it. `on_event` is called in the event loop's thread; an async iterable that is
    submitted is iterated there.

    Example:
        >>> import csvpipe
        >>> @csvpipe.pipeline
        ... def greet(row: csvpipe.Row) -> None: ...
        >>> with csvpipe.BlockingWorkerPool(pipelines=[greet]) as pool:
        ...     job = pool.submit(greet, "people.csv")
        ...     kinds = [event.kind for event in job.events()]
        >>> kinds[-1].value
        'completed'
    """

    # Spelt out because type checkers do not look into a constructor that is made; a test compares it.
    def __init__(
        self,
        store: JobStore | None = None,
        *,
        pipelines: Iterable[Pipeline[..., Any]] = (),
        workers: int | None = None,
        executor: ExecutorChoice = "thread",
        max_files: int = 10,
        spool_dir: str | os.PathLike[str] | None = None,
        on_event: EventCallback | None = None,
        observers: Iterable[Observer] = (),
        on_exit: Literal["drain", "stop"] = "drain",
        lease_seconds: float = 30.0,
        flush_interval: float = 2.0,
        shutdown_grace: float = 10.0,
    ) -> None:
        self._mirrored = WorkerPool(
            store,
            pipelines=pipelines,
            workers=workers,
            executor=executor,
            max_files=max_files,
            spool_dir=spool_dir,
            on_event=on_event,
            observers=observers,
            on_exit=on_exit,
            lease_seconds=lease_seconds,
            flush_interval=flush_interval,
            shutdown_grace=shutdown_grace,
        )
        self.pipelines = self._mirrored.pipelines
        self.observers = self._mirrored.observers
        self.store = self._mirrored.store
        self._running = ExitStack()

    def __repr__(self) -> str:
        return f"<Blocking{repr(self._mirrored)[1:]}"

    def __enter__(self) -> Self:
        with ExitStack() as starting:
            portal = starting.enter_context(start_blocking_portal(name="csvpipe-pool"))
            starting.enter_context(portal.wrap_async_context_manager(self._mirrored))
            self._running = starting.pop_all()
        self._line = _Line(portal)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> Literal[False]:
        """Leave the pool; the jobs' handles are of no use afterwards."""
        self._running.__exit__(kind, error, traceback)
        return False

    submit = _job(WorkerPool.submit)
    submit_many = _jobs(WorkerPool.submit_many)
    job = _job(WorkerPool.job)
    jobs = _same(WorkerPool.jobs)
    history = _same(WorkerPool.history)
    events = _events(WorkerPool.events)
    statistics = _at_once(WorkerPool.statistics)
    purge = _same(WorkerPool.purge)
    drain = _same(WorkerPool.drain)
    stop = _same(WorkerPool.stop)
