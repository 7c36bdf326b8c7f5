"""Why a run ends before its file does."""

from __future__ import annotations

import errno
from enum import IntEnum

from csvpipe._intake.source import LocalFile
from csvpipe._process.conduct import describe
from csvpipe.errors import FileCode, FileError, FileFailure


class Ending(IntEnum):
    """Why a run ends before its file does; the higher one wins."""

    SHUTDOWN = 1
    ASKED = 2
    FAILURE = 3
    LOST = 4


def trouble_with(source: LocalFile | None) -> FileFailure | None:
    """In a thread: why a job must not count as completed, although all its rows are handled; None if it may."""
    try:
        if source is not None:
            source.check_unchanged()
    except FileError as error:
        return FileFailure(code=error.code, message=error.message)
    return None


def unexpected(error: BaseException) -> FileFailure:
    """The failure of a job for a reason that is neither the file's nor the handler's."""
    if isinstance(error, OSError):
        code = FileCode.DISK_FULL if error.errno in (errno.ENOSPC, errno.EDQUOT) else FileCode.SOURCE_FAILED
        message = f"{error}; what is done is kept: retry the job when the cause is gone"
    else:
        code = FileCode.INTERNAL
        message = f"{describe(error)}; this is a defect of csvpipe, please report it; what is done is kept"
    return FileFailure(code=code, message=message)
