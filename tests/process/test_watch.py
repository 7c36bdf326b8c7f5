"""A call that takes too long either comes back or is given up, never both."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from csvpipe._process.watch import AbandonedError, Watch


class TestWatch:
    """The race between a call and its watcher."""

    def test_in_time(self, fake_clock: type[Any]) -> None:
        """A call that is not overdue is left alone, and comes back."""
        clock = fake_clock()
        watch = Watch(clock)
        assert "<Watch idle>" == repr(watch)
        watch.begin()
        clock.now = 0.9
        assert not watch.abandon_after(1.0)
        assert "<Watch watching a call>" == repr(watch)
        watch.end()
        assert "<Watch idle>" == repr(watch)

    def test_no_call(self, fake_clock: type[Any]) -> None:
        """Between calls there is nothing to give up, however late it is."""
        clock = fake_clock()
        watch = Watch(clock)
        clock.now = 9.0
        assert not watch.abandon_after(1.0)
        watch.begin()
        watch.end()
        clock.now = 18.0
        assert not watch.abandon_after(1.0)

    def test_overdue(self, fake_clock: type[Any]) -> None:
        """A call that has run for so long is given up, once; when it comes back its thread ends."""
        clock = fake_clock()
        watch = Watch(clock)
        watch.begin()
        clock.now = 1.0
        assert [True, False] == [watch.abandon_after(1.0), watch.abandon_after(1.0)]
        assert "<Watch abandoned>" == repr(watch)
        with pytest.raises(AbandonedError):
            watch.end()

    def test_each_call_is_timed_by_itself(self, fake_clock: type[Any]) -> None:
        """Time before the call in hand does not count."""
        clock = fake_clock()
        watch = Watch(clock)
        for now in (0.0, 0.9, 1.8):
            clock.now = now
            watch.begin()
            assert not watch.abandon_after(1.0)
            watch.end()

    def test_one_of_them_wins(self) -> None:
        """In every race of an end with its abandonment exactly one side goes on."""
        for _ in range(200):
            watch, start = Watch(), threading.Barrier(2)
            came_back: list[bool] = []
            watch.begin()
            thread = threading.Thread(target=come_back, args=(watch, start, came_back))
            thread.start()
            start.wait()
            given_up = watch.abandon_after(0.0)
            thread.join()
            assert [not given_up] == came_back


def come_back(watch: Watch, start: threading.Barrier, came_back: list[bool]) -> None:
    """End a call as soon as the other side is ready, and note whether that was in time."""
    start.wait()
    try:
        watch.end()
    except AbandonedError:
        came_back.append(False)
    else:
        came_back.append(True)
