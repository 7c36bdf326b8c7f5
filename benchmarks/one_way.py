"""Run in an interpreter of its own: does one way's work once. `python one_way.py KEY FILE ROWS BAD_ROWS`, or `idle`."""

import sys
from pathlib import Path


def main(key: str, path: str = "", rows: str = "0", bad: str = "0") -> None:
    """Do the work."""
    # Worker processes import this module, and have no use for the peers.
    from peers import close_processes  # noqa: PLC0415
    from ways import WAYS, Sample  # noqa: PLC0415

    ways = WAYS
    if key.startswith("load-"):
        from loading import LOADS as ways  # noqa: N811, PLC0415  # needs SQLAlchemy
    if key != "idle":
        ways[key].run(Sample(path=Path(path), rows=int(rows), bad=int(bad)))
        close_processes()


if __name__ == "__main__":
    main(*sys.argv[1:])
