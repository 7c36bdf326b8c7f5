"""Rejects.

A file of which every row is bad, in a fresh interpreter: imported, its errors counted, its rejects file written, mended
and submitted again. Memory is the most that was resident up to then, less that of an idle interpreter. Bound: 100 MiB,
however many rows are rejected: `--size 100` makes ten million of them, which takes a quarter of an hour.
"""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import reject_all

pytestmark = pytest.mark.timeout(3600)

ROWS = 100_000
MOST_MENDED_ROWS = 1_000_000
MOST_MIB = 100.0


def steps(folder: Path, *arguments: object) -> dict[str, Any]:
    """What a fresh interpreter has to say of each step."""
    command = [sys.executable, reject_all.__file__, str(folder), *map(str, arguments)]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def test_rejects(
    benchmark,  # noqa: ANN001
    record: Callable[..., None],
    folder: Path,
    size: float,
) -> None:
    """The whole loop with 100,000 rejected rows, times `--size`, of which at most a million are mended."""
    rows = int(ROWS * size)
    mended = min(rows, MOST_MENDED_ROWS)
    idle = steps(folder, "idle")["idle"]["mib"]
    taken = benchmark.pedantic(lambda: steps(folder, rows, mended), rounds=1, iterations=1)
    table = [
        (name, f"{step.get('rows', 0):,}", f"{step['seconds']:.1f}", f"{step['mib'] - idle:.0f}")
        for name, step in taken.items()
    ]
    record(f"{rows:,} rejected rows", ("step", "rows", "seconds", "MiB"), table)
    benchmark.extra_info["steps"] = taken
    assert rows == taken["import"]["rows"] == taken["summary"]["errors"] == taken["write_rejects"]["rows"]
    assert mended == taken["submit mended"]["rows"] == taken["resolved"]["rows"]
    assert rows - mended == taken["write what is left"]["rows"]
    assert max(step["mib"] for step in taken.values()) - idle < MOST_MIB
