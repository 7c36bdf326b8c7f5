"""The most memory that a command takes, with all processes that it starts."""

import subprocess
import sys
import time
from pathlib import Path

from ways import Sample

ONE_WAY = Path(__file__).with_name("one_way.py")
PROC = Path("/proc")
LOOK_SECONDS = 0.010
#: How many looks are taken at the processes that are known before others are looked for, which takes longer.
LOOKS = 5
KIB = 1024
_PPID = 1  # behind the name, which may hold spaces: state, parent


def can_weigh() -> bool:
    """Whether this system tells of the memory of other processes."""
    return (PROC / "self" / "smaps_rollup").exists()


def most_mib(key: str, sample: Sample | None = None) -> float | None:
    """The most memory of a fresh interpreter that does the work once: the sum over its processes, in MiB.

    Memory that processes share counts once (PSS). What comes and goes between two looks is not seen.

    Args:
        key: Of the way.
        sample: The file; None starts the interpreter, with csvpipe imported, and nothing else.
    """
    if not can_weigh():
        return None
    what = [] if sample is None else [str(sample.path), str(sample.rows), str(sample.bad)]
    most, looks, pids = 0, 0, set[int]()
    with subprocess.Popen(
        [sys.executable, str(ONE_WAY), key, *what], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        while process.poll() is None:
            if looks % LOOKS == 0:
                pids = tree(process.pid)
            looks += 1
            most = max(most, sum(map(_pss_bytes, pids)))
            time.sleep(LOOK_SECONDS)
        said = process.stdout.read() if process.stdout else ""
    if process.returncode:
        raise RuntimeError(f"{key} ended with {process.returncode}: {said}")
    return most / KIB / KIB


def tree(root: int) -> set[int]:
    """A process, and those that it has started and they have started."""
    children: dict[int, list[int]] = {}
    for folder in PROC.iterdir():
        if folder.name.isdigit() and (parent := _parent(folder)) is not None:
            children.setdefault(parent, []).append(int(folder.name))
    found, waiting = set(), [root]
    while waiting:
        found.add(pid := waiting.pop())
        waiting.extend(children.get(pid, ()))
    return found


def _parent(folder: Path) -> int | None:
    try:
        return int((folder / "stat").read_text("utf-8", "replace").rpartition(")")[2].split()[_PPID])
    except (OSError, IndexError):  # it has ended
        return None


def _pss_bytes(pid: int) -> int:
    try:
        lines = (PROC / str(pid) / "smaps_rollup").read_text("ascii", "replace").splitlines()
    except OSError:  # it has ended
        return 0
    return next((int(line.split()[1]) * KIB for line in lines if line.startswith("Pss:")), 0)
