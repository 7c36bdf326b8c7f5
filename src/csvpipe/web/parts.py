"""A form's parts, one after the other while they arrive.

Whoever wants a part's bytes pulls them, and only then the next block of the body is read: so no more than a block is
ever held, and a slow disk slows the client down.
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING, Final

import attrs
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from csvpipe.web.body import Body
from csvpipe.web.problems import Kind, Refusal

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks

    from csvpipe.web.limits import UploadLimits

#: The parser is given so much at once, whatever a server hands over.
_SLICE_BYTES: Final = 64 * 1024


@attrs.frozen(kw_only=True)
class Part:
    """The beginning of a part.

    Attributes:
        name: Of the form's field.
        filename: As the client says; None where it is no file.
    """

    name: str
    filename: str | None


class _End:
    """Of a part."""


_END: Final = _End()

_Event = Part | bytes | _End


class Parts:
    """The parts of a multipart body.

    Args:
        blocks: The body.
        content_type: The header, which has the boundary.
        limits: See `UploadLimits`.

    Raises:
        Refusal: It is no multipart form.
    """

    def __init__(self, blocks: AsyncIterator[bytes], content_type: str, limits: UploadLimits) -> None:
        media_type, options = parse_options_header(content_type)
        if media_type != b"multipart/form-data":
            raise Refusal(
                Kind.UNSUPPORTED_MEDIA_TYPE, "send the files as multipart/form-data: curl -F files=@people.csv"
            )
        self._body = Body(blocks, limits)
        self._limits = limits
        self._after_bytes = 0
        self._events: deque[_Event] = deque()
        self._field, self._value, self._headers = bytearray(), bytearray(), dict[bytes, bytes]()
        self._is_whole = False
        self._is_within = False
        self._files = self._fields = 0
        self._slices: Iterator[bytes] = iter(())
        try:
            self._parser = MultipartParser(
                options.get(b"boundary", b""),
                self._callbacks(),
                max_header_count=limits.headers,
                max_header_size=limits.header_bytes,
            )
        except FormParserError as error:
            raise _malformed(error) from error
        if len(self._parser.boundary) <= len(b"\r\n--"):
            raise Refusal(Kind.MALFORMED_BODY, "the header Content-Type has no boundary")

    # What is read -----------------------------------------------------------------------------------------------------

    async def next(self) -> Part | None:
        """The next part, when the rest of the one before is skipped; None at the end of the form.

        Raises:
            Refusal: The form is malformed, too large, has too many parts, or nothing more arrives.
            ClientDisconnect: The client is gone.
        """
        await self._skip()
        event = await self._event()
        assert event is None or isinstance(event, Part), "parts do not overlap"  # noqa: S101
        self._is_within = event is not None
        return event

    async def _skip(self) -> None:
        """The rest of a part: a little is cheaper to read than to have all sent again, without end it is not."""
        skipped = 0
        while (piece := await self.piece()) is not None:
            skipped += len(piece)
            self._check_skipped(skipped, "of a part that is refused")

    def _check_skipped(self, skipped_bytes: int, where: str) -> None:
        if skipped_bytes > self._limits.skipped_bytes:
            most = f"{self._limits.skipped_bytes:,}"
            raise Refusal(Kind.BODY_TOO_LARGE, f"more than {most} bytes follow {where}", is_last=True)

    async def piece(self) -> bytes | None:
        """The next bytes of the part that began last; None at its end.

        Raises:
            Refusal: As for `next`.
            ClientDisconnect: The client is gone.
        """
        if not self._is_within:
            return None
        event = await self._event()
        if isinstance(event, bytes):
            return event
        assert isinstance(event, _End), "a form does not end within a part"  # noqa: S101
        self._is_within = False
        return None

    async def value(self) -> str:
        """All of a field.

        Raises:
            Refusal: As for `next`; or it is too large or no text.
            ClientDisconnect: The client is gone.
        """
        pieces = bytearray()
        while (piece := await self.piece()) is not None:
            pieces += piece
            if len(pieces) > self._limits.field_bytes:
                most = f"{self._limits.field_bytes:,}"
                raise Refusal(Kind.BODY_TOO_LARGE, f"a field of the form has more than {most} bytes", is_last=True)
        try:
            return pieces.decode()
        except UnicodeDecodeError:
            raise Refusal(Kind.PARAMETER_INVALID, "a field of the form is no UTF-8", is_last=True) from None

    async def _event(self) -> _Event | None:
        while not self._events:
            if (data := next(self._slices, None)) is not None:
                self._parse(data)
            elif (block := await self._block()) is not None:
                self._slices = _sliced(block)  # also of what follows the form, which the parser leaves out
            elif self._is_whole:
                return None
            else:
                raise Refusal(Kind.MALFORMED_BODY, "the body ends in the middle of the form", is_last=True)
        return self._events.popleft()

    async def _block(self) -> bytes | None:
        block = await self._body.block()
        if self._is_whole:
            self._after_bytes += len(block or b"")
            self._check_skipped(self._after_bytes, "the end of the form")
        if self._body.read_bytes > self._limits.most_bytes:
            raise too_large(self._limits)
        return block

    def _parse(self, data: bytes) -> None:
        try:
            self._parser.write(data)
        except FormParserError as error:
            raise _malformed(error) from error

    # What the parser finds --------------------------------------------------------------------------------------------

    def _callbacks(self) -> MultipartCallbacks:
        def field(data: bytes, start: int, end: int) -> None:
            self._field += data[start:end]

        def value(data: bytes, start: int, end: int) -> None:
            self._value += data[start:end]

        def header() -> None:
            self._headers[bytes(self._field).lower()] = bytes(self._value)
            self._field.clear()
            self._value.clear()

        def piece(data: bytes, start: int, end: int) -> None:
            self._events.append(data[start:end])

        return {
            "on_part_begin": self._headers.clear,
            "on_header_field": field,
            "on_header_value": value,
            "on_header_end": header,
            "on_headers_finished": lambda: self._events.append(self._begun()),
            "on_part_data": piece,
            "on_part_end": lambda: self._events.append(_END),
            "on_end": self._end,
        }

    def _begun(self) -> Part:
        kind, options = parse_options_header(self._headers.get(b"content-disposition"))
        if kind != b"form-data" or b"name" not in options:
            raise Refusal(Kind.MALFORMED_BODY, "a part of the form has no name", is_last=True)
        filename = options.get(b"filename")
        self._files += filename is not None
        self._fields += filename is None
        if self._files > self._limits.files or self._fields > self._limits.fields:
            most = f"{self._limits.files} files and {self._limits.fields} fields"
            raise Refusal(Kind.TOO_MANY_PARTS, f"one upload may have {most}; make several of it", is_last=True)
        return Part(name=_text(options[b"name"]), filename=None if filename is None else _text(filename))

    def _end(self) -> None:
        self._is_whole = True


def too_large(limits: UploadLimits) -> Refusal:
    """The whole body is."""
    return Refusal(
        Kind.BODY_TOO_LARGE,
        f"one upload may have {limits.most_bytes:,} bytes; make several of it",
        is_last=True,
    )


def _sliced(block: bytes) -> Iterator[bytes]:
    return (block[start : start + _SLICE_BYTES] for start in range(0, len(block), _SLICE_BYTES))


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", errors="replace")


def _malformed(error: FormParserError) -> Refusal:
    return Refusal(Kind.MALFORMED_BODY, f"the body is no multipart form: {error}", is_last=True)
