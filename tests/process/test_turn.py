"""Who parses when: permits are held while it pays, and given back exactly once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from csvpipe._process.turn import Habit, Turn


class FakeGate:
    """A gate that keeps a diary."""

    def __init__(self, *, grants: bool = True) -> None:
        self.grants = grants
        self.is_wanted = False
        self.diary: list[str] = []

    def acquire(self) -> bool:
        """Grant or refuse."""
        self.diary.append("acquire")
        return self.grants

    def release(self) -> None:
        """Take a permit back."""
        self.diary.append("release")


class Desk:
    """A turn with all that it depends on."""

    def __init__(self, clock: type[Any], *, grants: bool = True) -> None:
        self.gate = FakeGate(grants=grants)
        self.habit = Habit()
        self.wall, self.cpu = clock(), clock()
        self.turn = Turn(self.gate, self.habit, wall_clock=self.wall, cpu_clock=self.cpu)

    def handle(self, *, wall: float, cpu: float) -> None:
        """Handle rows for so long, then look up."""
        self.turn.handle()
        self.wall.now += wall
        self.cpu.now += cpu
        self.turn.review(self.wall.now)


@pytest.fixture
def desk(fake_clock: type[Any]) -> Desk:
    """A turn that gets a permit when it asks."""
    return Desk(fake_clock)


class TestHolding:
    """One permit at most, given back once."""

    def test_taken_once(self, desk: Desk) -> None:
        """Who holds a permit asks for no other."""
        desk.turn.take()
        desk.turn.take()
        assert ["acquire"] == desk.gate.diary
        assert "<Turn held>" == repr(desk.turn)

    def test_given_once(self, desk: Desk) -> None:
        """Who holds none gives none back."""
        desk.turn.give()
        desk.turn.take()
        desk.turn.give()
        desk.turn.give()
        assert ["acquire", "release"] == desk.gate.diary
        assert "<Turn not held>" == repr(desk.turn)

    def test_refused(self, fake_clock: type[Any]) -> None:
        """Without a permit work goes on, nothing is given back, and the next `take` asks again."""
        desk = Desk(fake_clock, grants=False)
        desk.turn.take()
        desk.turn.give()
        desk.turn.take()
        assert ["acquire", "acquire"] == desk.gate.diary

    def test_given_back_by_two_at_once(self, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
        """A thread that comes back while its turn is given back for it does not give it back again."""
        desk.turn.take()
        release = desk.gate.release

        def release_and_give() -> None:
            release()
            desk.turn.give()

        monkeypatch.setattr(desk.gate, "release", release_and_give)
        desk.turn.give()
        assert ["acquire", "release"] == desk.gate.diary


class TestHabit:
    """A handler that waits holds no permit."""

    def test_a_computing_handler_keeps_the_permit(self, desk: Desk) -> None:
        """As long as nobody wants it."""
        desk.turn.take()
        desk.handle(wall=1.0, cpu=0.5)
        assert ["acquire"] == desk.gate.diary
        assert "<Habit computes>" == repr(desk.habit)

    def test_a_waiting_handler_gives_it_back(self, desk: Desk) -> None:
        """Then, and before handling from now on, in every worker of the pipeline."""
        desk.turn.take()
        desk.handle(wall=1.0, cpu=0.1)
        assert ["acquire", "release"] == desk.gate.diary
        assert "<Habit waits>" == repr(desk.habit)
        other = Turn(desk.gate, desk.habit)
        other.take()
        other.handle()
        assert ["acquire", "release"] * 2 == desk.gate.diary

    def test_a_handler_may_change(self, desk: Desk) -> None:
        """One that computes again keeps its permit from the next slice on; in between nothing changes."""
        desk.habit.waits = True
        desk.turn.take()
        desk.handle(wall=1.0, cpu=0.4)
        assert desk.habit.waits
        desk.handle(wall=1.0, cpu=0.9)
        assert not desk.habit.waits
        desk.turn.take()
        desk.turn.handle()
        assert ["acquire", "release", "acquire"] == desk.gate.diary

    def test_short_spells_tell_nothing(self, desk: Desk) -> None:
        """Clocks are too coarse for a moment; spells add up until they are long enough."""
        desk.turn.take()
        desk.handle(wall=0.001, cpu=0.0)
        assert not desk.habit.waits
        desk.wall.now += 0.002
        desk.turn.review(desk.wall.now)
        assert desk.habit.waits

    def test_others_get_their_turn(self, desk: Desk) -> None:
        """A permit that is wanted is handed on, and asked for again."""
        desk.turn.take()
        desk.gate.is_wanted = True
        desk.handle(wall=1.0, cpu=1.0)
        assert ["acquire", "release", "acquire"] == desk.gate.diary


def test_clocks_are_the_systems(fake_clock: Callable[..., Any]) -> None:
    """Without clocks of its own a turn measures real time: a spell that was never begun is long and idle."""
    gate = FakeGate()
    turn = Turn(gate, Habit())
    turn.take()
    turn.handle()
    turn.review(fake_clock().now)
    assert ["acquire"] == gate.diary
