"""Codes of row errors as labels of measurements, which each cost memory for good."""

from __future__ import annotations

import threading
from typing import Final

#: Handlers make codes of their own. So many are told apart; a handler that makes one of each row must not fill memory.
_MOST_CODES: Final = 200
OTHER_CODE: Final = "other"


class Codes:
    """The codes that are told apart: those that came first. For any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: set[str] = set()

    def __repr__(self) -> str:
        return f"<Codes, {len(self._known)} are told apart>"

    def label(self, code: str) -> str:
        """The code itself, or `other`."""
        with self._lock:
            if len(self._known) < _MOST_CODES:
                self._known.add(code)
            return code if code in self._known else OTHER_CODE
