"""Importing the library.

Whole interpreters, from start to exit, with the byte code compiled before. csvpipe may cost at most 150 ms more than
the two libraries it is built on.
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
MOST_SECONDS = 0.150

PEER = "import anyio, attrs"
SUBJECT = "import csvpipe"


def interpret(statement: str, byte_code: Path) -> float:
    """Seconds that a fresh interpreter takes for a statement; `byte_code` is where it keeps what it compiles."""
    # An environment that forbids byte code would have every import compile the library anew.
    surroundings = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    surroundings["PYTHONPYCACHEPREFIX"] = str(byte_code)
    start = perf_counter()
    subprocess.run([sys.executable, "-c", statement], env=surroundings, check=True)
    return perf_counter() - start


def test_import(benchmark, record: Callable[..., None], tmp_path: Path) -> None:  # noqa: ANN001
    """`import csvpipe` in fresh interpreters, beside `import anyio, attrs`."""
    seconds: dict[str, list[float]] = {"pass": [], PEER: [], SUBJECT: []}

    def interpret_all() -> None:
        for statement, taken in seconds.items():
            taken.append(interpret(statement, tmp_path))

    interpret_all()  # compiles, and fills the file cache
    for taken in seconds.values():
        taken.clear()
    benchmark.pedantic(interpret_all, rounds=ROUNDS, iterations=1)
    more = [subject - peer for subject, peer in zip(seconds[SUBJECT], seconds[PEER], strict=True)]
    rows = [(f"`{statement}`", f"{1000 * statistics.median(taken):.0f}") for statement, taken in seconds.items()]
    rows.append(("csvpipe's share", f"{1000 * statistics.median(more):.0f}"))
    record(f"Median of {ROUNDS} interpreters", ("statement", "ms"), rows)
    benchmark.extra_info["seconds"] = seconds
    assert statistics.median(more) < MOST_SECONDS
