"""Where inputs come from: our own mutations, guided by the lines they reach, or libFuzzer by way of atheris."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from random import Random
from types import CodeType
from typing import Any, Final, Self

import attrs
from tests.fuzz.mutations import MOST_BYTES, mutated
from tests.fuzz.watch import LIMIT_SECONDS, Watch

#: An id for `sys.monitoring` that neither debuggers nor coverage take.
_TOOL: Final = 4


@attrs.define(eq=False)
class Reached:
    """Tells whether a line of csvpipe was reached for the first time; each costs once. Python 3.12 and newer."""

    is_new: bool = attrs.field(default=False, init=False)

    def __enter__(self) -> Self:
        if monitoring := self._monitoring:
            monitoring.use_tool_id(_TOOL, "csvpipe-fuzz")
            monitoring.register_callback(_TOOL, monitoring.events.LINE, self._on_line)
            monitoring.set_events(_TOOL, monitoring.events.LINE)
        return self

    def __exit__(self, *_raised: object) -> None:
        if monitoring := self._monitoring:
            monitoring.set_events(_TOOL, 0)
            monitoring.register_callback(_TOOL, monitoring.events.LINE, None)
            monitoring.free_tool_id(_TOOL)

    def by(self, run: Callable[[], object]) -> bool:
        """Whether the call reached one."""
        self.is_new = False
        run()
        return self.is_new

    @property
    def _monitoring(self) -> Any:
        return getattr(sys, "monitoring", None)

    def _on_line(self, code: CodeType, _line: int) -> object:
        if "csvpipe" in Path(code.co_filename).parts:
            self.is_new = True
        return self._monitoring.DISABLE


def drive(watch: Watch, seeds: Sequence[bytes], *, seed: int, inputs: int | None, seconds: float | None) -> None:
    """Check the seeds and then what becomes of them, until so many inputs or seconds have passed."""
    random, pool = Random(seed), list(seeds)
    deadline = float("inf") if seconds is None else time.monotonic() + seconds
    with Reached() as reached:
        for data in pool[:inputs]:
            watch.check(data)
        while (inputs is None or watch.inputs < inputs) and time.monotonic() < deadline:
            data = mutated(random.choice(pool), pool, random)
            if reached.by(lambda data=data: watch.check(data)):
                pool.append(data)


def drive_by_atheris(watch: Watch, seeds: Sequence[bytes], *, seed: int, seconds: float, corpus: Path) -> None:
    """Let libFuzzer choose, half of the time by our mutations. Ends the process.

    Args:
        watch: Without an alarm; its target was imported under `atheris.instrument_imports`.
        seeds: To begin with.
        seed: For libFuzzer and for our mutations.
        seconds: How long.
        corpus: A folder for what it finds worth keeping.
    """
    atheris = import_module("atheris")  # not installed everywhere
    for number, data in enumerate(seeds):
        (corpus / f"seed-{number}").write_bytes(data)

    def mutate(data: bytes, most: int, number: int) -> bytes:
        random = Random(number)
        if random.random() < 0.5:
            mutation: bytes = atheris.Mutate(data, most)
            return mutation
        return mutated(data, seeds, random)[:most]

    flags = {
        "max_total_time": int(seconds),
        "seed": seed,
        "max_len": MOST_BYTES,
        "timeout": int(LIMIT_SECONDS),
        "rss_limit_mb": 0,
        "verbosity": 0,
        "print_final_stats": 1,
        "artifact_prefix": f"{watch.folder}/{watch.name}-",
    }
    arguments = [sys.argv[0], *(f"-{name}={value}" for name, value in flags.items()), str(corpus)]
    atheris.Setup(arguments, watch.check, custom_mutator=mutate)
    atheris.Fuzz()
