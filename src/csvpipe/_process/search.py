"""Finds the rows that a sink refuses, among many that it is given at once."""

from __future__ import annotations

from collections.abc import Sequence

from csvpipe.sink import Refusal, RefusedError


class Search:
    """Hands out groups of rows to be written, from left to right, until each is written or refused alone.

    A sink that refuses a group may point at a row: what stands before it is written, then it is tried alone, since
    nobody is blamed on a hint. Where nothing points at one the group is halved. While there are many bad rows groups
    stay small, as all of a group is sent before it is refused.

    Args:
        rows: Indices of rows.

    Attributes:
        refused: Why, by the index of the row.
    """

    def __init__(self, rows: Sequence[int]) -> None:
        self.refused: dict[int, Refusal] = {}
        self._rows = rows
        self._next = 0
        self._pending: list[Sequence[int]] = []
        self._most = max(1, len(rows))
        self._is_narrow = True

    def __repr__(self) -> str:
        return f"<Search, {len(self.refused)} refused, {len(self._rows) - self._next} rows to come>"

    def next_group(self) -> Sequence[int] | None:
        """What to write next, given that the group before it was written or refused; None at the end."""
        if self._pending:
            return self._pending.pop()
        if self._next >= len(self._rows):
            return None
        if not self._is_narrow:
            self._most *= 2
        self._is_narrow = False
        group = self._rows[self._next : self._next + self._most]
        self._next += len(group)
        return group

    def refuse(self, group: Sequence[int], error: RefusedError) -> bool:
        """A group was refused: whether that was the row at fault."""
        at = error.suspect
        if error.refusals:
            self.refused.update((group[index], refusal) for index, refusal in error.refusals.items())
            self._most = max(1, len(self._rows))
            return True
        if error.is_sure and at is not None:
            self.refused[group[at]] = error.refusal
            self._add(group[at + 1 :])
            return True
        self._is_narrow = True
        if len(group) == 1:
            self.refused[group[0]] = error.refusal
            return True
        if at is None:
            middle = len(group) // 2
            self._add(group[:middle], group[middle:])
            return False
        self._most = max(1, at)
        if self._pending:
            self._add(group[:at], group[at : at + 1], group[at + 1 :])
        else:
            self._next -= len(group) - at - 1
            self._add(group[:at], group[at : at + 1])
        return False

    def _add(self, *groups: Sequence[int]) -> None:
        self._pending += [group for group in reversed(groups) if group]
