"""What the workers have reported of one job, held in memory."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Collection
from itertools import chain, groupby

import attrs

from csvpipe._process.result import ChunkResult
from csvpipe.errors import ErrorTotal, RowError


@attrs.define(eq=False)
class Ledger:
    """The chunk results of one job and their row errors. How many errors there may be is the pool's affair."""

    _results: dict[int, ChunkResult] = attrs.field(factory=dict, init=False)
    _errors: dict[int, tuple[RowError, ...]] = attrs.field(factory=dict, init=False)

    def __contains__(self, start: int) -> bool:
        """Whether there is a result for the chunk at `start`."""
        return start in self._results

    @property
    def results(self) -> Collection[ChunkResult]:
        """All results, without their errors, in the order in which their chunks were first reported."""
        return self._results.values()

    def add(self, result: ChunkResult) -> bool:
        """Enter a result in place of the one with the same `start`; tell whether that changes anything."""
        entry, errors = attrs.evolve(result, errors=()) if result.errors else result, result.errors
        if self._results.get(result.start) == entry and self._errors[result.start] == errors:
            return False
        self._results[result.start] = entry
        self._errors[result.start] = errors
        return True

    def in_file_order(self) -> list[ChunkResult]:
        """All results by `start`, without their errors."""
        return [self._results[start] for start in sorted(self._results)]

    def page(self, *, limit: int, after: tuple[int, int] | None) -> list[tuple[int, RowError]]:
        """Up to `limit` stored errors past (row, ordinal) `after`, each with its ordinal, in file order."""
        numbered = [
            (ordinal, error)
            for _, of_one_row in groupby(self._errors_in_file_order(), key=lambda error: error.row)
            for ordinal, error in enumerate(of_one_row)
        ]
        first = 0 if after is None else bisect_right(numbered, after, key=lambda item: (item[1].row, item[0]))
        return numbered[first : first + limit]

    def totals(self, *, samples: int) -> list[ErrorTotal]:
        """Exact totals per (code, column), most frequent first, then by name; each with the first errors known."""
        counts: Counter[tuple[str, str | None]] = Counter()
        known = dict.fromkeys(self._errors_in_file_order())
        for total in chain.from_iterable(result.totals for result in self._results.values()):
            counts[total.code, total.column] += total.errors
            known |= dict.fromkeys(total.samples)  # of a kind whose errors were all spilled there are no others
        found: defaultdict[tuple[str, str | None], list[RowError]] = defaultdict(list)
        for error in sorted(known, key=lambda error: error.row):
            of_kind = found[error.code, error.column]
            if len(of_kind) < samples:
                of_kind.append(error)
        ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0][0], item[0][1] or ""))
        return [
            ErrorTotal(code=kind[0], column=kind[1], errors=errors, samples=tuple(found[kind]))
            for kind, errors in ranked
        ]

    def _errors_in_file_order(self) -> list[RowError]:
        """Stored errors by row; those of one row by chunk, and as the worker reported them."""
        by_chunk = chain.from_iterable(self._errors[start] for start in sorted(self._errors))
        return sorted(by_chunk, key=lambda error: error.row)
