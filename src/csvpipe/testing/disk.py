"""A disk that fills up."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager

from csvpipe._intake.arrival.spool import SpoolWriter, disk_errors


@contextmanager
def full_disk(*, after_bytes: int = 0) -> Iterator[None]:
    r"""While the block lasts, each upload to a spool of this process runs out of space after so many bytes.

    Its job is `failed` with `disk_full`. One test at a time: all pools of the process are concerned.

    Args:
        after_bytes: How much of each upload fits, as it is written: unpacked and transcoded.

    Example:
        >>> import csvpipe
        >>> from csvpipe.testing import full_disk
        >>> @csvpipe.pipeline
        ... def save(row: csvpipe.Row) -> None: ...
        >>> with full_disk(after_bytes=3):
        ...     [record] = csvpipe.run(save, b"id,name\n1,Ana\n")
        >>> record.error_code
        'disk_full'
    """
    write = SpoolWriter._write  # noqa: SLF001  # the one place where uploads are written

    def failing(self: SpoolWriter, block: bytes) -> None:
        if self._size + len(block) > after_bytes:
            with disk_errors(self._place, self._target.parent):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        write(self, block)

    SpoolWriter._write = failing  # type: ignore[method-assign]  # noqa: SLF001
    try:
        yield
    finally:
        SpoolWriter._write = write  # type: ignore[method-assign]  # noqa: SLF001
