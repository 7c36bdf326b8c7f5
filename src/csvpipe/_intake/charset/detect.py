"""What encoding a file has: stated, marked, seen, or the most likely one.

In this order: what the caller states; a byte order mark; UTF-16 and UTF-32 without one, by where their NULs are; UTF-8,
which hardly any other text is by chance; and then the encodings that came before Unicode, for which see `legacy`.
"""

from __future__ import annotations

import codecs
import re
import unicodedata
from collections.abc import Iterable
from functools import partial
from typing import BinaryIO, Final

import attrs

from csvpipe._intake.binaries import check_controls, check_nuls, has_many_nuls
from csvpipe._intake.charset.encoding import UTF8, Encoding, choose_encoding, marked_encoding, resolve_encoding
from csvpipe.errors import FileCode, FileError

#: How much is looked at for NULs; a multiple of four, so that no character is cut.
_WIDE_BYTES: Final = 64 * 1024

#: The lowest share of NULs in the UTF-16 of a table: its delimiters, digits and line ends.
_NUL_SHARE: Final = 0.05

#: The highest share of them among the other bytes: of characters that end with one, such as many an emoji.
_STRAY_SHARE: Final = 0.1

#: Of a text in UTF-8 so few characters are damaged that it is not another encoding.
_DAMAGED_SHARE: Final = 0.3

#: How sure what is not beyond doubt is.
_NUL_CONFIDENCE: Final = 0.95
_ESCAPE_CONFIDENCE: Final = 0.9
_DAMAGED_CONFIDENCE: Final = 0.8

_ESCAPE: Final = re.compile(rb"\x1b\$[@B]")

#: How much of the text is looked at closely, and of one line of it.
_TELLING_BYTES: Final = 32 * 1024
_LINE_BYTES: Final = 8 * 1024

#: Bytes that may be part of a character of several.
_IN_WORDS: Final = bytes((*range(0x30, 0x3A), *range(0x40, 0x100)))

_READ_BYTES: Final = 1024 * 1024

_UTF8: Final = Encoding(name=UTF8, is_direct=True)


@attrs.frozen(kw_only=True)
class EncodingFound:
    """What was settled about a file's characters.

    Attributes:
        encoding: Of the bytes as they arrived, unpacked.
        evidence: Why, in a short phrase for people.
        confidence: From 0.0 to 1.0; 1.0 for what is stated or beyond doubt.
    """

    encoding: Encoding
    evidence: str
    confidence: float


def detect_encoding(
    sample: bytes, *, stated: str | None, place: str, is_whole: bool, file: BinaryIO | None = None
) -> EncodingFound:
    """Settle a file's encoding.

    Args:
        sample: Begins with the file's first bytes; from 64 KiB on it may be lines from anywhere.
        stated: By the caller.
        place: Names the file in messages.
        is_whole: Whether the sample is all of it; otherwise its last character may be cut.
        file: What the sample is from, where that is not the file's start; read only to say where it is not UTF-8.

    Raises:
        EncodingUnknownError: There is no such encoding as is stated.
        FileError: `encoding`, where the mark contradicts what is stated, or is needed and missing, or where the
            encoding cannot be told without the extra `detect`; `binary`.
    """
    if stated is not None:
        return EncodingFound(encoding=choose_encoding(sample, stated, place), evidence="stated", confidence=1.0)
    if marked := marked_encoding(sample):
        return _found(marked, "byte order mark")
    head = sample[:_WIDE_BYTES]
    if wide := _wide_encoding(head):
        return _found(wide, "NUL bytes where this encoding has them", _NUL_CONFIDENCE)
    check_nuls(head, place)
    if sample.isascii():
        return _found_ascii(sample)
    if _decodes(sample, is_whole=is_whole):
        return _found(UTF8, f"every byte of the {'file' if is_whole else 'sample'} is UTF-8")
    telling = _telling_lines(sample if is_whole else sample[: sample.rfind(b"\n") + 1] or sample)
    check_controls(telling, place)
    return _found_damaged(telling) or _found_legacy(telling, sample if file is None else file, place)


def _found(name: str, evidence: str, confidence: float = 1.0) -> EncodingFound:
    encoding = _UTF8 if name == UTF8 else resolve_encoding(name)
    return EncodingFound(encoding=encoding, evidence=evidence, confidence=confidence)


def _found_ascii(sample: bytes) -> EncodingFound:
    """Nothing but ASCII, unless it switches to Japanese by escape sequences."""
    if _ESCAPE.search(sample):
        return _found("iso2022_jp", "escape sequences that switch to Japanese", _ESCAPE_CONFIDENCE)
    return _found(UTF8, "ASCII only")


def _decodes(sample: bytes, *, is_whole: bool) -> bool:
    try:
        codecs.utf_8_decode(sample, "strict", is_whole)
    except UnicodeDecodeError:
        return False
    return True


def _telling_lines(sample: bytes) -> bytes:
    """Lines that are not ASCII only, from all over the sample, and no more of them than are soon looked at."""
    lines = [_shortened(line) for line in sample.splitlines(keepends=True) if not line.isascii()]
    size = sum(map(len, lines))
    return b"".join(lines[:: 1 + size // _TELLING_BYTES])


def _shortened(line: bytes) -> bytes:
    """A line or its first words; none of them is torn."""
    return line if len(line) <= _LINE_BYTES else line[:_LINE_BYTES].rstrip(_IN_WORDS) or line[:_LINE_BYTES]


def _found_damaged(telling: bytes) -> EncodingFound | None:
    """UTF-8, if a few of its characters were damaged."""
    text = telling.decode(UTF8, "replace")
    bad = text.count("\ufffd") - telling.count("\ufffd".encode())
    if bad > sum(1 for character in text if character > "\x7f") * _DAMAGED_SHARE:
        return None
    return _found(UTF8, "most characters beyond ASCII are UTF-8, some are damaged", _DAMAGED_CONFIDENCE)


def _found_legacy(telling: bytes, whole: bytes | BinaryIO, place: str) -> EncodingFound:
    """What it most likely is, where it is not UTF-8."""
    from csvpipe._intake.charset import legacy  # noqa: PLC0415  # its tables take time, and few files need them

    guessed = legacy.guess(telling)
    if guessed is None:
        raise _undetected(whole, place)
    return _found(guessed.encoding, guessed.evidence, guessed.confidence)


# UTF-16 and UTF-32 without a mark -------------------------------------------------------------------------------------


def _wide_encoding(head: bytes) -> str | None:
    """The encoding whose NULs, and whose characters, the start of a file has."""
    nuls = head.count(0)
    if nuls < len(head) * _NUL_SHARE or nuls < 2:  # noqa: PLR2004  # one NUL is no pattern
        return None
    at = [head[start::4].count(0) for start in range(4)]
    if nuls >= len(head) / 2:
        for name, expected in (("utf-32-le", at[2] + at[3]), ("utf-32-be", at[0] + at[1])):
            if expected >= 0.9 * len(head) / 2 and _is_text(head, name):
                return name
    if not has_many_nuls(head) and nuls < len(head) * 0.4:
        return None
    stray = nuls * _STRAY_SHARE
    for name, others in (("utf-16-le", at[0] + at[2]), ("utf-16-be", at[1] + at[3])):
        if others <= stray and _is_text(head, name):
            return name
    return None


def _is_text(head: bytes, name: str) -> bool:
    """Whether the bytes are a table in this encoding: with lines or delimiters, and without odd characters."""
    text = codecs.getincrementaldecoder(name)("replace").decode(head)
    return not any(map(_is_strange, set(text))) and any(mark in text for mark in "\n\r,;\t|")


def _is_strange(character: str) -> bool:
    if character in "\t\n\v\f\r\x1a":
        return False
    return character == "\ufffd" or unicodedata.category(character) in {"Cc", "Cn", "Co", "Cs"}


# Not UTF-8, and no more is known --------------------------------------------------------------------------------------


def _undetected(whole: bytes | BinaryIO, place: str) -> FileError:
    """Say where the first byte is that is not UTF-8, and both ways out."""
    if isinstance(whole, bytes):
        blocks = iter((whole,))
    else:
        whole.seek(0)
        blocks = iter(partial(whole.read, _READ_BYTES), b"")
    line, byte, offset = _first_not_utf8(blocks)
    return FileError(
        FileCode.ENCODING,
        f"{place}: line {line:,}: byte 0x{byte:02X} at offset {offset:,} is not UTF-8; say what the encoding is, for "
        "instance encoding='cp1252' for files from Excel on Windows, or have it detected: "
        "pip install 'csvpipe[detect]'",
    )


def _first_not_utf8(blocks: Iterable[bytes]) -> tuple[int, int, int]:
    """Line, byte and offset of what is not UTF-8 in a file that is not; the last character may be what is torn."""
    line, offset, rest = 1, 0, b""
    for block in blocks:
        data = rest + block
        try:
            _, done = codecs.utf_8_decode(data, "strict", False)  # noqa: FBT003  # not the end; takes no keywords
        except UnicodeDecodeError as error:
            return line + _line_ends(data[: error.start]), data[error.start], offset + error.start
        done -= data.endswith(b"\r", 0, done)  # its line feed may follow
        line, offset, rest = line + _line_ends(data[:done]), offset + done, data[done:]
    stripped = rest.removeprefix(b"\r")
    return line + _line_ends(rest[:1]), (stripped or rest)[0], offset + len(rest) - len(stripped)


def _line_ends(data: bytes) -> int:
    return data.count(b"\n") + data.count(b"\r") - data.count(b"\r\n")
