"""Memory.

The most memory of a fresh interpreter that imports one file, over all its processes, as the table says at the top of
this page, beside that of an interpreter that has imported csvpipe and is idle. It is bounded by configuration, not by
the file: the goals above compare 200 MB with 2 GB. Peers that read a file as a whole stand beside it.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from generate import rows_in, write_rows
from report import NOTHING, Row
from ways import WAYS, Sample
from weight import most_mib

pytestmark = pytest.mark.timeout(1800)

MB = 1_000_000
MIB = 1024 * 1024
MEGABYTES = 100
KEYS = [
    "text-reader",
    "whole-list",
    "whole-pandas",
    "batch-duckdb",
    "text-10-threads",
    "text-2-processes",
    "attrs-2-processes",
    "batch-2-threads",
]
ROWS_OF = {"text": ", text rows", "attrs": ", attrs rows", "batch": ", Arrow batches"}


def test_memory(benchmark: Any, record: Callable[..., None], folder: Path, size: float) -> None:
    """Importing a file, in each of the ways."""
    rows = rows_in(int(MEGABYTES * MB * size))
    path = write_rows(folder / "rows.csv", rows)
    file = Sample(path=path, rows=rows)

    def weigh_all() -> list[Row]:
        return [row("an idle interpreter", most_mib("idle"), path), *(of_way(key) for key in KEYS)]

    def of_way(key: str) -> Row:
        way = WAYS[key]
        name = f"{way.name}{ROWS_OF.get(key.partition('-')[0], '')}"
        if reason := way.reason_absent():
            return name, NOTHING, reason
        return row(name, most_mib(key, file), path)

    table = benchmark.pedantic(weigh_all, rounds=1, iterations=1)
    title = f"{path.stat().st_size / MB:,.0f} MB, {rows:,} rows"
    record(title, ("way", "MiB", "relative to the file"), table, "memory")


def row(name: str, mib: float | None, path: Path) -> Row:
    """A line of the table."""
    return (name, NOTHING, NOTHING) if mib is None else (name, f"{mib:,.0f}", f"{mib * MIB / path.stat().st_size:.2f}")
