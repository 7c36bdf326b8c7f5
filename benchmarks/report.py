"""Tables of what was measured: printed at the end of a run, and written into the documentation on demand."""

import os
import platform
import statistics
from collections.abc import Callable, Sequence
from pathlib import Path
from time import perf_counter
from typing import Any

import attrs

Row = tuple[str, ...]


@attrs.frozen(kw_only=True)
class Table:
    """What one benchmark measured.

    Attributes:
        section: The module's docstring: a heading, and what the figures mean, in Markdown.
        title: What was measured.
        header: Names of the columns.
        rows: One for each contender.
    """

    section: str
    title: str
    header: Row
    rows: Sequence[Row]

    def markdown(self) -> str:
        """The table as Markdown."""
        lines = [self.header, tuple("---" for _ in self.header), *self.rows]
        return "\n".join([f"**{self.title}**", "", *(f"| {' | '.join(line)} |" for line in lines)])


@attrs.frozen(kw_only=True)
class Contender:
    """One way to do the work.

    Attributes:
        name: As it stands in the table.
        run: Does the work once.
        reason_absent: Why it cannot take part, or None.
    """

    name: str
    run: Callable[[], object]
    reason_absent: str | None = None


@attrs.frozen(kw_only=True)
class Contest:
    """Several ways to do the same work, measured in turns, so that a slow moment of the machine hits all alike.

    Attributes:
        reference: What the others are compared with.
        others: Everything else but the subject.
        subject: What pytest-benchmark times.
        amount: How much one run does.
        unit: Of the amount.
    """

    reference: Contender
    others: Sequence[Contender] = ()
    subject: Contender
    amount: float
    unit: str

    def hold(self, benchmark: Any, *, rounds: int) -> tuple[Row, list[Row]]:
        """Run all ways in each round, and return the table's header and rows."""
        seconds: dict[str, list[float]] = {}

        def run_others() -> None:
            for way in (self.reference, *self.others):
                if way.reason_absent is None:
                    seconds.setdefault(way.name, []).append(_seconds(way.run))

        for way in (self.reference, *self.others, self.subject):
            if way.reason_absent is None:
                way.run()  # what is loaded on first use is no part of the work
        benchmark.pedantic(self.subject.run, setup=run_others, rounds=rounds, iterations=1)
        seconds[self.subject.name] = list(benchmark.stats.stats.data)
        rows = [
            self._row(way, seconds.get(way.name, []), seconds[self.reference.name])
            for way in (self.reference, *self.others, self.subject)
        ]
        benchmark.extra_info["seconds"] = seconds
        return ("way", f"{self.unit}/s", "time, relative", "least to most"), rows

    def _row(self, way: Contender, seconds: Sequence[float], reference: Sequence[float]) -> Row:
        """A contender's median, and the median of its ratios to the reference in the same round."""
        if not seconds:
            return way.name, "-", "-", str(way.reason_absent)
        ratios = [mine / other for mine, other in zip(seconds, reference, strict=True)]
        return (
            way.name,
            f"{self.amount / statistics.median(seconds):,.0f}",
            f"{statistics.median(ratios):.2f}",
            f"{min(ratios):.2f} to {max(ratios):.2f}",
        )


def write_page(path: Path, tables: Sequence[Table], machine: str, command: str) -> None:
    """Write the page of the documentation."""
    parts = [_HEAD.format(machine=machine, command=command)]
    for section in dict.fromkeys(table.section for table in tables):
        heading, text = section.split("\n\n", 1)
        parts += [f"## {heading.rstrip('.')}", text]
        parts.extend(table.markdown() for table in tables if table.section == section)
    path.write_text("\n\n".join(part.strip() for part in parts) + "\n", encoding="utf-8")


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


_HEAD = """
<!-- Written by the benchmarks themselves; the texts are the docstrings of benchmarks/bench_*.py. -->

# Benchmarks

What csvpipe costs beside the loop that one would write by hand, and whether it keeps its promises on memory and on the
event loop. Seconds depend on the machine, so read the ratios. In each round all ways to do the work take turns; a rate
is the median of the rounds, a ratio the median of the ratios within each round, with the least and the largest beside
it. The first way of a table is the one that the others are compared with.

Measured on: {machine}.

To repeat it, with pandas installed for the peers that need it:

```sh
{command} --write-docs
```

`--size 5` makes files five times as large (those of the memory benchmark keep their size), `--rounds 9` has each way do
its work nine times, `--full` adds the case that needs 1 GB of disk, and `--write-docs` writes this page. `nox -s bench`
runs everything with the defaults. The data is generated from a seed: 8 columns, about 80 bytes a row.
"""
