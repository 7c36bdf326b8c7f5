"""The rejects file, through a temporary file: it is neither held in memory nor given out half."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator
from typing import BinaryIO, Final, cast

from anyio import to_thread
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from csvpipe.web.door import Call
from csvpipe.web.filenames import attachment, rejects_name
from csvpipe.web.parameters import OPEN_ONLY, flag

_BLOCK_BYTES: Final = 256 * 1024


async def rejects(call: Call) -> Response:
    """Write the rejected rows of a job.

    Raises:
        Refusal: The owner has no such job.
        SourceGoneError: The job's file is gone.
    """
    job, record = await call.job()
    is_open_only = flag(OPEN_ONLY.name, OPEN_ONLY.text(call.request) or "true")
    inspection = await job.inspection()
    charset = "utf-8" if inspection is None else inspection.encoding
    file = cast("BinaryIO", await to_thread.run_sync(tempfile.TemporaryFile))
    try:
        await job.write_rejects(file, open_only=is_open_only)
        size = await to_thread.run_sync(_rewound, file)
    except BaseException:
        file.close()
        raise
    headers = {
        "Content-Disposition": attachment(rejects_name(record.filename)),
        "Content-Length": str(size),
        "Content-Type": f"text/csv; charset={charset.removesuffix('-sig')}",
    }
    return _Download(file, headers)


class _Download(StreamingResponse):
    """A file that is closed whatever becomes of the answer."""

    def __init__(self, file: BinaryIO, headers: dict[str, str]) -> None:
        super().__init__(_blocks(file), headers=headers)
        self._file = file

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._file.close()


def _rewound(file: BinaryIO) -> int:
    size = file.seek(0, 2)
    file.seek(0)
    return size


async def _blocks(file: BinaryIO) -> AsyncIterator[bytes]:
    while block := await to_thread.run_sync(file.read, _BLOCK_BYTES):
        yield block
