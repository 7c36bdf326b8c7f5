"""Importing the library.

Whole interpreters, from start to exit, with the byte code compiled before. csvpipe may add at most 3.5 times what the
two libraries take that it is built on, interpreter included. A module that declares pipelines, as worker processes
import it, needs the vocabulary alone; the pool comes when it is first asked for.
"""

import os
import statistics
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from time import perf_counter

import pytest

pytestmark = pytest.mark.timeout(900)

ROUNDS = 15
MOST_TIMES = 3.5

PEER = "import anyio, attrs"
SUBJECT = "import csvpipe; csvpipe.WorkerPool, csvpipe.run"
PARTLY = "import csvpipe"


def interpret(statement: str, byte_code: Path) -> tuple[float, float]:
    """Seconds that a fresh interpreter takes for a statement, by the clock and of processor time.

    Args:
        statement: What it runs.
        byte_code: Where it keeps what it compiles.
    """
    # An environment that forbids byte code would have every import compile the library anew.
    surroundings = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    surroundings["PYTHONPYCACHEPREFIX"] = str(byte_code)
    start, start_cpu = perf_counter(), children_cpu()
    subprocess.run([sys.executable, "-c", statement], env=surroundings, check=True)
    return perf_counter() - start, children_cpu() - start_cpu


def children_cpu() -> float:
    """Processor time of all interpreters that have ended."""
    spent = os.times()
    return spent.children_user + spent.children_system


def medians(taken: list[tuple[float, float]]) -> tuple[float, ...]:
    """The median by the clock, and that of processor time."""
    return tuple(map(statistics.median, zip(*taken, strict=True)))


def test_import(benchmark, record: Callable[..., None], folder: Path) -> None:  # noqa: ANN001
    """`import csvpipe` in fresh interpreters, beside `import anyio, attrs`."""
    taken: dict[str, list[tuple[float, float]]] = {"pass": [], PEER: [], PARTLY: [], SUBJECT: []}

    def interpret_all() -> None:
        for statement, seconds in taken.items():
            seconds.append(interpret(statement, folder))

    interpret_all()  # compiles, and fills the file cache
    for seconds in taken.values():
        seconds.clear()
    benchmark.pedantic(interpret_all, rounds=ROUNDS, iterations=1)
    pairs = zip(taken[SUBJECT], taken[PEER], strict=True)
    more = medians([(subject[0] - peer[0], subject[1] - peer[1]) for subject, peer in pairs])
    figures = [(f"`{statement}`", medians(seconds)) for statement, seconds in taken.items()]
    figures.append(("what csvpipe adds", more))
    rows = [(name, *(f"{1000 * seconds:.0f}" for seconds in both)) for name, both in figures]
    record(f"Median of {ROUNDS} interpreters", ("statement", "ms", "processor ms"), rows)
    benchmark.extra_info["seconds"] = taken
    assert more[0] < MOST_TIMES * medians(taken[PEER])[0]
