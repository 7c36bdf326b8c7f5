"""One instance as its store sees it: a pool that asks, is called, works, commits, renews, and may die.

It is `csvpipe.pool` without files, rows and threads: what that takes time for is a matter of virtual seconds here, and
what it asks of the store is asked. `csvpipe.pool.hearing` decides which calls it heeds, the settings when it asks.
"""

from collections.abc import Callable
from heapq import heappop, heappush
from random import Random
from typing import TYPE_CHECKING

import attrs
from benchmarks.capacity.model import SETTINGS, Load

from csvpipe._process.result import ChunkResult
from csvpipe.pool.claims import POLL_SPREAD
from csvpipe.pool.hearing import REST_SECONDS, Attention
from csvpipe.pool.leases import RENEWALS
from csvpipe.store.protocol import Claim, Lease, WorkerId
from csvpipe.testing import JumpingClock
from csvpipe.testing._store_contract.harness import ROW_BYTES, a_result, a_row_error

if TYPE_CHECKING:
    from benchmarks.capacity.simulation import Simulation


class Timeline:
    """What happens when; time jumps from one thing to the next."""

    def __init__(self) -> None:
        self.clock = JumpingClock()
        self._due: list[tuple[float, int, Callable[[], object]]] = []
        self._numbers = 0

    @property
    def now(self) -> float:
        """Virtual seconds since the beginning."""
        return self.clock.monotonic()

    def after(self, seconds: float, act: Callable[[], object]) -> None:
        """Have something happen in so many seconds; of what is due at once, what was said first comes first."""
        self._numbers += 1
        heappush(self._due, (self.now + seconds, self._numbers, act))

    def run(self, *, until: float | None = None, while_: Callable[[], bool] = lambda: True) -> None:
        """Let things happen up to a time, or as long as something holds."""
        while self._due and while_() and (until is None or self._due[0][0] <= until):
            at, _, act = heappop(self._due)
            self.clock.advance(max(0.0, at - self.now))
            act()
        if until is not None:
            self.clock.advance(max(0.0, until - self.now))


@attrs.define(eq=False)
class Run:
    """A job in hand.

    Attributes:
        claim: Of the job.
        rows: Of its file.
        is_small: Whether its file is a single chunk.
        todo: Numbers of the chunks that were left to be done.
        fresh: Numbers of those that are done and not committed.
        done: How many are done.
    """

    claim: Claim
    rows: int
    is_small: bool
    todo: list[int]
    fresh: list[int] = attrs.field(factory=list)
    done: int = 0


class Instance:
    """A pool.

    Args:
        name: Its worker's.
        simulation: It lives in.
        load: How long jobs take.
        random: When it asks.
    """

    def __init__(self, name: str, simulation: "Simulation", load: Load, random: Random) -> None:
        self.worker = WorkerId(name)
        self.runs: dict[Lease, Run] = {}
        self.is_dead = False
        self._simulation = simulation
        self._time = simulation.time
        self._load = load
        self._random = random
        self.attention = Attention(random.random)
        self._is_resting = self._is_called = self._is_keeping = False
        self._claimed = 0
        self._asks = 0  # a wait that another one has replaced ends in nothing
        self._busy_until = 0.0
        self._wait(random.uniform(0.0, SETTINGS.poll_seconds))

    def __repr__(self) -> str:
        return f"<Instance {self.worker} with {len(self.runs)} jobs{', dead' if self.is_dead else ''}>"

    # Asking: `Claims.keep_claiming`, `keep_hearing` -------------------------------------------------------------------

    def hear(self) -> None:
        """A worker is called for."""
        if self._is_resting:
            self._is_called = True
        elif not self.is_dead and self.attention.heeds(self._claimed):
            self._is_resting, self._is_called = True, False
            self.ring()
            self._time.after(REST_SECONDS, self._rested)

    def ring(self) -> None:
        """Ask as soon as the question that is under way is answered."""
        self._wait(max(0.0, self._busy_until - self._time.now))

    def _rested(self) -> None:
        self.attention.over(self._claimed)
        self._is_resting = False
        if self._is_called:
            self._is_called = False
            self.hear()

    def _wait(self, seconds: float) -> None:
        self._asks = number = self._asks + 1
        self._time.after(seconds, lambda: self._ask(number))

    def _ask(self, number: int) -> None:
        if self.is_dead or number != self._asks:
            return
        self._busy_until = self._time.now + self._load.call_seconds
        large = sum(not run.is_small for run in self.runs.values())
        room = SETTINGS.max_files + SETTINGS.workers - len(self.runs)
        limit = min(room, SETTINGS.max_files - large)
        for claim in self._simulation.claim(self, limit) if limit > 0 else ():
            self._claimed += 1
            self._time.after(self._load.call_seconds, lambda claim=claim: self._begin(claim))
        again = SETTINGS.poll_seconds * self._random.uniform(1.0, 1.0 + POLL_SPREAD)
        self._wait(self._load.call_seconds + again)

    # Working: `JobRun`, `Commits`, `LeaseKeeper` ----------------------------------------------------------------------

    def _begin(self, claim: Claim) -> None:
        if self.is_dead:
            return
        rows = (claim.record.bytes_total - ROW_BYTES) // ROW_BYTES
        todo = list(range(max(1, rows // self._load.rows)))
        if claim.record.attempt > 1:
            committed = self._simulation.committed(claim.lease.job_id)
            todo = [chunk for chunk in todo if (chunk * self._load.rows + 1) * ROW_BYTES not in committed]
        is_small = rows <= self._load.rows
        run = self.runs[claim.lease] = Run(claim=claim, rows=rows, is_small=is_small, todo=todo)
        if not self._is_keeping:
            self._is_keeping = True
            self._time.after(SETTINGS.lease_seconds / RENEWALS, self._renew)
        pace = self._load.small_seconds if is_small else self._load.large_seconds / self._load.chunks
        for number, chunk in enumerate(todo):
            self._time.after(pace * (number + 1), lambda chunk=chunk: self._chunk_done(run, chunk))
        if not todo:
            self._time.after(0.0, lambda: self._settle(run))
        elif not is_small:
            self._time.after(SETTINGS.flush_interval, lambda: self._commit(run))

    def _chunk_done(self, run: Run, chunk: int) -> None:
        if self.is_dead:
            return
        run.fresh.append(chunk)
        run.done += 1
        if run.done == len(run.todo):
            self._settle(run)
        elif run.done == 1 and run.claim.record.attempt > 1:
            self._commit(run, is_urgent=True)  # a store that hears of none takes it for a crash loop

    def _commit(self, run: Run, *, is_urgent: bool = False) -> None:
        if self.is_dead or run.claim.lease not in self.runs:
            return
        if run.fresh:
            self._simulation.commit(run.claim.lease, self._results(run))
        if not is_urgent:
            self._time.after(SETTINGS.flush_interval + self._load.call_seconds, lambda: self._commit(run))

    def _settle(self, run: Run) -> None:
        self._simulation.settle(run.claim.lease, self._results(run), total_rows=run.rows)
        del self.runs[run.claim.lease]
        if not run.is_small:
            self.ring()

    def _results(self, run: Run) -> list[ChunkResult]:
        results, size = [], self._load.rows
        for chunk in run.fresh:
            first, last = chunk * size + 1, min((chunk + 1) * size, run.rows)
            errors = [a_row_error(first + number) for number in range(0 if run.is_small else self._load.errors)]
            results.append(a_result(first, last - first + 1, failed=len(errors), errors=errors))
        run.fresh.clear()
        return results

    def _renew(self) -> None:
        if self.is_dead:
            return
        if self.runs:
            self._simulation.renew(list(self.runs), SETTINGS.lease_seconds)
        self._time.after(SETTINGS.lease_seconds / RENEWALS + self._load.call_seconds, self._renew)
