"""Which bytes are which characters, and whether workers can read them as they lie.

Workers cut files at bytes, so the local file is UTF-8 or a single-byte superset of ASCII. Anything else, such as UTF-16
or Shift JIS (whose trail bytes may be ASCII), is transcoded to UTF-8 in the spool.

What the caller states wins over a byte order mark. Two things are settled against the letter of it, since the caller
cannot have meant them: a UTF-8 mark never becomes part of the first column's name, whatever encoding is stated (its
bytes are left out, also where it stands there twice), and a mark of UTF-16 or UTF-32 under the name of another encoding
is refused, as every cell would be garbage.
"""

from __future__ import annotations

import codecs
import sys
from typing import Final

import attrs

from csvpipe.errors import EncodingUnknownError, FileCode, FileError

UTF8: Final = "utf-8"

#: Longest first: the mark of UTF-32-LE starts with that of UTF-16-LE.
_BYTE_ORDER_MARKS: Final = (
    (codecs.BOM_UTF8, UTF8),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)

#: So many bytes are enough for `choose_encoding`.
MARK_BYTES: Final = 4

#: The marks that a stated encoding agrees with.
_OWN_MARKS: Final = {
    "utf-16": (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE),
    "utf-16-le": (codecs.BOM_UTF16_LE,),
    "utf-16-be": (codecs.BOM_UTF16_BE,),
    "utf-32": (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE),
    "utf-32-le": (codecs.BOM_UTF32_LE,),
    "utf-32-be": (codecs.BOM_UTF32_BE,),
}

#: These say nothing about the order of bytes, so a mark has to.
_NEED_A_MARK: Final = ("utf-16", "utf-32")

#: Codecs in C, which have no table to look at.
_SINGLE_BYTE: Final = ("ascii", "iso8859-1")

_ERRORS: Final = "csvpipe.undecodable"


def _mark_undecodable(error: UnicodeError) -> tuple[str | bytes, int]:
    if isinstance(error, UnicodeDecodeError):
        return "\udcff", error.end
    if isinstance(error, UnicodeEncodeError):
        return b"\xff" * (error.end - error.start), error.end
    raise error


# A byte that no text has, 0xFF, stands in UTF-8 for what could not be decoded: so it costs its row, not the file. A
# lone surrogate goes the same way: it is what the first half of this handler leaves, or what UTF-7 lets through.
codecs.register_error(_ERRORS, _mark_undecodable)


@attrs.frozen(kw_only=True)
class Encoding:
    """A codec of this Python.

    Attributes:
        name: Python's own spelling.
        is_direct: Whether workers can read the file as it lies.
    """

    name: str
    is_direct: bool


def resolve_encoding(name: str) -> Encoding:
    """Look up a stated encoding.

    Raises:
        EncodingUnknownError: This Python has no such text encoding, or one that cannot go on after a bad byte
            (`idna`, `punycode`: they are for host names).
    """
    try:
        codec = codecs.lookup(name)
        b"\xff".decode(codec.name, "replace")  # refuses transformations of bytes; to decode nothing would not
        codecs.getincrementaldecoder(codec.name)(errors=_ERRORS).decode(b"\xff", final=True)
    except (LookupError, ValueError, TypeError):
        raise EncodingUnknownError(str(name)) from None
    plain = UTF8 if codec.name in (UTF8, "utf-8-sig") else codec.name
    return Encoding(name=plain, is_direct=plain == UTF8 or _is_ascii_superset(codec))


def _is_ascii_superset(codec: codecs.CodecInfo) -> bool:
    """Whether every byte is one character, whatever stands before it, and the first 128 are ASCII.

    Trying bytes out would not tell: the likes of ISO-2022-JP and HZ look like ASCII until an escape sequence comes. So
    it goes by the table that single-byte codecs are made of; a codec without one is transcoded, which is always right.
    """
    if codec.name in _SINGLE_BYTE:
        return True
    module = sys.modules.get(getattr(codec.incrementaldecoder, "__module__", ""))
    table = getattr(module, "decoding_table", "")
    return len(table) == 256 and table[:128] == bytes(range(128)).decode("ascii")  # noqa: PLR2004  # the bytes there are


def marked_encoding(head: bytes) -> str | None:
    """The encoding that a byte order mark at the start of the file states, or None."""
    for mark, name in _BYTE_ORDER_MARKS:
        if head.startswith(mark):
            return name
    return None


def choose_encoding(head: bytes, stated: str | None, place: str) -> Encoding:
    """Settle a file's encoding from what is stated and its byte order mark; UTF-8 where neither says anything.

    Args:
        head: The start of the bytes as they arrive: `MARK_BYTES` of them, or all.
        stated: By the caller.
        place: Names the file in messages.

    Raises:
        EncodingUnknownError: There is no such encoding.
        FileError: `encoding`, where the mark contradicts what is stated, or is needed and missing.
    """
    marked = marked_encoding(head)
    if stated is None:
        return resolve_encoding(marked or UTF8)
    encoding = resolve_encoding(stated)
    if head.startswith(_OWN_MARKS.get(encoding.name, ())):
        return encoding
    if marked not in (None, UTF8):
        raise FileError(
            FileCode.ENCODING,
            f"{place}: starts with the byte order mark of {marked}, but encoding={stated!r} is stated; "
            f"leave it out, or say encoding={marked!r}",
        )
    if encoding.name in _NEED_A_MARK and head:
        raise FileError(
            FileCode.ENCODING,
            f"{place}: has no byte order mark, so {encoding.name} may be either of two; "
            f"say encoding='{encoding.name}-le' (usual on Windows) or encoding='{encoding.name}-be'",
        )
    return encoding


def mark_length(head: bytes, encoding: str) -> int:
    """Bytes of the UTF-8 marks at the start of a file whose encoding is neither UTF-16 nor UTF-32.

    More than one of them is what is left of programs that write theirs before a text that has one.
    """
    length = 0
    while encoding not in _OWN_MARKS and head.startswith(codecs.BOM_UTF8, length):
        length += len(codecs.BOM_UTF8)
    return length


class Transcoder:
    """Bytes of any encoding in, UTF-8 out, block by block; what does not decode becomes the byte 0xFF.

    Args:
        encoding: Python's name of it.
        skip_bytes: Left out at the start: a mark that is none of this encoding.
    """

    def __init__(self, encoding: str, *, skip_bytes: int = 0) -> None:
        self._decoder = codecs.getincrementaldecoder(encoding)(errors=_ERRORS)
        self._skip = skip_bytes
        self._is_first = True

    def feed(self, block: bytes, *, final: bool = False) -> bytes:
        """The UTF-8 text of `block`, without byte order marks; `final` flushes what is left."""
        if self._skip:
            block, self._skip = block[self._skip :], max(0, self._skip - len(block))
        text = self._decoder.decode(block, final)
        if self._is_first and text:
            text = text.lstrip("\ufeff")
            self._is_first = not text
        return text.encode(UTF8, _ERRORS)
