"""Who is told of progress, and how."""

from __future__ import annotations

import json
from types import TracebackType
from typing import Protocol, Self

from csvpipe.cli.output import Output
from csvpipe.events import JobEvent


class Display(Protocol):
    """Shows events while it is entered. All calls come from one thread."""

    def __enter__(self) -> Self:
        """Begin to show."""
        ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Leave the screen as it should stay."""
        ...

    def show(self, event: JobEvent) -> None:
        """Take note of an event."""
        ...


class Silence:
    """Shows nothing. Also the part that displays without a beginning and an end share."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        pass

    def show(self, event: JobEvent) -> None:
        """See `Display.show`."""


class JsonLines(Silence):
    """Shows each event as an object of JSON on a line of its own, for programs."""

    def __init__(self, output: Output) -> None:
        self._output = output

    def show(self, event: JobEvent) -> None:
        """See `Display.show`."""
        self._output.line(json.dumps(event.to_dict()))


def display_for(output: Output, *, files: int) -> Display:
    """The display for a person, or for the log that a person will read.

    Args:
        output: Where progress goes.
        files: Files named on the command line.
    """
    if output.is_terminal:
        from csvpipe.cli.live import LiveDisplay  # noqa: PLC0415  # rich takes longer to import than all of csvpipe

        return LiveDisplay(files=files)
    from csvpipe.cli.plain import PlainDisplay  # noqa: PLC0415

    return PlainDisplay(output)
