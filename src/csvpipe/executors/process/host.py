"""The host's hold on one worker process."""

from __future__ import annotations

import logging
import os
import pickle
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from multiprocessing import Pipe, spawn
from multiprocessing.connection import Connection
from typing import Any, Final, TextIO

from csvpipe._process.stopping import StopSignal
from csvpipe.executors.process.address import Address
from csvpipe.executors.process.messages import (
    JOBS_KEPT,
    Answer,
    Done,
    End,
    Hello,
    Left,
    Order,
    Request,
    Stop,
    Trouble,
)
from csvpipe.executors.process.page import Note, make_page
from csvpipe.logs import about_pipeline

logger = logging.getLogger("csvpipe")

#: How often a thread that waits for a worker looks whether it is to stop it, or whether it is still alive.
_LOOK_SECONDS: Final = 0.05

#: A worker gives calls up that exceed their limit by itself. If it has not even looked up for so long after the limit,
#: something holds its interpreter.
_FROZEN_SECONDS: Final = 2.0

#: How long a killed process is waited for; the kernel may take a while to free a lot of memory.
_KILLED_SECONDS: Final = 10.0

#: What the interpreter runs. Nothing of ours can be imported before it has the host's path. Garbage is not looked for
#: among what is imported, neither meanwhile nor later.
_PROGRAM: Final = """\
import gc, sys
gc.disable()
if sys.platform == "win32":
    from multiprocessing.connection import PipeConnection as Connection
else:
    import os
    from multiprocessing.connection import Connection
    os.set_inheritable(int(sys.argv[1]), False)
connection = Connection(int(sys.argv[1]))
sys.path[:] = connection.recv()
from csvpipe.executors.process.child import main
gc.freeze()
gc.enable()
main(connection)
"""


class LostError(Exception):
    """The worker died with an order in hand.

    Args:
        how: In a few words: the signal, or the exit code.
        note: The rows that it had in hand.
        is_frozen: Whether we killed it, since a call exceeded its limit and nothing in it ran any more.
    """

    def __init__(self, how: str, note: Note | None, *, is_frozen: bool = False) -> None:
        super().__init__(how)
        self.how = how
        self.note = note
        self.is_frozen = is_frozen


class WorkerProcess:
    """An interpreter of our own. Its methods block, but for `kill` and `close`; one thread at a time may call them.

    Args:
        addresses: Of the pipelines that it may be asked for.

    Attributes:
        orders: How many chunks it was given.

    Raises:
        OSError: No process can be started.
    """

    def __init__(self, addresses: Mapping[str, Address]) -> None:
        self.orders = 0
        self._jobs: dict[int, None] = {}
        self._is_closing = False
        self._connection, theirs = Pipe()
        self._page, found = make_page()
        try:
            self._popen = _start(theirs, found)
        except BaseException:
            self._let_go()
            raise
        finally:
            theirs.close()
            if isinstance(found, int):
                os.close(found)
        with suppress(OSError):  # dead already, which is found out when it is asked
            self._connection.send(list(sys.path))
            self._say(Hello(os.getpid(), found, addresses))

    def __repr__(self) -> str:
        return f"<WorkerProcess {self._popen.pid}{'' if self.is_alive else ' ended'}>"

    @property
    def pid(self) -> int:
        """Its number in the system."""
        return self._popen.pid

    @property
    def is_alive(self) -> bool:
        """Whether it still runs."""
        return self._popen.poll() is None

    def knows(self, job: int) -> bool:
        """Whether it has the terms of a job already."""
        return job in self._jobs

    def ask(self, order: Order, stop: StopSignal) -> Answer:
        """Have an order done.

        Args:
            order: With the job's terms, unless it `knows` the job.
            stop: Set when it is to come back early.

        Raises:
            LostError: It died over the order, or was killed.
        """
        self.orders += 1
        self._page.clear()
        is_frozen = False
        try:
            self._say(order)
            try:
                self._wait(order.limit, stop)
            except TimeoutError:
                self.kill()
                is_frozen = True
            answer: Answer = pickle.loads(self._connection.recv_bytes())  # noqa: S301  # from our own worker
        except (EOFError, OSError):
            how = self._end_of()
            if is_frozen:
                how = "killed, since a call exceeded its time limit and nothing could interrupt it"
            raise LostError(how, self._page.note(), is_frozen=is_frozen) from None
        self._remember(order, answer)
        return answer

    def kill(self) -> None:
        """End it here and now. From any thread."""
        self._popen.kill()

    def close(self) -> None:
        """Tell it to leave its resources and to end, between two orders; does not wait."""
        self._is_closing = True
        with suppress(OSError):
            self._say(End())

    def join(self, seconds: float) -> None:
        """Wait for its end after `close`, so long at most; then kill it. After that nothing is left of it."""
        try:
            if self._connection.poll(max(0.0, seconds)):
                left = pickle.loads(self._connection.recv_bytes())  # noqa: S301  # from our own worker
                if isinstance(left, Left):
                    log_troubles(left.troubles)
            with suppress(subprocess.TimeoutExpired):
                self._popen.wait(max(0.0, seconds))
        except (EOFError, OSError):  # it died meanwhile
            pass
        self.discard()

    def discard(self) -> str:
        """Make sure that it is dead, and let go of all that it had; how it ended, in a few words."""
        self.kill()
        how = self._end_of()
        self._let_go()
        return how

    def _say(self, request: Request | Hello) -> None:
        self._connection.send_bytes(pickle.dumps(request, pickle.HIGHEST_PROTOCOL))

    def _wait(self, limit: float | None, stop: StopSignal) -> None:
        """Until there is an answer, or nobody left who could give one.

        Raises:
            TimeoutError: A call has exceeded its limit, and the worker does not see to it.
        """
        is_told, beats, since = False, -1, 0.0
        while not self._connection.poll(_LOOK_SECONDS):
            if not self.is_alive:
                return
            if stop.is_set() and not is_told:
                is_told = True
                self._say(Stop())
            now = time.monotonic()
            if beats != self._page.beats:
                beats, since = self._page.beats, now
            elif limit is not None and self._page.note() is not None and now - since > limit + _FROZEN_SECONDS:
                raise TimeoutError

    def _remember(self, order: Order, answer: Answer) -> None:
        """Keep book of the jobs that the worker has prepared, as it does itself."""
        if not isinstance(answer, Done) or answer.result.failure is not None:
            self._jobs.pop(order.job, None)  # it may not have come so far
        elif order.terms is not None:
            self._jobs[order.job] = None
            while len(self._jobs) > JOBS_KEPT:
                del self._jobs[next(iter(self._jobs))]

    def _end_of(self) -> str:
        """How it ended; it is ending, or was killed."""
        try:
            code = self._popen.wait(_KILLED_SECONDS)
        except subprocess.TimeoutExpired:  # its pipe is closed and it goes on
            self.kill()
            code = self._popen.wait()
        if code >= 0:
            return f"it ended with exit code {code}"
        try:
            name = signal.Signals(-code).name
        except ValueError:
            name = f"signal {-code}"
        return f"killed by {name}{', perhaps for want of memory' if name == 'SIGKILL' else ''}"

    def _let_go(self) -> None:
        self._connection.close()
        self._page.close()


def log_troubles(troubles: tuple[Trouble, ...]) -> None:
    """Log what went wrong when resources were left."""
    for trouble in troubles:
        logger.error(
            "pipeline %r: its setup failed at the end\n%s",
            trouble.pipeline,
            trouble.traceback.rstrip(),
            extra=about_pipeline(trouble.pipeline),
        )


def _start(theirs: Connection[Any, Any], page: int | str) -> subprocess.Popen[bytes]:
    executable = os.fsdecode(spawn.get_executable() or sys.executable)
    # -P: what lies in the current folder must not stand in for the standard library before the host's path is known.
    flags: list[str] = subprocess._args_from_interpreter_flags()  # type: ignore[attr-defined]  # noqa: SLF001
    command = [executable, *flags, "-P", "-c", _PROGRAM, str(theirs.fileno())]
    if sys.platform == "win32":  # pragma: no cover
        handle = theirs.fileno()
        os.set_handle_inheritable(handle, True)  # noqa: FBT003  # it takes no keyword
        startup = subprocess.STARTUPINFO(lpAttributeList={"handle_list": [handle]})
        return subprocess.Popen(command, startupinfo=startup)  # noqa: S603
    assert isinstance(page, int)  # noqa: S101
    with _interrupts_held():
        return subprocess.Popen(  # noqa: S603
            command, pass_fds=(theirs.fileno(), page), stdout=_handle(sys.stdout, 1), stderr=_handle(sys.stderr, 2)
        )


def _handle(stream: TextIO | None, usual: int) -> int | None:
    """Where a worker's stream goes: where the host's does, which may be elsewhere than at its start."""
    try:
        handle = usual if stream is None else stream.fileno()
    except (AttributeError, OSError, ValueError):  # it stands for no file, or is closed
        return None
    return None if handle == usual else handle


@contextmanager
def _interrupts_held() -> Iterator[None]:
    """Keep signals of the host's from a worker that cannot leave them to the host yet: it is born with them blocked."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
