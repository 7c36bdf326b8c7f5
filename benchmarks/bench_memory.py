"""Memory.

The most memory that was resident in a fresh interpreter that imports one file, less that of an interpreter in which
csvpipe was imported and nothing else happened. Bounds: 100 MiB, whatever the file weighs; and the process that imports
1 GB may take 10 % more, in all, than the one that imports 100 MB. pandas' figure includes its own code.
"""

import subprocess
import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest
import read_whole
from generate import Kind
from peers import reason_absent

pytestmark = pytest.mark.timeout(1800)

MB = 1_000_000
MOST_MIB = 100.0
MOST_GROWTH = 1.1


def most_mib(way: str, path: Path) -> float:
    """Memory that a fresh interpreter takes at most."""
    command = [sys.executable, read_whole.__file__, way, str(path)]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def test_memory(
    benchmark,  # noqa: ANN001
    record: Callable[..., None],
    file_of_bytes: Callable[[int, Kind], Path],
    request: pytest.FixtureRequest,
) -> None:
    """Importing files of 10 and 100 MB, and of 1 GB with `--full`, beside what reads a file as a whole."""
    sizes = [10 * MB, 100 * MB, 1_000 * MB] if request.config.getoption("full") else [10 * MB, 100 * MB]
    paths = [file_of_bytes(size, Kind.PLAIN) for size in sizes]
    idle = most_mib("idle", paths[0])
    taken = benchmark.pedantic(lambda: [most_mib("csvpipe", path) - idle for path in paths], rounds=1, iterations=1)
    rows = [
        (f"csvpipe, {size // MB:,} MB", f"{mib:.0f}", f"{mib * 1024 * 1024 / size:.2f}")
        for size, mib in zip(sizes, taken, strict=True)
    ]
    for way in ("list(csv.reader)", "pandas.read_csv"):
        name = f"`{way}`, 100 MB"
        if way.startswith("pandas") and (reason := reason_absent("pandas")):
            rows.append((name, "-", reason))
        else:
            mib = most_mib(way, paths[1]) - idle
            rows.append((name, f"{mib:,.0f}", f"{mib * 1024 * 1024 / sizes[1]:.2f}"))
    record(f"Above the {idle:.0f} MiB of an idle interpreter", ("way", "MiB", "relative to the file"), rows)
    benchmark.extra_info["mib"] = dict(zip(map(str, sizes), taken, strict=True))
    assert max(taken) < MOST_MIB
    for smaller, larger in pairwise(taken[1:]):
        assert idle + larger < MOST_GROWTH * (idle + smaller)
