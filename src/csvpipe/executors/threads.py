"""Daemon threads of our own, called from the event loop.

The interpreter's exit, and AnyIO's, wait for the threads of their pools, however long a handler hangs. These are daemon
threads: a handler that never returns costs its row, not the process.
"""

from __future__ import annotations

import itertools
import queue
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Generic, TypeVar

import anyio
import anyio.lowlevel

T = TypeVar("T")

_numbers = itertools.count(1)


class Errand(Generic[T]):
    """One call in another thread, and what came of it.

    Args:
        function: Called in the thread.
        afterwards: Called there after it, where the waiter did not wait for its end; must not raise.
    """

    def __init__(self, function: Callable[[], T], afterwards: Callable[[], object] = lambda: None) -> None:
        self._function = function
        self._afterwards = afterwards
        self._call_soon = soon_in_loop()
        self._done = anyio.Event()
        self._is_over = False
        self._value: list[T] = []
        self._error: BaseException | None = None

    def run(self) -> None:
        """In the thread: call, and wake the waiter; whose loop may be gone by then."""
        try:
            self._value.append(self._function())
        except BaseException as error:  # noqa: BLE001  # carried to the waiter
            self._error = error
        if self.is_forsaken:
            self._afterwards()
        self._is_over = True
        self._call_soon(self._done.set)

    async def wait(self) -> None:
        """Until the call is over or forsaken. Cancellation leaves the call running; its result is dropped."""
        await self._done.wait()

    def forsake(self) -> None:
        """In the loop: let the waiter go on although the call is not over."""
        self._done.set()

    @property
    def is_done(self) -> bool:
        """Whether the call is over."""
        return self._is_over

    @property
    def is_forsaken(self) -> bool:
        """Whether the waiter was let go before the call was over."""
        return self._done.is_set() and not self._is_over

    def result(self) -> T:
        """What the call returned.

        Raises:
            BaseException: What it raised.
        """
        if self._error is not None:
            try:
                raise self._error
            finally:
                self._error = None
        return self._value[0]


def soon_in_loop() -> Callable[[Callable[[], object]], None]:
    """What has the running event loop call a function soon, from any thread and without waiting for it.

    `anyio.from_thread.run_sync` waits until the loop has answered, which costs the thread two switches for each errand.
    Once the loop has ended nothing is called.
    """
    loop: Any = anyio.lowlevel.current_token().native_token
    in_loop: Callable[[Callable[[], object]], object]
    in_loop = loop.call_soon_threadsafe if hasattr(loop, "call_soon_threadsafe") else loop.run_sync_soon

    def call_soon(function: Callable[[], object]) -> None:
        with suppress(RuntimeError, anyio.RunFinishedError):
            in_loop(function)

    return call_soon


class DaemonThread:
    """A thread that runs errands one after the other until it is closed."""

    def __init__(self, name: str, at_end: Callable[[], object] | None = None) -> None:
        self._errands: queue.SimpleQueue[Errand[object] | None] = queue.SimpleQueue()
        self._at_end = at_end
        self._thread = threading.Thread(target=self._run, name=f"csvpipe-{name}-{next(_numbers)}", daemon=True)
        self._thread.start()

    def __repr__(self) -> str:
        return f"<DaemonThread {self._thread.name}{'' if self._thread.is_alive() else ' ended'}>"

    def _run(self) -> None:
        while (errand := self._errands.get()) is not None:
            errand.run()
            del errand
        if self._at_end is not None:
            self._at_end()

    def begin(self, errand: Errand[T]) -> Errand[T]:
        """Hand an errand over; it starts when those before it are over."""
        self._errands.put(errand)  # type: ignore[arg-type]  # the thread does not look at the value
        return errand

    def close(self) -> None:
        """End after the errands in hand; does not wait."""
        self._errands.put(None)

    def join(self, seconds: float) -> None:
        """Wait for its end, in a thread that may block."""
        self._thread.join(seconds)


class ThreadGroup:
    """Up to `most` daemon threads, made on demand, for short calls of our own: file and store access.

    Calls are never abandoned: cancellation of the caller takes effect when the call is over.
    """

    def __init__(self, name: str, most: int) -> None:
        self._name = name
        self._limiter = anyio.Semaphore(most)
        self._idle: list[DaemonThread] = []
        self._is_closed = False

    def __repr__(self) -> str:
        return f"<ThreadGroup {self._name}: {len(self._idle)} idle>"

    async def call(self, function: Callable[..., T], *args: object) -> T:
        """Run `function(*args)` in a thread; a cancellation that comes meanwhile takes its place when it is over.

        Raises:
            BaseException: What the function raises.
        """
        errand = Errand(lambda: function(*args))
        await self._run(errand)
        await anyio.lowlevel.checkpoint_if_cancelled()
        return errand.result()

    async def call_through(self, function: Callable[..., T], *args: object) -> T:
        """`call`, but the result comes also to a caller that is cancelled: for what must be known once it is done.

        Raises:
            BaseException: What the function raises.
        """
        errand = Errand(lambda: function(*args))
        await self._run(errand)
        return errand.result()

    async def call_or_leave(self, function: Callable[[], T], *, undo: Callable[[], object]) -> T:
        """`call`, but a caller that is cancelled does not wait for the end: for what may block for ever.

        Args:
            function: Goes on in its thread, which ends after it, where the caller is cancelled.
            undo: Called in the thread after a function whose caller is gone.

        Raises:
            BaseException: What the function raises.
        """
        errand = Errand(function, afterwards=undo)
        async with self._limiter:
            thread = self._idle.pop() if self._idle else DaemonThread(self._name)
            thread.begin(errand)
            try:
                await errand.wait()
            except BaseException:
                errand.forsake()
                thread.close()
                raise
            if self._is_closed:
                thread.close()
            else:
                self._idle.append(thread)
        return errand.result()

    async def _run(self, errand: Errand[T]) -> None:
        with anyio.CancelScope(shield=True):
            async with self._limiter:
                thread = self._idle.pop() if self._idle else DaemonThread(self._name)
                thread.begin(errand)
                await errand.wait()
                if self._is_closed:
                    thread.close()
                else:
                    self._idle.append(thread)

    def close(self) -> None:
        """End the threads when they are idle."""
        self._is_closed = True
        while self._idle:
            self._idle.pop().close()
