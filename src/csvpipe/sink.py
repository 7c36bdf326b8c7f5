"""Where rows can go: what a pipeline and its workers know of a sink, whatever stands behind it.

A worker handles all rows of a chunk first and keeps what is to be written. Then it delivers: one transaction of the
sink's holds these rows and a marker that says so. The marker carries the chunk's result, so whatever happens between
the sink's commit and the job store's, nothing is lost and nothing is written twice.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import attrs

from csvpipe.errors import CsvPipeError

if TYPE_CHECKING:
    from csvpipe.jobs import JobId


@attrs.frozen(kw_only=True)
class Refusal:
    """Why a database does not take a row.

    Attributes:
        code: A `RowCode`.
        message: In the database's words, without other cells of the row.
        detail: What it says besides, which may quote any cell of the row.
        column: Of the table, where one is at fault.
    """

    code: str
    message: str
    detail: str = ""
    column: str | None = None


class RefusedError(CsvPipeError):
    """Rows were not written, as one of them at least is not acceptable.

    Args:
        refusal: What the database says.
        suspect: Index of the row that it may mean; None where nothing points at one.
        is_sure: Whether it is that row: then those before it are written. Otherwise none is.
        refusals: Of all rows that are not acceptable, by their indices, where it is known: then all others are written.
        is_undone: Whether the database has undone the whole transaction with that row: it must be begun anew, without
            the row, and until then nothing is written.
    """

    def __init__(
        self,
        refusal: Refusal,
        suspect: int | None = None,
        is_sure: bool = False,  # noqa: FBT001, FBT002  # as pickle calls it
        refusals: Mapping[int, Refusal] | None = None,
        is_undone: bool = False,  # noqa: FBT001, FBT002
    ) -> None:
        super().__init__(refusal, suspect, is_sure, refusals, is_undone)
        self.refusal = refusal
        self.suspect = suspect
        self.is_sure = is_sure
        self.refusals = refusals
        self.is_undone = is_undone

    def __str__(self) -> str:
        return self.refusal.message


class DeferredError(CsvPipeError):
    """A constraint that is checked at the end does not hold, and nothing says for which row."""


class SinkSession(Protocol):
    """One worker's connection to a sink. Belongs to one thread.

    Every method raises `csvpipe.Unavailable` when the sink is down (then the transaction is lost, and the next `begin`
    connects anew), and `FileError` when the sink is not what the pipeline needs.
    """

    def begin(self, job_id: JobId, attempt: int, start: int, *, is_strict: bool) -> str | None:
        """Begin a transaction, and see that this attempt still has the job.

        Args:
            job_id: Whose rows come.
            attempt: The fencing token.
            start: Where their chunk begins.
            is_strict: Whether constraints are checked with each write that could be checked at the end.

        Returns:
            The result in the marker of a delivery that began there; then there is nothing left to be done.

        Raises:
            TakenOverError: A later attempt has it.
        """
        ...

    def takes_columns(self, kinds: Mapping[str, str]) -> bool:
        """Whether `write` also takes columns of these kinds, and makes of them what it makes of rows.

        They have an Arrow batch of values, and perhaps the bytes of the file that these were read from.

        Args:
            kinds: The fields of rows, to what their cells are: `int`, `str`, `date` and so on.
        """
        ...

    def write(self, rows: Sequence[object]) -> None:
        """Write rows, each an object, a mapping or a tuple of the sink's columns.

        Raises:
            RefusedError: At least one of them is not acceptable.
        """
        ...

    def commit(self, end: int, result: str) -> None:
        """Write the marker and commit.

        Args:
            end: Where the rows that were delivered end.
            result: The chunk's, for the marker.

        Raises:
            DeferredError: A constraint does not hold; the transaction is rolled back.
            Unavailable: Whether it is committed may be unknown: begin again, and look for the marker.
        """
        ...

    def rollback(self) -> None:
        """Undo what is not committed, if anything; raises nothing."""
        ...

    def close(self) -> None:
        """Disconnect; raises nothing."""
        ...


@runtime_checkable
class Sink(Protocol):
    """Where the rows of pipelines go. Shared by threads, and found by its pipeline's name in other processes.

    Attributes:
        needs_order: Whether chunks must come one after the other, in file order.
        patience_seconds: For how long a delivery is tried again while the sink is down.
    """

    needs_order: bool
    patience_seconds: float

    def check(self, columns: Sequence[str] | None) -> None:
        """See that the sink is there and has these columns, before a job's first row is handled.

        Args:
            columns: What rows have; None where only the handler knows.

        Raises:
            FileError: It is not, or has not; the message names the way out.
            Unavailable: It is down.
        """
        ...

    def take_over(self, job_id: JobId, attempt: int) -> list[str]:
        """Keep every earlier attempt of a job from writing, and tell what these have delivered.

        Returns:
            The results in the job's markers, by their start.

        Raises:
            TakenOverError: A later attempt has the job.
            Unavailable: The sink is down.
        """
        ...

    def forget(self, job_id: JobId) -> None:
        """Remove what was noted for a job that has been deleted.

        Raises:
            Unavailable: The sink is down.
        """
        ...

    def open(self) -> SinkSession:
        """A session for one worker, which closes it; it connects when it is first used."""
        ...
