"""How much a text looks like one that people write, if its bytes are read in this or that encoding.

Read in the wrong encoding, letters become signs inside words, capitals behind small letters, Greek among Latin. That
can be seen without knowing any language, and from a handful of bytes, of which a statistical model can say little.
"""

from __future__ import annotations

import re
import unicodedata
from enum import IntEnum
from functools import cache
from typing import Final

#: Of several bytes a character, trail bytes among them that are ASCII.
MULTI_BYTE: Final = ("cp932", "euc_jp", "big5", "gb18030", "cp949")

#: For each sequence of bytes that is no character. A few are damage.
_IMPOSSIBLE: Final = 9.0


class _Kind(IntEnum):
    """What a byte beyond ASCII stands for, as another byte: so that patterns can be matched against bytes."""

    SMALL = 0x80
    CAPITAL = 0x81
    FOREIGN_SMALL = 0x82
    FOREIGN_CAPITAL = 0x83
    CASELESS = 0x84
    SIGN = 0x85
    OPENING = 0x86
    CLOSING = 0x87
    APOSTROPHE = 0x88
    DASH = 0x89
    NONE = 0x8A
    SPACE = 0x8B
    ORDINAL = 0x8C


_ALONE: Final = {
    **dict.fromkeys("ªº", _Kind.ORDINAL),
    **dict.fromkeys("¿¡„\u201a", _Kind.OPENING),
    **dict.fromkeys("…‰™®", _Kind.CLOSING),
    **dict.fromkeys("\u2013—·", _Kind.DASH),
    "\u2019": _Kind.APOSTROPHE,
    "¤": _Kind.NONE,  # nobody writes it: it stands where another encoding has the euro sign
}

_CATEGORIES: Final = {
    **dict.fromkeys(("Cn", "Co", "Cc", "Cs"), _Kind.NONE),
    **dict.fromkeys(("Cf", "Zs"), _Kind.SPACE),
    **dict.fromkeys(("Ps", "Pi"), _Kind.OPENING),
    **dict.fromkeys(("Pe", "Pf"), _Kind.CLOSING),
    "Lu": _Kind.FOREIGN_CAPITAL,
    "Ll": _Kind.FOREIGN_SMALL,
}

_ASCII: Final = bytes(range(128))

#: Letters of Serbian, Macedonian and Ukrainian in cp1251, of which there are few; all capitals in mac-cyrillic, whose
#: small letters are the same.
_MAC_CAPITALS: Final = b"\x80\x81\x83\x8a\x8c\x8d\x8e\x8f\x90\x9a\x9c\x9d\x9e\x9f"

_BOXES: Final = range(0x2500, 0x25A0)

_CASELESS_SCRIPTS: Final = ("HEBREW", "ARABIC", "THAI")


def _kind(character: str) -> _Kind:
    category, name = unicodedata.category(character), unicodedata.name(character, "")
    if character in _ALONE:
        return _ALONE[character]
    if ord(character) in _BOXES:
        return _Kind.NONE
    if category[0] in "LM" and name.startswith("LATIN"):
        return _Kind.CAPITAL if category == "Lu" else _Kind.SMALL
    if category[0] in "LM" and name.startswith(_CASELESS_SCRIPTS):
        return _Kind.CASELESS
    return _CATEGORIES.get(category, _Kind.SIGN)


@cache
def _kinds(encoding: str) -> bytes:
    """A table for `bytes.translate`: ASCII stays, other bytes become their kind."""
    characters = (bytes([byte]).decode(encoding, "replace") for byte in range(128, 256))
    beyond = (_Kind.NONE if character == "\ufffd" else _kind(character) for character in characters)
    return bytes(range(128)) + bytes(beyond)


def _rule(weight: float, pattern: str) -> tuple[float, re.Pattern[bytes]]:
    """A weight, and a pattern in which `L` is any letter and `D` any digit, within a character class."""
    return weight, re.compile(pattern.replace("L", r"A-Za-z\x80-\x84").replace("D", "0-9").encode("latin-1"))


#: What speaks against an encoding each time it is found; below zero, for it.
_RULES: Final = (
    _rule(2.0, r"\x8a"),
    _rule(1.0, r"[a-z\x80](?=\x81)|\x80(?=[A-Z])|\x82(?=\x83)"),  # a capital behind a small letter
    _rule(0.5, r"[A-Z\x81]\x80(?=[A-Z\x81])"),  # a small letter among capitals
    _rule(
        1.0,  # two scripts in one word
        r"[A-Za-z\x80\x81](?=[\x82-\x84])|[\x82-\x84](?=[A-Za-z\x80\x81])|\x84(?=[\x82\x83])|[\x82\x83](?=\x84)",
    ),
    _rule(1.0, r"(?<=[L])\x85+(?=[L])"),  # a sign within a word, at its edge, by itself
    _rule(0.5, r"(?<=[L])\x85+(?![L])|(?<![LD])\x85+(?=[L])"),
    _rule(0.3, r"(?<![LD])\x85+(?![LD ])"),
    _rule(0.7, r"(?<=[L])\x86|\x87(?=[L])"),  # a quotation mark that faces the wrong way
    _rule(-0.3, r"(?<![LD])\x86(?=[L])|(?<=[L])\x87(?![LD])|(?<=[L])\x88(?=[st]\b|ll|re|ve)"),  # and as it should
    _rule(0.4, r"(?<=[L]{2})\x88(?![sStdm]\b|ll|re|ve)(?=[L])"),
    _rule(0.4, r"(?<=[L])\x89(?=[L])"),
    _rule(0.5, r"(?<=[L])\x8b(?=[L])"),
    _rule(0.7, r"(?<=[L])\x8c(?=[L])|(?<![LD])\x8c"),
    _rule(0.6, r"(?<=[D])[\x80-\x84](?![L])|(?<![L])[\x80-\x84](?=[D])"),  # where a unit or a currency stands
    _rule(0.3, r"(?<![LD])[\x80-\x84](?![LD])"),  # a letter by itself
)


def oddity(words: bytes, encoding: str) -> float:
    """How odd the words would be in this encoding, for each character of theirs beyond ASCII; 0.0 is not at all.

    Args:
        words: With at least one byte beyond ASCII each.
        encoding: One of `MULTI_BYTE`, or a single-byte superset of ASCII.
    """
    if encoding in MULTI_BYTE:
        return _wide_oddity(words, encoding)
    seen = words.translate(_kinds(encoding))
    odd = sum(weight * sum(1 for _ in pattern.finditer(seen)) for weight, pattern in _RULES)
    if encoding == "cp1251":
        odd += 0.5 * (len(words) - len(words.translate(None, _MAC_CAPITALS)))
    return odd / max(1, len(words.translate(None, _ASCII)))


def letters(words: bytes, encoding: str) -> tuple[int, int]:
    """How many of the characters beyond ASCII are letters, and how many there are."""
    beyond = [character for character in words.decode(encoding, "replace") if not character.isascii()]
    return sum(character.isalpha() for character in beyond), len(beyond)


# More than one byte a character ---------------------------------------------------------------------------------------

_WIDE: Final = re.compile(r"[^\x00-\x7f]")
_KANA: Final = re.compile(r"[\u3041-\u30ff]")
_HALF_KANA: Final = re.compile(r"[\uff61-\uff9f]")
_HAN: Final = re.compile(r"[\u4e00-\u9fff]")
_STRANGE: Final = re.compile(r"[^\x00-\x7f\u3000-\u30ff\u4e00-\u9fff\uac00-\ud7a3\uff00-\uff9f]")

#: Next to a letter of ASCII a single one is chance: an accented letter and the one behind it.
_TORN: Final = re.compile(r"[A-Za-z][\u3041-\uffff](?![\u3041-\uffff])|(?<![\u3041-\uffff])[\u3041-\uffff][a-z]")

_AMID: Final = re.compile(r"[A-Za-z][\u3041-\uffff]+[a-z]")


def _wide_oddity(words: bytes, encoding: str) -> float:
    text = words.decode(encoding, "replace")

    def found(pattern: re.Pattern[str]) -> int:
        return sum(1 for _ in pattern.finditer(text))

    odd = 1.5 * found(_STRANGE) + 0.5 * found(_HALF_KANA) + 3.0 * found(_TORN) + 2.0 * found(_AMID)
    odd += _IMPOSSIBLE * text.count("\ufffd")
    if encoding == "cp949":
        odd += 0.5 * found(_HAN)
    elif encoding in {"gb18030", "big5"}:
        odd += found(_KANA)
    return odd / max(1, found(_WIDE))
