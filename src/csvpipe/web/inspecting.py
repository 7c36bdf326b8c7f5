"""A look at a file that is not uploaded yet: what would be found in it, and what would become of its first rows."""

from __future__ import annotations

from contextlib import aclosing
from functools import partial
from typing import Final

from anyio import to_thread
from starlette.responses import Response

from csvpipe.errors import FileError
from csvpipe.inspecting import inspect_beginning
from csvpipe.limits import MIB
from csvpipe.web.body import Body
from csvpipe.web.door import Call
from csvpipe.web.filenames import shown
from csvpipe.web.parameters import ENCODING, FILE_SIZE, FILENAME, PIPELINE
from csvpipe.web.plain import answer
from csvpipe.web.problems import Kind, Refusal

#: As much as is tried of any file. It is held in memory.
_MOST_BYTES: Final = MIB


async def inspect(call: Call) -> Response:
    """Look at a file, or at its beginning, for a pipeline.

    Raises:
        Refusal: The file cannot be imported, or the request is at fault.
        EncodingUnknownError: There is no such encoding.
    """
    request, door = call.request, call.door
    name = door.pipeline(PIPELINE.text(request))
    [pipeline] = [each for each in door.pipelines() if each.name == name]
    size = FILE_SIZE.number(request)
    if size is not None and size > door.limits.file_bytes:  # better said now than when all of it has been sent
        raise Refusal(Kind.FILE_TOO_LARGE, f"a file may have {door.limits.file_bytes:,} bytes; split it")
    data = await _body(call)
    look = partial(
        inspect_beginning,
        data,
        size=len(data) if size is None else size,
        pipeline=pipeline,
        encoding=ENCODING.text(request),
        filename=shown(FILENAME.text(request) or "upload.csv"),
    )
    try:
        found = await to_thread.run_sync(look, limiter=door.looking())
    except FileError as error:
        raise Refusal(Kind.FILE_REFUSED, error.message, more={"code": error.code.value}) from error
    return answer(found.to_dict())


async def _body(call: Call) -> bytes:
    """All of it.

    Raises:
        Refusal: It is too large, or too little of it arrives, or nothing any more.
        ClientDisconnect: The client is gone.
    """
    found = bytearray()
    async with aclosing(call.request.stream()) as blocks:
        body = Body(blocks, call.door.limits)
        while (block := await body.block()) is not None:
            found += block
            if len(found) > _MOST_BYTES:
                raise Refusal(
                    Kind.BODY_TOO_LARGE,
                    f"send at most the first {_MOST_BYTES:,} bytes of the file, and how many it has as size=",
                )
    return bytes(found)
