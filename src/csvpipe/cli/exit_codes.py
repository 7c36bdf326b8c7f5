"""How the command ends, in the one number that a shell script sees."""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum

from csvpipe.jobs import JobRecord, JobStatus


class ExitCode(IntEnum):
    """A promise to scripts; `csvpipe run --help` lists them."""

    OK = 0
    REJECTED = 1
    USAGE = 2
    FAILED = 3
    UNHEARD = 4
    INTERRUPTED = 130  # 128 + SIGINT, as shells have it


def exit_code_of(records: Iterable[JobRecord]) -> ExitCode:
    """The worst that happened to any of the files."""
    code = ExitCode.OK
    for record in records:
        if record.status is not JobStatus.COMPLETED:
            return ExitCode.FAILED
        if record.failed_rows:
            code = ExitCode.REJECTED
    return code
