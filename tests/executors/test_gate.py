"""Permits to compute are limited, and handed on in the order of asking."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable

import pytest

from csvpipe.executors.gate import PATIENCE_SECONDS, CpuGate

FOREVER = 100.0


def wait_until(condition: Callable[[], bool]) -> None:
    """Look, over and over, for what another thread is about to do; the test's time limit is the only one."""
    pause = threading.Event()
    while not condition():
        pause.wait(0.001)


def queue_up(gate: CpuGate, name: str, served: list[str]) -> threading.Thread:
    """A thread that waits at the gate, in line once this returns."""
    ahead = len(gate._waiting)

    def ask() -> None:
        assert gate.acquire()
        served.append(name)

    thread = threading.Thread(target=ask)
    thread.start()
    wait_until(lambda: len(gate._waiting) > ahead)
    return thread


class TestPermits:
    """How many, and what happens when they are out."""

    def test_as_many_as_stated(self) -> None:
        """Permits are had at once while there are any, and again after they came back."""
        gate = CpuGate(2, patience_seconds=0.0)
        assert [True, True, False] == [gate.acquire() for _ in range(3)]
        gate.release()
        assert [True, False] == [gate.acquire() for _ in range(2)]

    @pytest.mark.parametrize(("cpus", "permits"), [(None, 1), (1, 1), (2, 2), (64, 2)])
    def test_by_default_no_more_than_two(self, monkeypatch: pytest.MonkeyPatch, cpus: int | None, permits: int) -> None:
        """More threads than two that compute gain nothing, and more than processors neither."""
        monkeypatch.setattr(os, "cpu_count", lambda: cpus)
        assert f"<CpuGate {permits} free, 0 waiting>" == repr(CpuGate())

    def test_patience_has_an_end(self) -> None:
        """Who waited in vain is not in line any more, so that no permit is handed to nobody."""
        gate = CpuGate(1, patience_seconds=0.0)
        assert gate.acquire()
        assert not gate.acquire()
        assert not gate.is_wanted
        gate.release()
        assert gate.acquire()

    def test_patience_is_short(self) -> None:
        """By default a handler that blocks with a permit in hand holds up others for less than a second."""
        assert 0.0 < CpuGate()._patience_seconds == PATIENCE_SECONDS < 1.0


class TestOrder:
    """First come, first served."""

    def test_handed_on_in_the_order_of_asking(self) -> None:
        """A permit goes to the thread that has waited longest, and never past those who wait."""
        gate, served = CpuGate(1, patience_seconds=FOREVER), []  # type: ignore[var-annotated]
        assert gate.acquire()
        assert not gate.is_wanted
        threads = [queue_up(gate, name, served) for name in "abc"]
        assert gate.is_wanted
        assert "<CpuGate 0 free, 3 waiting>" == repr(gate)
        for thread in threads:
            gate.release()
            thread.join()
        assert ["a", "b", "c"] == served
        gate.release()
        assert "<CpuGate 1 free, 0 waiting>" == repr(gate)

    def test_handed_on_in_the_moment_of_giving_up(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Who loses patience just as the permit is handed on has it nevertheless."""
        gate = CpuGate(1)
        assert gate.acquire()

        class Late:
            """A lock of which `acquire` times out just when it is released."""

            def acquire(self, *, timeout: float | None = None) -> bool:
                if timeout is not None:
                    gate.release()
                return timeout is None

            def release(self) -> None:
                """Too late for `acquire`."""

        monkeypatch.setattr(threading, "Lock", Late)
        assert gate.acquire()
        assert "<CpuGate 0 free, 0 waiting>" == repr(gate)
