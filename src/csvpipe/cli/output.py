"""Where lines go: a stream that outlives its reader."""

from __future__ import annotations

import io
import os
from typing import TextIO

import click


class Output:
    """Writes whole lines to a stream at once, with colours if a person looks.

    When the reader has gone away, as in `csvpipe run ... | head`, what is written is dropped: the import is what was
    asked for, and to hear of it is not worth failing for. The same where a write fails otherwise, as on a full disk,
    but then somebody may still count on what is missing, so it is noted.

    Args:
        stream: Where to; None, as Python has it, for one that was closed when the program began.

    Attributes:
        failure: Why lines were lost, other than that nobody wants them; None where none were.
    """

    def __init__(self, stream: TextIO | None) -> None:
        self.failure: str | None = None
        self._stream = stream
        self._color = False if os.environ.get("NO_COLOR") else None  # None: click looks whether it is a terminal
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # no character of somebody's file may end the run

    def __repr__(self) -> str:
        return f"<Output {self._stream!r}>"

    @property
    def is_terminal(self) -> bool:
        """Whether a person looks, at something that can move its cursor."""
        return self._stream is not None and self._stream.isatty() and os.environ.get("TERM") != "dumb"

    def line(self, text: str = "") -> None:
        """Write a line."""
        if self._stream is None:
            self.failure = "it is closed"
            return
        try:
            click.echo(text, file=self._stream, color=self._color)
        except BrokenPipeError:
            self._let_go(self._stream)
        except OSError as error:
            self.failure = error.strerror or str(error)
            self._let_go(self._stream)

    @staticmethod
    def _let_go(stream: TextIO) -> None:
        """Send all that follows nowhere, also what the interpreter flushes at its end."""
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
