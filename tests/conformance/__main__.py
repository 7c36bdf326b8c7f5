"""Prints how csvpipe fares with a folder of parser cases: `python -m tests.conformance FOLDER`."""

# ruff: noqa: T201  # what it prints is what it is for

from __future__ import annotations

import os
import sys
from collections import Counter
from pathlib import Path

from tests.conformance.cases import load
from tests.conformance.verdicts import Kind, judge


def main(folder: Path) -> int:
    """A table by suite, the reasons, and every case that fails."""
    judged = [(case, judge(case)) for case in load(folder)]
    counts = Counter((case.suite, verdict.kind) for case, verdict in judged)
    print("| suite | cases |", " | ".join(Kind), "|")
    print("| --- |" + " --- |" * (1 + len(Kind)))
    for suite in sorted({case.suite for case, _verdict in judged}):
        row = [counts[suite, kind] for kind in Kind]
        print(f"| {suite} |", " | ".join(map(str, [sum(row), *row])), "|")
    for kind in (Kind.DIFFERS, Kind.NO_EQUIVALENT, Kind.FAULTY):
        reasons = Counter(verdict.reason for _case, verdict in judged if verdict.kind is kind)
        print(f"\n{kind}:")
        for reason, times in reasons.most_common():
            print(f"{times:6}  {reason}")
    failing = [(case, verdict) for case, verdict in judged if verdict.kind is Kind.FAILS]
    for case, verdict in failing:
        print(f"\nFAILS {case.name}: {case.data[:200]!r} {case.options}\n      {verdict.reason[:500]}")
    return len(failing)


if __name__ == "__main__":
    given = sys.argv[1] if len(sys.argv) > 1 else os.environ.get("CSVPIPE_CASES")
    if given is None or not Path(given).is_dir():
        sys.exit("usage: python -m tests.conformance FOLDER (or CSVPIPE_CASES=FOLDER)")
    sys.exit(min(main(Path(given)), 1))
