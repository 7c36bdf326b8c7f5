"""What a handler may ask about the row in hand, and say about the rows of a batch."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, Final, SupportsIndex, TypeVar

from csvpipe.errors import CsvPipeError, PipelineError, Reject, RowCode, Skip
from csvpipe.transactions import Transaction

if TYPE_CHECKING:
    from csvpipe.jobs import JobId

C = TypeVar("C")


class OutsideBatchError(CsvPipeError, IndexError):
    """`Context.reject` or `skip` was given rows that its batch does not have. The handler is wrong, and no row is."""


class Context:
    """Handed to a handler that names it as its second parameter; valid during that call only.

    Attributes:
        job_id: The job that the row belongs to.
        root_id: The first job of a chain of mended submissions; `job_id` where there is none.
        filename: As given at submission, for display.
        owner: As given at submission.
        attempt: How often a worker has taken this job.
        dry_run: Whether the caller asked that nothing be written.
        has_sink: Whether what the handler returns goes to a sink.
        store_file: The file of SQLite that the job store is in, where it is in one.
        rows: 1-based row numbers of this call: one, or one for each row of the batch. Rows of a mended file keep the
            numbers that they have in the first file of the chain.
        lines: Physical lines on which those rows start, in the file that was submitted.
    """

    __slots__ = (
        "_is_used",
        "_rejects",
        "_skips",
        "attempt",
        "dry_run",
        "filename",
        "has_sink",
        "job_id",
        "lines",
        "owner",
        "root_id",
        "rows",
        "store_file",
    )

    def __init__(
        self,
        *,
        job_id: JobId,
        root_id: JobId,
        filename: str,
        owner: str | None,
        attempt: int,
        dry_run: bool,
        has_sink: bool = False,
        store_file: str | None = None,
        rows: Sequence[int] = (),
        lines: Sequence[int] = (),
    ) -> None:
        self.job_id = job_id
        self.root_id = root_id
        self.filename = filename
        self.owner = owner
        self.attempt = attempt
        self.dry_run = dry_run
        self.has_sink = has_sink
        self.store_file = store_file
        self.rows = rows
        self.lines = lines
        self._rejects: dict[int, Reject] = {}
        self._skips: set[int] = set()

    def at(self, rows: Sequence[int], lines: Sequence[int]) -> Context:
        """The same job's context for another call: `rows` and `lines` as in the attributes."""
        return Context(
            job_id=self.job_id,
            root_id=self.root_id,
            filename=self.filename,
            owner=self.owner,
            attempt=self.attempt,
            dry_run=self.dry_run,
            has_sink=self.has_sink,
            store_file=self.store_file,
            rows=rows,
            lines=lines,
        )

    @property
    def row(self) -> int:
        """1-based number of the row in hand; of a batch, its first row's."""
        return self.rows[0]

    @property
    def line(self) -> int:
        """Physical line on which the row in hand starts; of a batch, its first row's."""
        return self.lines[0]

    @property
    def row_key(self) -> str:
        """A stable name of the row, to de-duplicate by: the same in every attempt, retry, process and mended file."""
        return f"{self.root_id}:{self.rows[0]}"

    @property
    def row_keys(self) -> list[str]:
        """`row_key` of every row of the batch."""
        return [f"{self.root_id}:{row}" for row in self.rows]

    def reject(
        self,
        rows: SupportsIndex | Iterable[SupportsIndex | bool],
        message: str,
        column: str | None = None,
        code: str = RowCode.REJECTED,
    ) -> None:
        """Mark rows of a batch as bad that otherwise succeeded.

        Args:
            rows: Index within the batch (0-based), a sequence of them, or a boolean mask as long as the batch.
            message: For the person who mends the file.
            column: Name of the column at fault.
            code: A short stable word.

        Raises:
            OutsideBatchError: An index is outside the batch, or a mask has another length; an `IndexError`. Let it
                pass: the job fails with `aborted`, since no row is at fault.
        """
        reason = Reject(message, column, code)
        for index in self._indices(rows):
            self._rejects[index] = reason
            self._skips.discard(index)

    def skip(self, rows: SupportsIndex | Iterable[SupportsIndex | bool]) -> None:
        """Mark rows of a batch as left out. `rows` as in `reject`, which wins where both name a row.

        Raises:
            OutsideBatchError: As for `reject`.
        """
        indices = self._indices(rows)
        self._skips.update(index for index in indices if index not in self._rejects)

    def transaction(self, connection: C) -> AbstractContextManager[C]:
        """A transaction of the handler's own, made exactly once for the rows of this call: a context manager.

        With it a note is committed that says which rows it has dealt with: those of the call, but for the ones that
        `reject` or `skip` have named by then. When such a row comes again, since its worker died before it could tell,
        entering finds the note; the rest of the handler is not run for it, and it counts as processed. A worker that
        has lost its job cannot commit any more. In a dry run everything is rolled back.

        The notes are in tables of ours beside the application's, which are made when they are missing. All that the
        handler does has to be in this one transaction; whatever stands before it may be repeated. Of SQLite, the whole
        file is locked meanwhile. In PostgreSQL a second call for the same rows waits for the first one, which takes
        `READ COMMITTED`, the default there: at other levels the second one may not see what the first has noted.

        Args:
            connection: To PostgreSQL or SQLite, of SQLAlchemy, psycopg or sqlite3, synchronous and not in a
                transaction. It is not closed.

        Raises:
            PipelineError: It is none of these; the call has had a transaction already; or the pipeline has a sink,
                whose rows would be lost when the handler is not run again. On entering it: the file is that of the job
                store, which a handler must not lock. Let it pass: the job fails.
            csvpipe.transactions.UndoneError: On leaving it: the transaction was over before, as the handler has caught
                an error by which the database undoes all of it, or ended it. The rows are not noted, and fail.

        Example:
            >>> import csvpipe, sqlite3
            >>> from contextlib import closing
            >>> @csvpipe.pipeline
            ... def book(row: csvpipe.Row, ctx: csvpipe.Context) -> None:
            ...     with closing(sqlite3.connect("shop.db")) as connection, ctx.transaction(connection):
            ...         connection.execute("INSERT INTO orders VALUES (?)", (row["id"],))
        """
        if self.has_sink:
            raise PipelineError(
                "Context.transaction: the pipeline has a sink; return what is to be written, or leave sink= out and "
                "write it in the transaction"
            )
        if getattr(self, "_is_used", False):
            raise PipelineError("Context.transaction: a call has one transaction, since its rows are done with it")
        self._is_used = True
        return Transaction(
            connection,
            job_id=self.job_id,
            attempt=self.attempt,
            rows=self.rows,
            dry_run=self.dry_run,
            store_file=self.store_file,
            marked=lambda: {*self.marks[0], *self.marks[1]},
        )

    @property
    def marks(self) -> tuple[dict[int, Reject], set[int]]:
        """What `reject` and `skip` have named so far, by index within the batch."""
        return self._rejects, self._skips

    def raise_marks(self) -> None:
        """For a call of a single row: raise what `reject` or `skip` said of it, if anything.

        Raises:
            Reject: From `reject`.
            Skip: From `skip`.
        """
        if self._rejects:
            raise self._rejects[0]
        if self._skips:
            raise Skip

    def _indices(self, rows: SupportsIndex | Iterable[SupportsIndex | bool]) -> list[int]:
        size = len(self.rows)
        given: Any = rows
        if type(given).__module__.partition(".")[0] == "pyarrow" and hasattr(given, "to_numpy"):
            given = given.to_numpy(zero_copy_only=False)
        if type(given).__module__ == "numpy" and getattr(given, "ndim", 0) == 1:
            return _indices_of_array(given, size)
        if not isinstance(rows, Iterable) and not _is_flag(rows):
            chosen = [operator.index(rows)]
        else:
            given = list(rows)  # type: ignore[arg-type]  # a lone flag is not iterable and says so itself
            if given and all(_is_flag(item) for item in given):
                if len(given) != size:
                    raise OutsideBatchError(f"a mask of {len(given)} for a batch of {size} rows")
                chosen = [index for index, flag in enumerate(given) if bool(flag)]
            else:
                chosen = [operator.index(item) for item in given]
        for index in chosen:
            if not 0 <= index < size:
                raise OutsideBatchError(f"row index {index} is outside the batch of {size} rows")
        return chosen


class RowContext(Context):
    """The context of a single row: made millions of times, so it asks the job's for what all rows share.

    Args:
        job: The job's context, without rows.
        number: The row's number.
        line: Physical line on which it starts.
    """

    __slots__ = ("_job", "line", "row")

    def __init__(self, job: Context, number: int, line: int) -> None:
        self._job = job
        self.row = number  # type: ignore[misc]  # a slot in place of the property
        self.line = line  # type: ignore[misc]
        self._rejects = None  # type: ignore[assignment]  # until there is one

    def __getattr__(self, name: str) -> object:
        """What was not set for the row: the job's attributes, and what follows from the row's."""
        if name in {"rows", "lines"}:
            return (self.row if name == "rows" else self.line,)
        if name in _OF_THE_JOB:
            return getattr(self._job, name)
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    @property
    def marks(self) -> tuple[dict[int, Reject], set[int]]:
        """As for any context."""
        return super().marks if self.is_marked else ({}, set())

    @property
    def is_marked(self) -> bool:
        """Whether `reject` or `skip` was called."""
        return self._rejects is not None

    def _indices(self, rows: SupportsIndex | Iterable[SupportsIndex | bool]) -> list[int]:
        if not self.is_marked:
            self._rejects, self._skips = {}, set()
        return super()._indices(rows)


_OF_THE_JOB: Final = frozenset(
    {"attempt", "dry_run", "filename", "has_sink", "job_id", "owner", "root_id", "store_file"}
)


def _indices_of_array(array: Any, size: int) -> list[int]:
    """`Context._indices` of many rows, without a look at each."""
    if array.dtype.kind == "O" and all(flag is None or _is_flag(flag) for flag in array):
        array = array.astype(bool)  # a flag that is missing marks nothing
    if array.dtype.kind == "b":
        if len(array) != size:
            raise OutsideBatchError(f"a mask of {len(array)} for a batch of {size} rows")
        return array.nonzero()[0].tolist()  # type: ignore[no-any-return]  # of numpy
    chosen = list(map(operator.index, array.tolist()))
    if chosen and (min(chosen) < 0 or max(chosen) >= size):
        outside = next(index for index in chosen if not 0 <= index < size)
        raise OutsideBatchError(f"row index {outside} is outside the batch of {size} rows")
    return chosen


def _is_flag(item: object) -> bool:
    # numpy's (two names, by version) and pyarrow's, without importing either.
    return isinstance(item, bool) or type(item).__name__ in ("bool", "bool_", "BooleanScalar")
