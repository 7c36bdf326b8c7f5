"""Keeps what stands in sensitive columns out of everything that people are shown."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from typing import Final

from csvpipe._intake.sensitive import MASK
from csvpipe.errors import RowCode

#: How a text that was cut short ends, see `convert.shortened`.
_ELLIPSIS: Final = "…"

#: Codes that are our own words, whatever a cell may hold.
_CODES: Final = frozenset(code.value for code in RowCode)


class Secrets:
    """The sensitive columns of one file; false if there are none.

    A message is somebody else's text: it may quote a cell as it stands, stripped, in another case or escaped by `repr`,
    and all of these are masked. What a handler has made of a cell otherwise is beyond recognition.

    Args:
        columns: Of the file.
        sensitive: Names of those that are sensitive; the file need not have them.
    """

    def __init__(self, columns: Sequence[str], sensitive: Iterable[str]) -> None:
        self._names = frozenset(sensitive)
        self._known = _CODES.union(columns, self._names)
        self._positions = [position for position, name in enumerate(columns) if name in self._names]

    def __repr__(self) -> str:
        return f"<Secrets of {sorted(self._names)}>"

    def __bool__(self) -> bool:
        return bool(self._names)

    def __contains__(self, column: str | None) -> bool:
        return column in self._names

    def masked(self, text: str, records: Iterable[Sequence[str]]) -> str:
        """`text` without the sensitive cells of these records, which are all that it can speak of."""
        return self.masker(records)(text)

    def masker(self, records: Iterable[Sequence[str]]) -> Callable[[str], str]:
        """`masked` for many texts that can all speak of these records."""
        secrets = {form for cells in records for form in self._forms(cells)}
        return cache(lambda text: _masked(text, secrets))

    def masked_name(self, name: str, mask: Callable[[str], str]) -> str:
        """A code or a column's name that an application gave, by `masker`; our codes and the file's columns stay."""
        return name if name in self._known else mask(name)

    def _forms(self, cells: Sequence[str]) -> Iterator[str]:
        for position in self._positions:
            if position < len(cells) and (cell := cells[position].strip()):
                yield from (cell, cell.lower(), cell.upper(), repr(cell)[1:-1], ascii(cell)[1:-1])


def _masked(text: str, secrets: Iterable[str]) -> str:
    # One after the other, the longest first, around marks that no later one can hit.
    pieces = [text]
    for secret in sorted((secret for secret in secrets if secret in text), key=len, reverse=True):
        pieces = [part for piece in pieces for part in piece.split(secret)]
    return _without_torn_secret(MASK.join(pieces), secrets)


def _without_torn_secret(text: str, secrets: Iterable[str]) -> str:
    """`text` without the beginning of a secret at its end, where it was cut short."""
    if not text.endswith(_ELLIPSIS):
        return text
    head = text.removesuffix(_ELLIPSIS)
    torn = max((_overlap(head, secret) for secret in secrets), default=0)
    return f"{head[: len(head) - torn]}{MASK}{_ELLIPSIS}" if torn else text


def _overlap(head: str, secret: str) -> int:
    """Characters at the end of `head` with which `secret` begins."""
    most = min(len(head), len(secret) - 1)
    return next((length for length in range(most, 0, -1) if head.endswith(secret[:length])), 0)
