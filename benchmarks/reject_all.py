"""Import a file of which every row is bad, ask for the errors, mend them all, and submit them: in this process.

Prints one JSON object: seconds of each step, the most memory that was resident by its end in MiB, and what came out.
`python reject_all.py FOLDER ROWS MENDED_ROWS`; with `idle` in place of ROWS nothing is imported.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from pathlib import Path
from typing import Any

import anyio
import attrs

import csvpipe

MIB = 1024 * 1024


@attrs.frozen
class Pair:
    """One row."""

    id: int
    number: int


@csvpipe.pipeline
def take(pair: Pair) -> None:
    """Be content."""


def most_mib() -> float:
    """The most memory that was resident so far."""
    # On Linux `ru_maxrss` outlives `exec`, so it would be the parent's if that was the larger one; VmHWM does not.
    status = Path("/proc/self/status")
    if status.exists():
        [line] = (line for line in status.read_text("ascii").splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) / 1024
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / MIB


def write_bad(path: Path, rows: int) -> None:
    """Rows whose second cell is no number."""
    with path.open("wb") as file:
        file.write(b"id,number\n")
        for first in range(0, rows, 10_000):
            file.write(b"1,x\n" * min(10_000, rows - first))


def mend(path: Path, mended: Path, most_rows: int) -> int:
    """Put a number into the last cell of the first rows of a rejects file; how many there are."""
    rows = -1
    with path.open("rb") as source, mended.open("wb") as file:
        for rows, line in enumerate(source):
            if rows > most_rows:
                return rows - 1
            file.write(line.removesuffix(b",x\n") + b",2\n" if rows else line)
    return rows


async def main(folder: Path, rows: int, mended_rows: int) -> dict[str, Any]:
    """The whole loop."""
    steps: dict[str, Any] = {}
    begun = time.perf_counter()

    def step(name: str, **what: Any) -> None:
        nonlocal begun
        steps[name] = {"seconds": time.perf_counter() - begun, "mib": most_mib(), **what}
        begun = time.perf_counter()

    async with csvpipe.WorkerPool(pipelines=[take], spool_dir=folder / "spool") as pool:
        job = await pool.submit(take, folder / "bad.csv")
        record = await job.wait()
        step("import", rows=record.failed_rows, status=record.status.value)
        (total,) = await job.error_summary()
        step("summary", errors=total.errors, samples=[sample.row for sample in total.samples])
        written = await job.write_rejects(folder / "rejects.csv")
        step("write_rejects", rows=written, bytes=(folder / "rejects.csv").stat().st_size)
        wanted = await anyio.to_thread.run_sync(mend, folder / "rejects.csv", folder / "mended.csv", mended_rows)
        step("mend", rows=wanted)
        child = await pool.submit(take, folder / "mended.csv", parent=job)
        outcome = await child.wait()
        step("submit mended", rows=outcome.processed_rows, status=outcome.status.value, why=outcome.error_message)
        step("resolved", rows=(await job.record()).resolved_rows)
        left = await job.write_rejects(folder / "left.csv")
        step("write what is left", rows=left)
    return steps


if __name__ == "__main__":
    place, number = Path(sys.argv[1]), sys.argv[2]
    if number != "idle":
        write_bad(place / "bad.csv", int(number))
        found = anyio.run(main, place, int(number), int(sys.argv[3]))
    else:
        found = {"idle": {"seconds": 0.0, "mib": most_mib()}}
    sys.stdout.write(f"{json.dumps(found)}\n")
