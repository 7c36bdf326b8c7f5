"""Several small files in one turn of a worker's thread: to hand each over by itself takes as long as to do it."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import anyio

from csvpipe._process.resources import Resources
from csvpipe._process.timed import TimedTurn
from csvpipe._process.turn import Habit, Turn
from csvpipe.pool.observed import timed_turn_of

if TYPE_CHECKING:
    from csvpipe.executors.worker import Worker
    from csvpipe.pool.brief import Brief
    from csvpipe.pool.run import JobRun
    from csvpipe.pool.services import Services

#: How long the files of one sitting should take together, and how many there are at most.
_SECONDS: Final = 0.01
_MOST: Final = 16

#: After so long what has not begun is given back to the other workers: a handler may have changed its pace, or hang.
_PATIENCE_SECONDS: Final = 0.05

#: How much of what is known of the pace is forgotten with each file.
_WEIGHT: Final = 0.25


class Pace:
    """How long the rows of a pipeline's small files are with its handler, one file with another.

    It is the handler's time alone: our own steps take the longer the more threads there are that want the interpreter,
    which would keep sittings short and threads many.
    """

    __slots__ = ("_seconds",)

    def __init__(self) -> None:
        self._seconds: float | None = None

    def __repr__(self) -> str:
        return f"<Pace {'unknown' if self._seconds is None else f'{self._seconds * 1e3:.3f} ms a file'}>"

    def saw(self, seconds: float) -> None:
        """Learn from one file."""
        known = seconds if self._seconds is None else self._seconds
        self._seconds = known + _WEIGHT * (seconds - known)

    @property
    def most(self) -> int:
        """How many files a sitting should have; one as long as nothing is known."""
        if self._seconds is None:
            return 1
        return max(1, int(_SECONDS / max(self._seconds, _SECONDS / _MOST)))


class Part:
    """One file's part of a sitting.

    Args:
        run: Of its job.
        sitting: What it is a part of.
        turn: The hold on this process's interpreter.

    Attributes:
        brief: What came of it, once it is over.
        error: What was raised that is no row's fault and no file's.
        is_over: Whether the thread is done with it.
    """

    def __init__(self, run: JobRun, sitting: Sitting, turn: TimedTurn) -> None:
        self.run = run
        self.turn = turn
        self.brief: Brief | None = None
        self.error: BaseException | None = None
        self.is_over = False
        self._sitting = sitting

    def __repr__(self) -> str:
        return f"<Part of {self.run!r}{', over' if self.is_over else ''}>"

    def work(self, resources: Resources) -> None:
        """In the worker's thread: do the file."""
        try:
            self.brief = self.turn.around(lambda: self.run.brief(resources, self.turn))()
        except BaseException as error:  # noqa: BLE001  # carried to the loop
            self.error = error
        self.is_over = True

    def withdraw(self) -> None:
        """If it has not begun, it never will: not here."""
        self._sitting.give_back([self])

    def give_up(self) -> None:
        """Wait for it no more, whatever becomes of it."""
        self._sitting.give_up(self)


class Sitting:
    """One worker's turn at small files of a pipeline, one after the other. Belongs to the event loop.

    Args:
        runs: Of their jobs, each with its lane in hand.
        worker: Whose thread does them.
        services: The pool's.
    """

    def __init__(self, runs: Sequence[JobRun], worker: Worker, services: Services) -> None:
        self._worker = worker
        self._services = services
        self._baton = Turn(services.baton, Habit())
        self._parts = [Part(run, self, timed_turn_of(services, run.pipeline, run.observed)) for run in runs]
        self._lock = threading.Lock()  # of what has not begun
        self._waiting = deque(self._parts)

    def __repr__(self) -> str:
        return f"<Sitting of {len(self._parts)}, {len(self._waiting)} not begun>"

    async def hold(self) -> None:
        """See all parts home, or back to where others take them."""
        thread = self._worker.thread
        self._worker.renew(self._services.outages)
        errand = thread.begin(self._work)
        for part in self._parts:
            part.run.hands.add(part)
        with anyio.move_on_after(_PATIENCE_SECONDS):
            await errand.wait()
        if not (errand.is_done or errand.is_forsaken):
            self._baton.give()
            self.give_back(self._parts[1:])  # the first one is done here, so that none goes round for ever
            self._take_home(is_last=False)
            await errand.wait()
        if errand.is_forsaken:
            for part in self._parts:
                part.turn.give()
        thread.end(errand)
        self._take_home(is_last=True)

    def give_back(self, parts: Sequence[Part]) -> None:
        """Leave to other workers what has not begun of these."""
        with self._lock:
            back = [part for part in parts if part in self._waiting]
            for part in back:
                self._waiting.remove(part)
        for part in back:
            self._parts.remove(part)
            part.run.put_back(part)

    def give_up(self, part: Part) -> None:
        """Wait for a part no more: its thread is left behind, without those that have not begun."""
        self.give_back(tuple(self._parts))
        if part in self._parts and not part.is_over:
            self._worker.give_up()

    def _take_home(self, *, is_last: bool) -> None:
        home = [part for part in self._parts if part.is_over or is_last]
        raised: BaseException | None = None
        for part in home:
            self._parts.remove(part)
            handling = part.turn.handling() if part.is_over else None
            if handling is not None:
                self._services.paces[part.run.pipeline.name].saw(handling.seconds)
            try:
                part.run.take_home(part)
            except BaseException as error:  # noqa: BLE001  # the others come home first
                raised = error
        if raised is not None:
            raise raised

    def _work(self, resources: Resources) -> None:
        """In the worker's thread."""
        if len(self._waiting) > 1:
            self._baton.take()
        while (part := self._next()) is not None:
            part.work(resources)
        self._baton.give()

    def _next(self) -> Part | None:
        with self._lock:
            return self._waiting.popleft() if self._waiting else None


def sitting_of(first: JobRun, worker: Worker, services: Services) -> Sitting:
    """A sitting with as many files as the pace of the first one's pipeline allows, of those that are next."""

    def is_like_first(run: JobRun, item: object) -> bool:
        return item is None and run.pipeline is first.pipeline

    # What is observed has its own time: those who watch it would take its neighbours' for its own.
    others = 0 if first.observed is not None else services.paces[first.pipeline.name].most - 1
    return Sitting([first, *services.rotation.take_also(is_like_first, most=others)], worker, services)
