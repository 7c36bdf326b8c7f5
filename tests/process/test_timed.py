"""A turn that is timed: what counts as handling, and what does not."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from csvpipe._process.timed import TimedTurn
from csvpipe._process.turn import FreeGate, Habit, Turn
from csvpipe.observing import Handling


class Clock:
    """Nanoseconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now = 1_000

    def __call__(self) -> int:
        """The time."""
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """In place of the system's."""
    clock = Clock()
    monkeypatch.setattr(time, "time_ns", clock)
    return clock


def test_parsing_is_no_handling(clock: Clock) -> None:
    """The spells between a look at the handler and the next slice add up."""
    turn = TimedTurn(FreeGate(), Habit())
    for _ in range(2):
        turn.take()
        clock.now += 100
        turn.handle()
        clock.now += 10
    turn.give()
    clock.now += 1_000
    turn.give()

    assert Handling(started_ns=1_100, ended_ns=1_220, seconds=20e-9) == turn.handling()


def test_a_pause_is_no_handling(clock: Clock) -> None:
    """A turn is given back while an outage is waited for; handling goes on at the next look."""
    turn = TimedTurn(FreeGate(), Habit())
    turn.take()
    turn.handle()
    clock.now += 10
    turn.give()
    clock.now += 1_000
    turn.review(time.monotonic())
    clock.now += 5
    turn.give()

    assert Handling(started_ns=1_000, ended_ns=2_015, seconds=15e-9) == turn.handling()


def test_others_may_have_their_turn_meanwhile(clock: Clock) -> None:
    """A permit that is handed on between rows does not end the handling."""

    class Wanted(FreeGate):
        is_wanted = True

    turn = TimedTurn(Wanted(), Habit())
    turn.take()
    turn.handle()
    clock.now += 10
    turn.review(time.monotonic() + 1_000)
    clock.now += 10
    turn.give()

    found = turn.handling()
    assert found is not None
    assert 20e-9 == found.seconds


def test_calls_that_overlap_with_parsing(clock: Clock) -> None:
    """From the first rows that are there until the end."""
    turn = TimedTurn(FreeGate(), Habit(), overlaps=True)
    for _ in range(3):
        turn.take()
        clock.now += 100
        turn.give()

    assert Handling(started_ns=1_100, ended_ns=1_300, seconds=200e-9) == turn.handling()


def test_nothing_handled_is_nothing(clock: Clock) -> None:
    """A chunk that was parsed and no more has no handling, unless another process says so."""
    turn, known = TimedTurn(FreeGate(), Habit()), Handling(started_ns=1, ended_ns=2, seconds=3)
    turn.take()
    clock.now += 10
    turn.give()

    assert None is turn.handling()
    turn.adopt(known)
    assert known == turn.handling()


def test_what_is_entered_around_the_work() -> None:
    """In a plain turn nothing is."""
    said: list[str] = []

    @contextmanager
    def current() -> Iterator[None]:
        said.append("in")
        yield
        said.append("out")

    timed, plain = TimedTurn(FreeGate(), Habit(), current=current), Turn(FreeGate(), Habit())
    timed.around(lambda: said.append("work"))()
    with timed.current():
        said.append("loop")
    plain.around(lambda: said.append("plain"))()
    with plain.current():
        plain.adopt(None)

    assert ["in", "work", "out", "in", "loop", "out", "plain"] == said
