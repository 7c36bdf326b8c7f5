"""Run in an interpreter of its own: reads a file in one way, and prints the most memory that took, in MiB.

python read_whole.py WAY FILE
"""

import csv
import resource
import sys
from pathlib import Path

import csvpipe

MIB = 1024 * 1024


@csvpipe.pipeline
def import_cells(row: list[str]) -> None:
    """Handle a row by doing nothing."""


def most_mib() -> float:
    """The most memory that was resident so far."""
    # On Linux `ru_maxrss` outlives `exec`, so it would be the parent's if that was the larger one; VmHWM does not.
    status = Path("/proc/self/status")
    if status.exists():
        [line] = (line for line in status.read_text("ascii").splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) / 1024
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / MIB


def read(way: str, path: Path) -> None:
    """Read the file."""
    if way == "csvpipe":
        [record] = csvpipe.run(import_cells, path)
        record.raise_for_status()
    elif way == "list(csv.reader)":
        with path.open(newline="", encoding="utf-8") as file:
            list(csv.reader(file))
    elif way == "pandas.read_csv":
        import pandas as pd  # noqa: PLC0415  # not installed everywhere

        pd.read_csv(path)
    elif way != "idle":
        raise ValueError(way)


if __name__ == "__main__":
    read(sys.argv[1], Path(sys.argv[2]))
    sys.stdout.write(f"{most_mib():.1f}\n")
