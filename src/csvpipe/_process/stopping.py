"""How those who handle rows are told to stop."""

from __future__ import annotations

import threading


class StopSignal(threading.Event):
    """An event whose state costs no call to look at: between any two rows somebody does.

    Attributes:
        is_wanted: Whether it is set.
    """

    def __init__(self) -> None:
        super().__init__()
        self.is_wanted = False

    def set(self) -> None:
        """Have whoever looks, or waits, stop."""
        self.is_wanted = True
        super().set()

    def clear(self) -> None:
        """Take it back."""
        self.is_wanted = False
        super().clear()
