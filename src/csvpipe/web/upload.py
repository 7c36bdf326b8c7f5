"""Files in: each is on its way to disk while it arrives, and a job when its last byte is there."""

from __future__ import annotations

from contextlib import aclosing
from typing import Final, Self

import anyio
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from csvpipe._intake.source import BoundedStream
from csvpipe.errors import CsvPipeError
from csvpipe.web.answers import Upload, UploadedFile
from csvpipe.web.door import Call
from csvpipe.web.filenames import shown
from csvpipe.web.limits import UploadLimits
from csvpipe.web.parameters import FORM, IDEMPOTENCY_KEY, flag
from csvpipe.web.parts import Parts, too_large
from csvpipe.web.plain import answer, plain
from csvpipe.web.problems import Kind, Refusal, refusal_of

#: Names of fields that hold files; the first is the documented one, the others are what people type.
_FILES: Final = ("files", "file", "files[]")


async def upload(call: Call) -> Response:
    """Take all files of a form.

    Raises:
        Refusal: The form itself is at fault. What was taken before that is told as well.
    """
    request, limits = call.request, call.door.limits
    if request.headers.get("content-encoding", "identity").strip().lower() not in ("", "identity"):
        raise Refusal(Kind.UNSUPPORTED_MEDIA_TYPE, "send the form as it is; what may be compressed are the files in it")
    length = request.headers.get("content-length", "0")
    if length.isascii() and length.isdigit() and int(length) > limits.most_bytes:
        raise too_large(limits)
    taking = _Taking(call)
    await taking.check()
    try:
        async with aclosing(request.stream()) as blocks:
            await taking.take_all(Parts(blocks, request.headers.get("content-type", ""), limits))
    except Refusal as refusal:
        refusal.more["files"] = plain(taking.files)
        raise
    if not taking.files:
        raise Refusal(Kind.FILES_MISSING, "send at least one file in a field named files: curl -F files=@people.csv")
    return answer(Upload(files=tuple(taking.files), ignored=tuple(taking.ignored)), 202)


class _Taking:
    """One upload."""

    def __init__(self, call: Call) -> None:
        self._door = call.door
        self._owner = call.owner
        self._key = _key_of(call.request)
        self._stated = {each.name: text for each in FORM if (text := each.text(call.request)) is not None}
        self._fields: dict[str, str] = {}
        self._unused: list[str] = []
        self.files: list[UploadedFile] = []
        self.ignored: list[str] = []

    async def check(self) -> None:
        """Refuse what is said of all files, before any of them is sent.

        Raises:
            Refusal: There is no such pipeline or parent.
        """
        if "pipeline" in self._stated:
            self._door.pipeline(self._stated["pipeline"])
        if "parent" in self._stated:
            await self._door.owned(self._stated["parent"], self._owner)
        flag("dry_run", self._stated.get("dry_run"))

    async def take_all(self, parts: Parts) -> None:
        while (part := await parts.next()) is not None:
            if part.filename is None and part.name in {each.name for each in FORM}:
                self._fields[part.name] = (await parts.value()).strip()
                self._unused.append(part.name)
            elif part.name in _FILES:  # also without a name, or with one as of RFC 5987, which forms must not have
                self._unused.clear()
                await self._take(part.filename or "", parts)
            else:
                self.ignored.append(part.name[:100])
        if self.files:
            self.ignored += self._unused

    async def _take(self, filename: str, parts: Parts) -> None:
        """One file; what is wrong with it is its own affair."""
        first = await parts.piece()
        if first is None and not filename:
            return  # a browser's field in which no file was chosen
        ordinal, name = len(self.files), shown(filename)
        try:
            file = _Arriving(parts, first, self._door.limits)
            entry = await self._submit(file, name, ordinal)
        except CsvPipeError as error:
            entry = UploadedFile(filename=name, problem=refusal_of(error).problem)
        except Refusal as refusal:
            if refusal.is_last:
                raise
            entry = UploadedFile(filename=name, problem=refusal.problem)
        self.files.append(entry)

    async def _submit(self, file: _Arriving, name: str, ordinal: int) -> UploadedFile:
        said = {key: text for key, text in {**self._fields, **self._stated}.items() if text}
        pipeline = self._door.pipeline(said.get("pipeline"))
        parent = said.get("parent")
        if parent is not None:
            await self._door.owned(parent, self._owner)  # another's is not there, whatever else is wrong
        with file.scope:
            job = await self._door.pool.submit(
                pipeline,
                file,
                filename=name,
                owner=self._owner,
                idempotency_key=None if self._key is None else f"{self._key}:{ordinal}",
                encoding=said.get("encoding"),
                parent=parent,
                dry_run=flag("dry_run", said.get("dry_run")),
            )
            return UploadedFile(filename=name, job=await job.record())
        raise file.cause


class _Arriving(BoundedStream):
    """A file as the pool reads it.

    What is wrong with the upload is no fault of the file's, of which the pool would make a failed job: so the
    submission is cancelled, which leaves nothing behind, and the cause is kept.
    """

    def __init__(self, parts: Parts, first: bytes | None, limits: UploadLimits) -> None:
        self.scope = anyio.CancelScope()
        self.cause: Exception = Refusal(Kind.INTERNAL, "the upload was given up")
        self._parts = parts
        self._first = first
        self._most_bytes = limits.file_bytes
        self.file_bytes = limits.most_unpacked_bytes
        self._bytes = 0

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        piece, self._first = self._first, None
        try:
            if piece is None:
                piece = await self._parts.piece()
        except (Refusal, ClientDisconnect) as error:
            await self._give_up(error)
        if piece is None:
            raise StopAsyncIteration
        self._bytes += len(piece)
        if self._bytes > self._most_bytes:
            await self._give_up(Refusal(Kind.FILE_TOO_LARGE, f"a file may have {self._most_bytes:,} bytes; split it"))
        return piece

    async def _give_up(self, cause: Exception) -> None:
        self.cause = cause
        self.scope.cancel()
        await anyio.sleep_forever()


def _key_of(request: Request) -> str | None:
    """The idempotency key.

    Raises:
        Refusal: It is too long or not made of plain characters.
    """
    key = IDEMPOTENCY_KEY.text(request)
    if key is not None and (
        len(key) > IDEMPOTENCY_KEY.schema["maxLength"] or not (key.isascii() and key.isprintable())
    ):
        raise Refusal(Kind.PARAMETER_INVALID, "Idempotency-Key must be at most 200 printable characters of ASCII")
    return key
