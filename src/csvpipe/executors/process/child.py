"""What runs in a worker process: chunks in its main thread, and a thread that listens to the host."""

from __future__ import annotations

import os
import pickle
import queue
import signal
import sys
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import Any, Final, NoReturn

from csvpipe._process.resources import Resources
from csvpipe._process.result import nothing_done
from csvpipe._process.run import AbandonedError, ChunkRun, run_of
from csvpipe._process.stopping import StopSignal
from csvpipe._process.timed import free_turn
from csvpipe._process.watch import look_seconds
from csvpipe._process.work import JobWork, source_failure
from csvpipe.errors import FileError
from csvpipe.executors.process.address import Address, UnreachableError, load
from csvpipe.executors.process.messages import (
    JOBS_KEPT,
    Answer,
    Done,
    Hello,
    Left,
    Order,
    Raised,
    Request,
    Stop,
    Trouble,
    Unreachable,
    job_of,
    portable,
    traceback_of,
)
from csvpipe.executors.process.page import Page, open_page
from csvpipe.pipeline import Pipeline

#: How often the listener looks whether the host is still there; the pipe tells it sooner, unless somebody else has
#: inherited the host's end.
_IDLE_SECONDS: Final = 1.0


class _Task:
    """An order, and the flag that stops it."""

    def __init__(self, order: Order) -> None:
        self.order = order
        self.stop = StopSignal()
        self.run: ChunkRun | None = None
        self.is_over = False


class Child:
    """One worker process.

    Args:
        connection: To the host.
        hello: Its first message.
        page: Shared with it.
    """

    def __init__(self, connection: Connection, hello: Hello, page: Page) -> None:
        self._connection = connection
        self._host = hello.host
        self._page = page
        self._addresses: Mapping[str, Address] = hello.addresses
        self._tasks: queue.SimpleQueue[_Task | None] = queue.SimpleQueue()
        self._task: _Task | None = None
        self._pipelines: dict[str, Pipeline[..., Any]] = {}
        self._jobs: dict[int, JobWork] = {}
        self._resources = Resources()
        self._outages = 0
        self._sending = threading.Lock()

    # The main thread --------------------------------------------------------------------------------------------------

    def serve(self) -> None:
        """Do chunk after chunk until the host says that it is enough."""
        threading.Thread(target=self._listen, name="csvpipe-listener", daemon=True).start()
        while (task := self._tasks.get()) is not None:
            self._say(self._answer(task))
        self._say(Left(self._leave()))

    def _answer(self, task: _Task) -> Answer:
        try:
            return self._done(task)
        except UnreachableError as error:
            return Unreachable(error.message, traceback_of(error))
        except AbandonedError:
            self._end_here()
        except BaseException as error:  # noqa: BLE001  # handlers' errors are results: a defect, or a disk that fails
            return Raised(portable(error))
        finally:
            task.is_over = True

    def _done(self, task: _Task) -> Done:
        order = task.order
        troubles: tuple[Trouble, ...] = ()
        if order.outages != self._outages:
            self._outages, troubles = order.outages, self._leave()
        try:
            job = self._job(order)
        except FileError as error:
            return Done(nothing_done(order.chunk, source_failure(error)), troubles=troubles)
        turn = free_turn(is_timed=order.is_timed)
        task.run = run_of(job, order.chunk, order.allowance, stop=task.stop, turn=turn, hand=self._page)
        result = task.run(self._resources)
        self._page.clear()
        return Done(result, troubles=troubles, handling=turn.handling())

    def _job(self, order: Order) -> JobWork:
        if order.terms is not None:
            self._jobs[order.job] = job_of(self._pipeline(order.pipeline), order.terms)
            while len(self._jobs) > JOBS_KEPT:
                del self._jobs[next(iter(self._jobs))]
        return self._jobs[order.job]

    def _pipeline(self, name: str) -> Pipeline[..., Any]:
        if name not in self._pipelines:
            self._pipelines[name] = load(self._addresses[name])
        return self._pipelines[name]

    def _leave(self) -> tuple[Trouble, ...]:
        troubles = self._resources.close()
        return tuple(Trouble(name, traceback_of(error)) for name, error in troubles)

    def _say(self, answer: Answer | Left) -> None:
        with self._sending:
            try:
                self._connection.send_bytes(pickle.dumps(answer, pickle.HIGHEST_PROTOCOL))
            except OSError:  # the host is gone
                os._exit(1)

    # The listener -----------------------------------------------------------------------------------------------------

    def _listen(self) -> None:
        """Obey the host; when it is gone, end here and now, whatever the main thread is doing."""
        try:
            while True:
                if self._task is not None:
                    self._look_at(self._task)
                if self._connection.poll(self._pause()):
                    self._obey(pickle.loads(self._connection.recv_bytes()))  # noqa: S301  # from our own host
                elif sys.platform != "win32" and os.getppid() != self._host:
                    break
                self._page.beat()
        except (EOFError, OSError):
            pass
        except BaseException as error:  # noqa: BLE001  # a defect: without this thread nobody would see the host go
            sys.stderr.write(traceback_of(error))
        os._exit(1)

    def _obey(self, request: Request) -> None:
        if isinstance(request, Order):
            self._task = _Task(request)
            self._tasks.put(self._task)
        elif isinstance(request, Stop):
            if self._task is not None:
                self._task.stop.set()
        else:
            self._task = None
            self._tasks.put(None)

    def _pause(self) -> float:
        task = self._task
        if task is None or task.is_over or task.order.limit is None:
            return _IDLE_SECONDS
        return look_seconds(task.order.limit)

    def _look_at(self, task: _Task) -> None:
        """Give a call up that takes too long: what was done before it is reported, and the process ends."""
        if task.run is not None and (result := task.run.abandon()) is not None:
            self._say(Done(result, is_last=True))
            os._exit(0)

    def _end_here(self) -> NoReturn:
        """In the main thread, whose call was given up: the listener ends the process."""
        while True:
            time.sleep(_IDLE_SECONDS)


def main(connection: Connection) -> None:
    """Serve the host at the other end of `connection` until it says that it is enough, or is gone.

    Ctrl-C, and whoever ends a whole group of processes, is the host's business: it lets rows in hand be finished.
    Unlike ignored signals, those that are handled have their usual meaning again in programs that a handler starts.
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _leave_to_host)
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT, signal.SIGTERM})
    with suppress(AttributeError, ValueError, OSError):  # no stdout, or another kind of it
        sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]  # so that a crash takes nothing along
    hello = pickle.loads(connection.recv_bytes())  # noqa: S301  # from our own host
    assert isinstance(hello, Hello)  # noqa: S101
    Child(connection, hello, open_page(hello.page)).serve()


def _leave_to_host(_number: int, _frame: object) -> None:
    """Do nothing."""
