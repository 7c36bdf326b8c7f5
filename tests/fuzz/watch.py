"""Runs a target on inputs one by one, with a time limit, and keeps what it fails on in its smallest form."""

from __future__ import annotations

import faulthandler
import hashlib
import signal
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from types import FrameType
from typing import Final

import attrs

#: An input that takes longer is a finding.
LIMIT_SECONDS: Final = 5.0

#: Where even the alarm is not heard the process ends, with the stacks of its threads; the input is in the folder.
_DEAF_SECONDS: Final = 60.0

#: A smaller form is looked for so long.
_SHRINK_SECONDS: Final = 30.0


class HungError(BaseException):
    """An input took too long. Not an `Exception`, lest something on the way takes it for an error of the file."""


@attrs.define(eq=False)
class Watch:
    """Checks inputs of one target.

    Attributes:
        name: Of the target.
        target: Raises where something does not hold.
        folder: Where findings are kept, or None.
        origin: How the inputs were made, noted with each finding.
        has_alarm: Whether an input is broken off that takes too long. libFuzzer has an alarm of its own, and there is
            but one for a process.
        found: What was found, by a digest of where it was raised.
        inputs: How many were checked.
    """

    name: str
    target: Callable[[bytes], None]
    folder: Path | None = None
    origin: str = ""
    has_alarm: bool = hasattr(signal, "setitimer")
    found: dict[str, str] = attrs.field(factory=dict, init=False)
    inputs: int = attrs.field(default=0, init=False)
    _renewed_at: float = attrs.field(default=float("-inf"), init=False)

    def check(self, data: bytes) -> None:
        """Run the target. What it raises is noted, once for each place."""
        self.inputs += 1
        if self.folder is not None:
            (self.folder / f"{self.name}.last").write_bytes(data)
            self._expect_an_end()
        raised = self._raised(data)
        if raised is None or (digest := _digest(raised)) in self.found:
            return
        least = self._shrunk(data, digest)
        report = "".join(traceback.format_exception(raised))
        self.found[digest] = f"{self.name}: {len(least)} bytes, {least[:200]!r}\n{report}"
        if self.folder is not None:
            stem = f"{self.name}-{digest}"
            (self.folder / f"{stem}.bin").write_bytes(least)
            again = f"python -m tests.fuzz --target {self.name} --replay {stem}.bin"
            (self.folder / f"{stem}.txt").write_text(f"{self.origin}\n{again}\n{self.found[digest]}", "utf-8")

    def _expect_an_end(self) -> None:
        now = time.monotonic()
        if now >= self._renewed_at + 1:  # it takes a thread
            faulthandler.dump_traceback_later(_DEAF_SECONDS, exit=True)
            self._renewed_at = now

    def _raised(self, data: bytes) -> BaseException | None:
        begun = time.monotonic()
        try:
            with _alarm() if self.has_alarm else nullcontext():
                self.target(data)
            if time.monotonic() - begun > LIMIT_SECONDS:  # where there is no alarm
                return HungError(f"took more than {LIMIT_SECONDS} seconds")
        except (Exception, HungError) as error:  # noqa: BLE001  # whatever it is
            return error
        return None

    def _shrunk(self, data: bytes, digest: str) -> bytes:
        """Without whatever can be left out: parts of half the size, a quarter, down to single bytes."""
        deadline, size = time.monotonic() + _SHRINK_SECONDS, max(1, len(data) // 2)
        while size:
            at = 0
            while at < len(data) and time.monotonic() < deadline:
                without = data[:at] + data[at + size :]
                raised = self._raised(without)
                if raised is not None and _digest(raised) == digest:
                    data = without
                else:
                    at += size
            size //= 2
        return data


def _digest(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    if isinstance(error, HungError):
        frames = traceback.StackSummary.from_list(frames[:3])  # where the alarm found it is chance
    places = [f"{Path(frame.filename).name}:{frame.lineno}" for frame in frames[-3:]]
    return hashlib.sha256(" ".join([type(error).__name__, *places]).encode()).hexdigest()[:8]


@contextmanager
def _alarm() -> Iterator[None]:
    def ring(_number: int, _frame: FrameType | None) -> None:
        raise HungError(f"took more than {LIMIT_SECONDS} seconds")

    before = signal.signal(signal.SIGALRM, ring)
    left, _interval = signal.setitimer(signal.ITIMER_REAL, LIMIT_SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        signal.setitimer(signal.ITIMER_REAL, left)  # the time limit of the test around us, if there is one
