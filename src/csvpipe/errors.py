"""What can go wrong, and how to say it.

Three kinds, kept apart:

* **Bad rows are data.** A `RowError` describes one bad cell or record; it is counted, stored and shown, never raised.
* **Handlers speak by raising**: `Reject`, `RejectRows`, `Skip`, `Abort`, `Unavailable`.
* **Misuse raises** an exception under `CsvPipeError`. A file that cannot be imported is no misuse: its job is `failed`
  with a `FileCode`.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

import attrs


class RowCode(StrEnum):
    """The stable codes of row errors. Handlers add their own through `Reject(code=...)`."""

    FIELD_COUNT = "field_count"
    UNTERMINATED_QUOTE = "unterminated_quote"
    MALFORMED = "malformed"
    ROW_TOO_LARGE = "row_too_large"
    FIELD_TOO_LARGE = "field_too_large"
    DECODE = "decode"
    MISSING = "missing"
    INT = "int"
    FLOAT = "float"
    DECIMAL = "decimal"
    BOOL = "bool"
    DATE = "date"
    DATETIME = "datetime"
    TIME = "time"
    TIMEDELTA = "timedelta"
    UUID = "uuid"
    ENUM = "enum"
    VALIDATION = "validation"
    REJECTED = "rejected"
    HANDLER = "handler"
    TIMEOUT = "timeout"
    WORKER_LOST = "worker_lost"
    NOT_OPEN = "not_open"
    UNIQUE = "unique"
    FOREIGN_KEY = "foreign_key"
    NOT_NULL = "not_null"
    CHECK = "check"
    OUT_OF_RANGE = "out_of_range"
    DATABASE = "database"


class FileCode(StrEnum):
    """The stable codes of file errors: each fails the job, never the caller."""

    NOT_FOUND = "not_found"
    EMPTY = "empty"
    BINARY = "binary"
    TOO_LARGE = "too_large"
    ENCODING = "encoding"
    HEADER_MISSING = "header_missing"
    HEADER_DUPLICATE = "header_duplicate"
    COLUMNS_MISSING = "columns_missing"
    COLUMNS_UNKNOWN = "columns_unknown"
    PARENT_MISMATCH = "parent_mismatch"
    SOURCE_FAILED = "source_failed"
    SOURCE_CHANGED = "source_changed"
    DISK_FULL = "disk_full"
    ABORTED = "aborted"
    ROW_ERROR = "row_error"
    REJECT_LIMIT = "reject_limit"
    RETRY_EXHAUSTED = "retry_exhausted"
    CRASH_LOOP = "crash_loop"
    CONSERVATION = "conservation"
    SINK_FAILED = "sink_failed"
    INTERNAL = "internal"


class Phase(StrEnum):
    """Where in a row's life its error arose."""

    PARSE = "parse"
    CONVERT = "convert"
    VALIDATE = "validate"
    HANDLE = "handle"


@attrs.frozen(kw_only=True)
class RowError:
    """One reason why one row was not handled. A row with three bad cells has three of these and counts once.

    Attributes:
        row: 1-based number of the data record, header excluded.
        line: 1-based physical line on which the record starts.
        column: Header name of the cell, or None where the whole record is meant.
        code: A `RowCode` or the handler's own.
        phase: Where it arose.
        message: For the person who mends the file.
        value: Text of the bad cell, shortened; None where no single cell is meant; masked for sensitive columns.
        start: Byte offset of the record in the job's local file.
        end: Byte offset just past the record.
    """

    row: int
    line: int
    column: str | None
    code: str
    phase: Phase
    message: str
    value: str | None
    start: int
    end: int

    def to_dict(self) -> dict[str, object]:
        """The same names and values, fit for JSON."""
        return {**attrs.asdict(self, recurse=False), "phase": self.phase.value}


@attrs.frozen(kw_only=True)
class ErrorTotal:
    """How many row errors share a code and a column.

    Attributes:
        code: A `RowCode` or the handler's own.
        column: Header name, or None for errors of whole records.
        errors: Their exact number.
        samples: The first few of them, in file order.
    """

    code: str
    column: str | None
    errors: int
    samples: tuple[RowError, ...] = ()


@attrs.frozen(kw_only=True)
class FileFailure:
    """Why a job failed: a `FileCode` and a message that names the way out."""

    code: FileCode
    message: str

    def named(self, filename: str, *, path: str | None = None) -> FileFailure:
        """The same, with a message that begins with the name of the file; or with its path, where it does so already.

        Args:
            filename: The job's.
            path: Of a file that is read in place.
        """
        known = (f"{filename}: ", f"{filename} (", *(() if path is None else (f"{path}: ",)))
        return self if self.message.startswith(known) else attrs.evolve(self, message=f"{filename}: {self.message}")


class CsvPipeError(Exception):
    """Root of every exception that csvpipe raises on purpose."""


# What a handler says --------------------------------------------------------------------------------------------------


class Reject(CsvPipeError):
    """Raised by a handler: this row is bad.

    Args:
        message: For the person who mends the file.
        column: Name of the column at fault, if one is.
        code: A short stable word for statistics, `[a-z0-9_]+` by convention.
    """

    def __init__(self, message: str, column: str | None = None, code: str = RowCode.REJECTED) -> None:
        # A NaN or a number may come from a data frame; what is said is text.
        self.message = str(message)
        self.column = None if column is None else str(column)
        given: object = code
        self.code = str(RowCode.REJECTED if given is None else given)
        super().__init__(self.message, self.column, self.code)

    def __str__(self) -> str:
        return str(self.message)


class RejectRows(CsvPipeError):
    """Raised by a batch handler: nothing of this batch was done, and these rows are why.

    The rest of the batch is handed over again without them.

    Args:
        rejects: Index within the batch (0-based) to the `Reject` for that row; at least one.
    """

    def __init__(self, rejects: Mapping[int, Reject]) -> None:
        if not rejects:
            raise ValueError("RejectRows needs at least one row; to accept the whole batch just return")
        super().__init__(dict(rejects))
        self.rejects = dict(rejects)

    def __str__(self) -> str:
        return f"{len(self.rejects)} rows of the batch rejected"


class Skip(CsvPipeError):
    """Raised by a handler: leave this row out. It counts in `skipped_rows` and is no error."""

    def __init__(self, reason: str = "") -> None:
        super().__init__(reason)
        self.reason = reason


class Abort(CsvPipeError):
    """Raised by a handler: the file is wrong. The job fails with code `aborted`."""

    def __init__(self, message: str) -> None:
        super().__init__(message)


class Unavailable(CsvPipeError):
    """Raised by a handler: the world is down, not the row.

    The call is repeated under the pipeline's `Retry`; the row is never blamed. When the attempts are used up the job
    fails with `retry_exhausted` at its checkpoint, and `job.retry()` goes on from there.
    """

    def __init__(self, message: str = "") -> None:
        super().__init__(message)


# Misuse ---------------------------------------------------------------------------------------------------------------


class PipelineError(CsvPipeError, ValueError):
    """A pipeline was declared in a way that cannot work. The message names the handler and the way out."""


class DialectError(CsvPipeError, ValueError):
    """A dialect that no reader could follow without guessing."""


class EncodingUnknownError(CsvPipeError, LookupError):
    """A stated encoding is not one that this Python knows."""

    def __init__(self, encoding: str) -> None:
        super().__init__(encoding)
        self.encoding = encoding

    def __str__(self) -> str:
        return f"unknown encoding {self.encoding!r}; state one that Python knows, such as 'utf-8' or 'cp1252'"


class PipelineNotFoundError(CsvPipeError, LookupError):
    """A pipeline was named or given that this pool was not opened with."""

    def __init__(self, name: str, known: tuple[str, ...]) -> None:
        super().__init__(name, known)
        self.name = name
        self.known = known

    def __str__(self) -> str:
        known = ", ".join(self.known) or "none"
        return f"no pipeline {self.name!r} in this pool (it has: {known}); name it in WorkerPool(pipelines=[...])"


class JobNotFoundError(CsvPipeError, LookupError):
    """No job of this id is in the store."""

    def __init__(self, job_id: object) -> None:
        super().__init__(str(job_id))
        self.job_id = str(job_id)

    def __str__(self) -> str:
        return f"no job {self.job_id} in this store"


class TransitionError(CsvPipeError, RuntimeError):
    """A verb was asked of a job whose status does not allow it, such as `retry` of a completed one."""

    def __init__(self, verb: str, status: str) -> None:
        super().__init__(verb, status)
        self.verb = verb
        self.status = status

    def __str__(self) -> str:
        return f"cannot {self.verb} a job that is {self.status}"


class IdempotencyConflictError(CsvPipeError, ValueError):
    """An idempotency key was used before with another pipeline, other content or other options."""

    def __init__(self, key: str, job_id: str) -> None:
        super().__init__(key, job_id)
        self.key = key
        self.job_id = job_id

    def __str__(self) -> str:
        whose = f"job {self.job_id}, whose pipeline, content or options differ"
        return f"idempotency key {self.key!r} belongs to {whose}; use another key"


class ParentError(CsvPipeError, ValueError):
    """The rejects of a job cannot be mended with this submission, or not now."""

    def __init__(self, job_id: object, reason: str) -> None:
        super().__init__(str(job_id), reason)
        self.job_id = str(job_id)
        self.reason = reason

    def __str__(self) -> str:
        return f"the rejects of job {self.job_id} cannot be mended: {self.reason}"


class PoolClosedError(CsvPipeError, RuntimeError):
    """The pool was used outside its `async with` block, after it began to stop, or in a forked child."""


class LeaseLostError(CsvPipeError, RuntimeError):
    """A write came from a worker that no longer owns the job: its fencing token is out of date."""

    def __init__(self, job_id: object) -> None:
        super().__init__(str(job_id))
        self.job_id = str(job_id)

    def __str__(self) -> str:
        return f"job {self.job_id} has been taken over by another worker; this write was refused"


class TakenOverError(LeaseLostError):
    """The same of a transaction in the database that rows go to; also of a job that has been deleted."""


class StoreUnavailableError(CsvPipeError, RuntimeError):
    """The database of a job store could not be reached for as long as the store waits, or refuses to serve.

    What was being written is either there as a whole or not at all; every write may be repeated.
    """

    def __init__(self, store: str, reason: str) -> None:
        super().__init__(store, reason)
        self.store = store
        self.reason = reason

    def __str__(self) -> str:
        return f"the job store {self.store} is unavailable: {self.reason}"


class StoreVersionError(CsvPipeError, RuntimeError):
    """The tables of a job store are of a version that this csvpipe is too old for."""

    def __init__(self, version: int, known: int) -> None:
        super().__init__(version, known)
        self.version = version
        self.known = known

    def __str__(self) -> str:
        return (
            f"the job store's tables are of version {self.version}, which this csvpipe is too old for "
            f"(it knows versions up to {self.known}); install a newer csvpipe"
        )


class SourceGoneError(CsvPipeError, FileNotFoundError):
    """The job's file is needed again, for raw text of its rejects, and is no longer where it was."""


class JobFailedError(CsvPipeError, RuntimeError):
    """Raised by `JobRecord.raise_for_status` for a job that failed or was cancelled."""

    def __init__(self, filename: str, status: str, code: str | None, message: str | None) -> None:
        super().__init__(filename, status, code, message)
        self.filename = filename
        self.status = status
        self.code = code
        self.message = message

    def __str__(self) -> str:
        reason = f": [{self.code}] {(self.message or '').removeprefix(f'{self.filename}: ')}" if self.code else ""
        return f"{self.filename} {self.status}{reason}"


class FileError(CsvPipeError, ValueError):
    """A file cannot be imported. A pool makes a failed job of it, with the same code and message."""

    def __init__(self, code: FileCode, message: str) -> None:
        super().__init__(code, message)
        self.code = code
        self.message = message

    def __str__(self) -> str:
        return self.message


class MissingExtraError(CsvPipeError, ImportError):
    """A door was used whose extra is not installed."""

    def __init__(self, door: str, extra: str) -> None:
        super().__init__(door, extra)
        self.door = door
        self.extra = extra

    def __str__(self) -> str:
        return f"{self.door} needs the extra {self.extra!r}: pip install 'csvpipe[{self.extra}]'"
