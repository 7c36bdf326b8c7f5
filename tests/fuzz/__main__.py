"""Looks for inputs that break csvpipe: `python -m tests.fuzz --minutes 10 --corpus FOLDER`.

Each target runs in a process of its own, one after the other. atheris guides them where it is installed. What is found
lies in the folder of `--findings`, as small as it gets, with a report beside it that says how to see it again. The last
input of each target is there, too, for the case that a process does not live to report it.
"""

# ruff: noqa: T201  # what it prints is what it is for

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from tests.fuzz.drivers import drive, drive_by_atheris
from tests.fuzz.mutations import seeds
from tests.fuzz.watch import Watch

TARGETS = ("inspection", "partition", "rejects", "whole")


def main() -> int:
    """Exit status: 1 if anything was found, or a target did not come to its end."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10, help="for all targets together")
    parser.add_argument("--corpus", type=Path, help="a folder of files to begin with")
    parser.add_argument("--target", choices=TARGETS, help="only this one")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--findings", type=Path, help="by default a new folder for temporary files")
    parser.add_argument("--plain", action="store_true", help="without atheris")
    parser.add_argument("--replay", type=Path, help="run the target on this one input")
    given = parser.parse_args()
    if given.replay:
        if not given.target:
            parser.error("--replay needs --target")
        _target(given.target)(given.replay.read_bytes())
        return 0
    given.findings = given.findings or Path(tempfile.mkdtemp(prefix="csvpipe-fuzz-"))
    given.findings.mkdir(parents=True, exist_ok=True)
    if given.target:
        _run(given)  # under atheris it does not come back
    is_ended = True  # every process, and not by something that leaves no finding, such as a crash of the interpreter
    for target in () if given.target else TARGETS:
        own = ["--target", target, "--minutes", str(given.minutes / len(TARGETS)), "--findings", str(given.findings)]
        ended = subprocess.run([sys.executable, "-m", "tests.fuzz", *sys.argv[1:], *own], check=False)
        is_ended = is_ended and ended.returncode == 0
    found = sorted(path for path in given.findings.iterdir() if path.suffix not in (".last", ".txt"))
    print(f"{len(found)} findings in {given.findings}", *found, sep="\n")
    return int(bool(found) or not is_ended)


def _run(given: argparse.Namespace) -> None:
    is_guided = not given.plain and find_spec("atheris") is not None
    target = _target(given.target, is_guided=is_guided)
    origin = f"corpus={given.corpus} seed={given.seed} {'atheris' if is_guided else 'plain'}"
    watch = Watch(given.target, target, given.findings, origin)
    watch.has_alarm = watch.has_alarm and not is_guided
    first, seconds = seeds(given.corpus), given.minutes * 60
    if is_guided:
        with tempfile.TemporaryDirectory() as corpus:
            drive_by_atheris(watch, first, seed=given.seed, seconds=seconds, corpus=Path(corpus))
    else:
        drive(watch, first, seed=given.seed, inputs=None, seconds=seconds)
        print(f"{given.target}: {watch.inputs} inputs, {len(watch.found)} findings")


def _target(name: str, *, is_guided: bool = False) -> Callable[[bytes], None]:
    # csvpipe is imported here and no sooner: atheris changes the code of modules while they are imported.
    guide: AbstractContextManager[object] = nullcontext()
    if is_guided:
        guide = import_module("atheris").instrument_imports(include=["csvpipe"])
    with guide:
        target: Callable[[bytes], None] = getattr(import_module("tests.fuzz.targets"), name)
    return target


if __name__ == "__main__":
    sys.exit(main())
