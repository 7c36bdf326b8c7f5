"""Contests, goals and their tables."""

from collections.abc import Callable, Iterator
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

Load = Callable[[str], ModuleType]


class Stopwatch:
    """In place of pytest-benchmark: runs what it is given, and says that each run took half a second."""

    def __init__(self) -> None:
        self.extra_info: dict[str, Any] = {}
        self.stats = SimpleNamespace(stats=SimpleNamespace(data=[]))

    def pedantic(
        self, run: Callable[[], object], *, rounds: int, iterations: int, setup: Callable[[], object] = int
    ) -> None:
        """Run so many times."""
        assert 1 == iterations
        for _ in range(rounds):
            setup()
            run()
            self.stats.stats.data.append(0.5)


@pytest.fixture
def report(load: Load, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The module, by whose clock each call of another way takes a second."""
    module = load("report")
    ticks = iter(range(1_000))
    monkeypatch.setattr(module, "perf_counter", lambda: float(next(ticks)))
    return module


def ways(report: ModuleType, log: list[str], *names: str, absent: str = "") -> Iterator[Any]:
    """Contenders that note their runs and warm-ups."""
    for name in names:
        yield report.Contender(
            name=name,
            run=lambda name=name: log.append(name),
            warm_up=lambda name=name: log.append(name.upper()),
            weigh=lambda name=name: 12.4 if name == "a" else None,
            reason_absent="it is\nnot | here" if name == absent else None,
        )


def test_all_ways_take_turns(report: ModuleType) -> None:
    """Each warms up once, and then all run in each round, the subject last."""
    log: list[str] = []
    reference, other, subject = ways(report, log, "a", "b", "c")
    contest = report.Contest(reference=reference, others=[other], subject=subject, amount=10, unit="rows")

    outcome = contest.hold(Stopwatch(), rounds=2)

    assert ["A", "B", "C", "a", "b", "c", "a", "b", "c"] == log
    assert {"a": [1.0, 1.0], "b": [1.0, 1.0], "c": [0.5, 0.5]} == outcome.seconds
    assert [2.0, 2.0] == outcome.speeds(subject)


def test_the_table_has_rates_speeds_and_memory(report: ModuleType) -> None:
    """A way that is absent has its reason in its line, in words that fit into a cell."""
    reference, other, subject = ways(report, [], "a", "b", "c", absent="b")
    contest = report.Contest(reference=reference, others=[other], subject=subject, amount=10, unit="rows")

    outcome = contest.hold(Stopwatch(), rounds=1)

    assert ("way", "rows/s", "speed, relative", "least to most", "MiB") == outcome.header
    assert [
        ("a", "10", "1.00", "1.00 to 1.00", "12"),
        ("b", "-", "-", "it is not \\| here", "-"),
        ("c", "20", "2.00", "2.00 to 2.00", "-"),
    ] == outcome.rows()
    assert ("kind", "a, rows/s", "b, relative", "c, relative") == outcome.line_header("kind")
    assert ("plain", "10", "it is not \\| here", "2.00 (2.00 to 2.00)") == outcome.line("plain")


def test_without_the_reference_there_are_rates_but_no_speeds(report: ModuleType) -> None:
    """The others are measured all the same."""
    reference, subject = ways(report, [], "a", "b", absent="a")
    contest = report.Contest(reference=reference, subject=subject, amount=10, unit="rows")

    outcome = contest.hold(Stopwatch(), rounds=1)

    assert [] == outcome.speeds(subject)
    assert ("b", "20", "-", "-", "-") == outcome.rows()[1]


def test_without_the_subject_the_reference_is_timed(report: ModuleType) -> None:
    """A contest that nobody of ours can enter does not fail."""
    log: list[str] = []
    reference, subject = ways(report, log, "a", "b", absent="b")
    contest = report.Contest(reference=reference, subject=subject, amount=10, unit="rows")

    outcome = contest.hold(Stopwatch(), rounds=1)

    assert ["A", "a"] == log
    assert {"a": [0.5]} == outcome.seconds


def test_a_contest_without_anyone(report: ModuleType) -> None:
    """Nothing was measured, and the lines say why."""
    [alone] = ways(report, [], "a", absent="a")
    contest = report.Contest(reference=alone, subject=alone, amount=10, unit="rows")

    outcome = contest.hold(Stopwatch(), rounds=3)

    assert {} == outcome.seconds
    assert ("a", "-", "-", "it is not \\| here") == outcome.rows()[0]


@pytest.mark.parametrize(
    ("found", "bounds", "verdict"),
    [
        ([1.0, 2.0, 3.0], {"least": 2.0}, "met"),
        ([1.0, 1.99, 3.0], {"least": 2.0}, "**missed**"),
        ([1.0, 1.15, 3.0], {"most": 1.15}, "met"),
        ([1.0, 1.16, 3.0], {"most": 1.15}, "**missed**"),
    ],
)
def test_a_goal_is_judged_by_the_median(
    report: ModuleType, found: list[float], bounds: dict[str, float], verdict: str
) -> None:
    """At the bound it is met."""
    goal = report.Goal(work="all", wanted="enough", found=found, **bounds)

    assert ("all", "enough", f"{found[1]:.2f} x", "1.00 to 3.00", verdict) == goal.row()


def test_a_goal_that_could_not_be_measured_is_not_met(report: ModuleType) -> None:
    """Its line says why."""
    goal = report.Goal(work="all", wanted="enough", found=[], least=1, reason_absent="no such thing")

    assert not goal.is_met
    assert ("all", "enough", "-", "-", "not measured: no such thing") == goal.row()


@pytest.mark.parametrize(
    ("figure", "shown"), [(0.0, "0.0000"), (0.0034, "0.0034"), (0.1, "0.10"), (1234.5, "1,234.50")]
)
def test_small_ratios_keep_their_digits(report: ModuleType, figure: float, shown: str) -> None:
    """A way that is hundreds of times slower is not shown as standing still."""
    assert shown == report.times(figure)
    assert f"{shown} to {shown}" == report.spread([figure])
