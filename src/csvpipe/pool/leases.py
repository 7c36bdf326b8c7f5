"""Keeps the leases of running jobs, from a thread: an event loop that is busy for a while must not lose its jobs."""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable, Iterator
from typing import Final

from csvpipe.jobs import JobId
from csvpipe.store.protocol import JobStore, Lease, Renewal

logger = logging.getLogger("csvpipe")

#: Renewals within one lease.
RENEWALS: Final = 3


class LeaseKeeper:
    """Renews leases three times within their term, and passes the store's answers on.

    A lease that could not be renewed for its whole term, counted from when its last renewal was *sent*, is taken for
    lost: somebody else may have the job by now. If the event loop has not ticked for `stall_seconds`, nothing is
    renewed: a loop that hangs for good must not keep its jobs.

    Args:
        store: Called from the thread.
        lease_seconds: Term of a lease.
        stall_seconds: Longest silence of the event loop.
        monotonic: Clock that never goes back.
    """

    def __init__(
        self,
        store: JobStore,
        *,
        lease_seconds: float,
        stall_seconds: float,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._lease_seconds = lease_seconds
        self._stall_seconds = stall_seconds
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._sent: dict[Lease, float] = {}
        self._answers: queue.SimpleQueue[Renewal] = queue.SimpleQueue()
        self._ticked = monotonic()
        self._is_waiting = False
        self._is_due = threading.Event()
        self._is_closed = False
        self._on_answers: Callable[[], object] = lambda: None
        self._thread: threading.Thread | None = None

    def __repr__(self) -> str:
        return f"<LeaseKeeper of {len(self._sent)} leases>"

    def add(self, lease: Lease) -> None:
        """Keep a lease that the store gave out just now."""
        with self._lock:
            self._sent[lease] = self._monotonic()
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="csvpipe-leases", daemon=True)
            self._thread.start()

    def drop(self, lease: Lease) -> None:
        """Let a lease go."""
        with self._lock:
            self._sent.pop(lease, None)

    def tick(self) -> Iterator[Renewal]:
        """From the loop, often: show that it runs, and hear what the store has answered since."""
        self._ticked = self._monotonic()
        if self._is_waiting:  # the store keeps the thread waiting for its answer
            self._give_up_expired()
        while not self._answers.empty():
            yield self._answers.get()

    def hurry(self, job_id: JobId, on_answers: Callable[[], object]) -> bool:
        """From any thread: renew soon, if the job's lease is among those kept: something may have been asked of it.

        Args:
            job_id: The job.
            on_answers: Called in the keeper's thread when there are answers; must not block.

        Returns:
            Whether it is.
        """
        with self._lock:
            is_kept = any(lease.job_id == job_id for lease in self._sent)
        if is_kept:
            self._on_answers = on_answers
            self._is_due.set()
        return is_kept

    def close(self) -> None:
        """End the thread; does not wait."""
        self._is_closed = True
        self._is_due.set()

    def _run(self) -> None:
        while True:
            is_hurried = self._is_due.wait(self._lease_seconds / RENEWALS)
            if self._is_closed:
                return
            self._is_due.clear()
            self.renew()
            if is_hurried:
                self._on_answers()

    def renew(self) -> None:
        """Renew everything once; called in the keeper's thread."""
        with self._lock:
            leases = list(self._sent)
        now = self._monotonic()
        if not leases or now - self._ticked > self._stall_seconds:
            return
        self._is_waiting = True
        try:
            answers = self._store.renew(leases, lease_seconds=self._lease_seconds)
        except Exception as error:  # noqa: BLE001  # whatever a store raises that is away
            logger.warning("leases could not be renewed; another attempt follows: %r", error)
            self._give_up_expired()
            return
        finally:
            self._is_waiting = False
        with self._lock:
            for answer in answers:
                if answer.lease in self._sent and answer.is_held:
                    self._sent[answer.lease] = now
        for answer in answers:
            self._answers.put(answer)

    def _give_up_expired(self) -> None:
        oldest = self._monotonic() - self._lease_seconds
        with self._lock:
            expired = [lease for lease, sent in self._sent.items() if sent < oldest]
            for lease in expired:
                del self._sent[lease]
        for lease in expired:
            self._answers.put(Renewal(lease=lease, is_held=False))
