"""How a row's error reads when it ends the job."""

from __future__ import annotations

from csvpipe.errors import FileCode, FileFailure, RowCode, RowError


def row_failure(error: RowError) -> FileFailure:
    """That of a job which ends at its first bad row."""
    column = "" if error.column is None else f", column {error.column!r}"
    is_files_fault = error.code not in {RowCode.HANDLER, RowCode.TIMEOUT, RowCode.WORKER_LOST}
    way_out = "mend the file and submit it again" if is_files_fault else "then submit the file again"
    return FileFailure(
        code=FileCode.ROW_ERROR,
        message=f"row {error.row}, line {error.line}{column}: [{error.code}] {error.message}; {way_out}",
    )


def decode_failure(error: RowError) -> FileFailure:
    """That of a job which ends at the first byte that is no text."""
    return FileFailure(
        code=FileCode.ENCODING,
        message=f"row {error.row}, line {error.line}: {error.message} (errors='reject' sets such rows aside)",
    )
