"""Simulate 1, 10, 100 and 1,000 instances on a real PostgreSQL, and see whether the model holds.

python -m benchmarks.capacity [--instances N...] [--write-docs]

It takes some six minutes, most of them for the thousand. `--write-docs` brings docs/explanation/capacity.md up to
date.
"""

import argparse
import sys
from collections.abc import Sequence
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

from benchmarks import databases
from benchmarks.capacity import limits
from benchmarks.capacity.instance import Timeline
from benchmarks.capacity.meter import Meter
from benchmarks.capacity.model import Load
from benchmarks.capacity.page import PAGE, Figures, blocks, write
from benchmarks.capacity.real import live
from benchmarks.capacity.simulation import Outcome, Simulation
from benchmarks.report import machine

from csvpipe import SQLJobStore

INSTANCES = (1, 10, 100, 1_000)

#: One host's.
SQLITE_INSTANCES = (1, 10)

#: On PostgreSQL, without hearing of anything.
QUIET_INSTANCES = 100

#: Virtual seconds before and while it is measured, up to so many instances: few have to be watched for long.
_SPANS = ((1, 60.0, 1_200.0), (10, 60.0, 300.0), (100, 20.0, 90.0), (10_000, 10.0, 20.0))


def simulate(url: str, instances: int, load: Load, *, hears: bool) -> Outcome:
    """So many instances, on a database with nothing in it."""
    settle_seconds, seconds = next((before, during) for most, before, during in _SPANS if instances <= most)
    time = Timeline()
    with SQLJobStore(url, clock=time.clock) as store:
        simulation = Simulation(
            store,
            Meter(store, url),
            time,
            instances=instances,
            load=load,
            hears=hears,
        )
        begun = perf_counter()
        outcome = simulation.run(settle_seconds=settle_seconds, seconds=seconds)
    kind = "PostgreSQL" if databases.is_postgresql(url) else "SQLite"
    _say(f"{instances:,} instances on {kind}: {outcome.jobs:,} jobs in {perf_counter() - begun:.0f} s")
    return outcome


def main(arguments: Sequence[str] | None = None) -> int:
    """Run it from the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.capacity", description=__doc__)
    parser.add_argument(
        "--instances", type=int, nargs="+", default=INSTANCES, help="how many, one time after the other"
    )
    parser.add_argument("--write-docs", action="store_true", help=f"write the figures into {PAGE.name}")
    chosen = parser.parse_args(arguments)
    if (reason := databases.reason_no_server()) is not None:
        _say(f"there is no PostgreSQL to measure with: {reason}")
        return 1
    measured_on, load, begun, numbers = machine(), Load(), perf_counter(), count(1)
    with TemporaryDirectory(prefix="csvpipe-capacity-") as folder, databases.server(Path(folder)) as server:

        def new_url() -> str:
            name = f"simulated{next(numbers)}"
            databases.run(server, f"CREATE DATABASE {name}")
            return server.replace(":@/postgres", f":@/{name}")

        lived = live(new_url(), Path(folder))
        bounds = limits.measure(new_url())
        sqlite = [simulate(f"sqlite:///{folder}/{number}.db", number, load, hears=False) for number in SQLITE_INSTANCES]
        postgresql = [simulate(new_url(), QUIET_INSTANCES, load, hears=False)]
        stored: dict[str, float] = {}
        for instances in reversed(chosen.instances):
            url = new_url()
            postgresql.insert(0, simulate(url, instances, load, hears=True))
            stored = stored or limits.stored_bytes(url)
    figures = Figures(
        machine=measured_on,
        load=load,
        postgresql=postgresql,
        sqlite=sqlite,
        real=lived,
        limits=bounds,
        stored=stored,
        minutes=(perf_counter() - begun) / 60,
    )
    for key, block in blocks(figures).items():
        _say(f"\n{key}\n\n{block}")
    if chosen.write_docs:
        write(figures)
        _say(f"\nwritten: {PAGE}")
        try:
            from benchmarks.capacity.picture import redraw  # noqa: PLC0415  # needs matplotlib, which tests do not
        except ModuleNotFoundError as error:
            _say(f"left as they were: the pictures beside it: {error.name} is not installed")
        else:
            _say("".join(f"written: {path}\n" for path in redraw()))
    return 0


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
