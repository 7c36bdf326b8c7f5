"""What was measured: contests between ways to do the same work, goals, and tables of both."""

import gc
import os
import platform
import statistics
from collections.abc import Callable, Mapping, Sequence
from time import perf_counter
from typing import Any

import attrs

Row = tuple[str, ...]

#: Heads the column that README and the picture quote.
SPEED = "speed, relative"
NOTHING = "-"
#: Below this, two decimals are too few.
_FEW = 0.1


@attrs.frozen(kw_only=True)
class Table:
    """What one benchmark measured.

    Attributes:
        section: The module's docstring: a heading, and what the figures mean, in Markdown.
        title: What was measured.
        key: By which README and the picture know it, whatever its title says of sizes; empty if neither does.
        header: Names of the columns.
        rows: One for each contender.
    """

    section: str
    title: str
    key: str = ""
    header: Row
    rows: Sequence[Row]

    def markdown(self) -> str:
        """The table as Markdown."""
        lines = [self.header, tuple("---" for _ in self.header), *self.rows]
        mark = [f"<!-- table: {self.key} -->", ""] if self.key else []
        return "\n".join([*mark, f"**{self.title}**", "", *(f"| {' | '.join(line)} |" for line in lines)])


@attrs.frozen(kw_only=True)
class Contender:
    """One way to do the work.

    Attributes:
        name: As it stands in the table.
        run: Does the work once.
        prepare: Makes it ready for that, outside of the measured time.
        finish: Sees that it is done, outside of the measured time.
        warm_up: Does some of it before the clock starts, for what is loaded on first use; None does all of it.
        weigh: Does it in a fresh interpreter; the most memory that this took, in MiB, or None where it cannot be known.
        reason_absent: Why it cannot take part, or None.
    """

    name: str
    run: Callable[[], object]
    prepare: Callable[[], object] = lambda: None
    finish: Callable[[], object] = lambda: None
    warm_up: Callable[[], object] | None = None
    weigh: Callable[[], float | None] | None = None
    reason_absent: str | None = None


@attrs.frozen(kw_only=True)
class Outcome:
    """What a contest came to.

    Attributes:
        ways: Everyone, the reference first, the subject last.
        seconds: Of each round, by the name of the way; without those that are absent.
        mib: Memory, by the name of the way; empty if it was not asked for.
        amount: How much one run does.
        unit: Of the amount.
    """

    ways: Sequence[Contender]
    seconds: Mapping[str, Sequence[float]]
    mib: Mapping[str, float | None] = attrs.field(factory=dict)
    amount: float
    unit: str

    def speeds(self, way: Contender) -> list[float]:
        """How many times as fast as the reference it was in each round; empty if either is absent."""
        reference, mine = (self.seconds.get(each.name, ()) for each in (self.ways[0], way))
        if not (reference and mine):
            return []
        return [other / own for other, own in zip(reference, mine, strict=True)]

    def rates(self, way: Contender) -> list[float]:
        """Its amount by second in each round."""
        return [self.amount / seconds for seconds in self.seconds.get(way.name, ())]

    @property
    def header(self) -> Row:
        """Of the table."""
        return ("way", f"{self.unit}/s", SPEED, "least to most", *(["MiB"] if self.mib else []))

    def rows(self) -> list[Row]:
        """Of the table: the median of each way's rates, and of its speed relative to the reference's."""
        return [self._row(way) for way in self.ways]

    def line_header(self, head: str) -> Row:
        """Of a table in which the contest is one line."""
        reference, *others = self.ways
        return (head, f"{reference.name}, {self.unit}/s", *(f"{way.name}, relative" for way in others))

    def line(self, name: str) -> Row:
        """The contest as one line: the reference's rate, and the speeds of the others."""
        reference, *others = self.ways
        rates = self.rates(reference)
        pace = f"{statistics.median(rates):,.0f}" if rates else cell(str(reference.reason_absent))
        return (name, pace, *(self._speed(way) for way in others))

    def _speed(self, way: Contender) -> str:
        if speeds := self.speeds(way):
            return f"{times(statistics.median(speeds))} ({spread(speeds)})"
        return cell(str(way.reason_absent))

    def _row(self, way: Contender) -> Row:
        mib = self.mib.get(way.name)
        weight = [NOTHING if mib is None else f"{mib:,.0f}"] if self.mib else []
        if not (rates := self.rates(way)):
            return (way.name, NOTHING, NOTHING, cell(str(way.reason_absent)), *weight)
        rate = f"{statistics.median(rates):,.0f}"
        if not (speeds := self.speeds(way)):
            return (way.name, rate, NOTHING, NOTHING, *weight)
        return (way.name, rate, times(statistics.median(speeds)), spread(speeds), *weight)


@attrs.frozen(kw_only=True)
class Contest:
    """Several ways to do the same work, measured in turns, so that a slow moment of the machine hits all alike.

    Attributes:
        reference: What the others are compared with.
        others: Everything else but the subject.
        subject: What pytest-benchmark times; the reference where the subject is absent.
        amount: How much one run does.
        unit: Of the amount.
    """

    reference: Contender
    others: Sequence[Contender] = ()
    subject: Contender
    amount: float
    unit: str

    def hold(self, benchmark: Any, *, rounds: int) -> Outcome:
        """Run all ways in each round, one after the other, and weigh those that can be."""
        ways = (self.reference, *self.others, self.subject)
        present = [way for way in ways if way.reason_absent is None]
        for way in present:
            (way.warm_up or way.run)()
        if not present:
            benchmark.pedantic(int, rounds=1, iterations=1)  # pytest-benchmark has to have something to show
            return Outcome(ways=ways, seconds={}, amount=self.amount, unit=self.unit)
        seconds: dict[str, list[float]] = {way.name: [] for way in present}
        timed = present[-1]

        def run_others() -> None:
            for way in present[:-1]:
                way.prepare()
                gc.collect()
                seconds[way.name].append(_seconds(way.run))
                way.finish()
            timed.prepare()
            gc.collect()

        benchmark.pedantic(timed.run, setup=run_others, rounds=rounds, iterations=1)
        timed.finish()
        seconds[timed.name] = list(benchmark.stats.stats.data)
        benchmark.extra_info["seconds"] = seconds
        mib = {way.name: way.weigh() for way in present if way.weigh is not None}
        return Outcome(ways=ways, seconds=seconds, mib=mib, amount=self.amount, unit=self.unit)


@attrs.frozen(kw_only=True)
class Goal:
    """Something that csvpipe is to reach, and whether it does.

    Attributes:
        work: What is measured, against what.
        wanted: The bound, in words.
        found: What was measured, once for each round; empty where it could not be.
        unit: Stands behind the figures.
        least: The median must be no less, or None.
        most: The median must be no more, or None.
        reason_absent: Why nothing was measured.
    """

    work: str
    wanted: str
    found: Sequence[float]
    unit: str = " x"
    least: float | None = None
    most: float | None = None
    reason_absent: str | None = None

    @property
    def is_met(self) -> bool:
        """Whether the median keeps the bounds."""
        if not self.found:
            return False
        median = statistics.median(self.found)
        return (self.least is None or median >= self.least) and (self.most is None or median <= self.most)

    def row(self) -> Row:
        """A line of the table of goals."""
        if not self.found:
            return self.work, self.wanted, NOTHING, NOTHING, cell(f"not measured: {self.reason_absent}")
        digits = 2 if self.unit == " x" else 0
        median = f"{statistics.median(self.found):,.{digits}f}{self.unit}"
        return self.work, self.wanted, median, spread(self.found, digits), "met" if self.is_met else "**missed**"


GOALS_HEADER: Row = ("work", "goal", "measured", "least to most", "verdict")


def spread(figures: Sequence[float], digits: int = 2) -> str:
    """The least and the largest."""
    return " to ".join(times(figure, digits) for figure in (min(figures), max(figures)))


def times(figure: float, digits: int = 2) -> str:
    """A figure with so many decimals; with two more where these would leave little of it."""
    few = digits > 0 and figure < _FEW
    return f"{figure:,.{digits + 2 if few else digits}f}"


def cell(text: str) -> str:
    """A text as it can stand in a cell of a table."""
    return " ".join(text.split()).replace("|", "\\|")


def machine() -> str:
    """What the figures are measured on, and what else it was busy with."""
    python = f"{platform.python_implementation()} {platform.python_version()}"
    load = f", load average {os.getloadavg()[0]:.1f} before the start" if hasattr(os, "getloadavg") else ""
    return f"{platform.system()} {platform.machine()}, {os.cpu_count()} processors, {python}{load}"


def _seconds(run: Callable[[], object]) -> float:
    """How long a call takes."""
    start = perf_counter()
    run()
    return perf_counter() - start
