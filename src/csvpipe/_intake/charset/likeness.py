"""How much a text looks like one that people write, if its bytes are read in this or that encoding.

Read in the wrong encoding, letters become signs inside words, capitals behind small letters, Greek among Latin. That
can be seen without knowing any language, and from a handful of bytes, of which a statistical model can say little.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from enum import IntEnum
from functools import cache
from typing import Final

#: Of several bytes a character, trail bytes among them that are ASCII.
MULTI_BYTE: Final = ("cp932", "euc_jp", "big5", "gb18030", "cp949")

#: For each letter that is of another language than most are.
_MIXED: Final = 0.4

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
    DEGREE = 0x8D
    MICRO = 0x8E
    POWER = 0x8F
    FAMILIAR = 0x90
    FITTING = 0x91


_ALONE: Final = {
    **dict.fromkeys("ªº", _Kind.ORDINAL),
    "°": _Kind.DEGREE,
    "µ": _Kind.MICRO,
    **dict.fromkeys("²³", _Kind.POWER),
    **dict.fromkeys("±¼½¾§©€£¢¥\u00d7÷•", _Kind.FAMILIAR),
    **dict.fromkeys("¿¡„\u201a", _Kind.OPENING),
    **dict.fromkeys("‰™®", _Kind.CLOSING),
    **dict.fromkeys("\u2013—·…", _Kind.DASH),
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
    """A weight, and a pattern in which `L` is any letter, `D` any digit and `M` any sign, within a character class."""
    for short, long in (("L", r"A-Za-z\x80-\x84"), ("D", "0-9"), ("M", r"\x85\x8d-\x90")):
        pattern = pattern.replace(short, long)
    return weight, re.compile(pattern.encode("latin-1"))


#: What languages in Latin letters have beyond ASCII, some with names of their neighbours; those of the west often mix.
_ALPHABETS: Final = tuple(
    map(
        frozenset,
        (
            *("àâæçéèêëîïôœùûüÿ", "áéíñóúü", "ãáàâçéêíóôõúü", "àèéìíîòóù", "äöüßé", "éëïöüèêáó", "àçèéíïòóúü"),
            "àâçéèêëîïôùûüáíñóúäößåøæ",
            *("åäöéü", "æøåéöäü", "áðéíóúýþæö", "äöõüšž"),
            *("ąćęłńóśźżäöüß", "áčďéěíňóřšťúůýžäöüß", "áäčďéíĺľňóôŕšťúýž", "áéíóöőúüű", "čćđšžäöüß", "ăâîşţáéöü"),
            *("çğıİöşüâî", "ąčęėįšųūžäöüß", "āčēģīķļņšūž"),
        ),
    )
)

#: Signs where tables have them: in units, beside digits, by themselves. Sparse, for letters elsewhere are their bytes.
_FITTING: Final = re.compile(
    rb"(?<![A-Za-z\x80-\x88\x8a-\x90])(?:"
    rb"\x8e?(?:[cdkmn]?m|ft|in|s)\x8f"
    rb"|\x8d[CFKNSEW]?"
    rb"|\x8e(?:[AFHLMNSTVWglms]|mol|Pa|Sv)?\x8f?"
    rb"|\x90|(?<=[0-9])[\x8c\x8f]"
    rb")(?![A-Za-z\x80-\x88\x8a-\x90])"
)

_FITTED: Final = bytes.maketrans(b"\x8c\x8d\x8e\x8f\x90", b"\x91" * 5)

#: What speaks against an encoding each time it is found; below zero, for it.
_RULES: Final = (
    _rule(2.0, r"\x8a"),
    _rule(1.0, r"[a-z\x80](?=\x81)|\x80(?=[A-Z])|\x82(?=\x83)"),  # a capital behind a small letter
    _rule(0.5, r"[A-Z\x81]\x80(?=[A-Z\x81])"),  # a small letter among capitals
    _rule(
        1.0,  # two scripts in one word
        r"[A-Za-z\x80\x81](?=[\x82-\x84])|[\x82-\x84](?=[A-Za-z\x80\x81])|\x84(?=[\x82\x83])|[\x82\x83](?=\x84)",
    ),
    _rule(1.0, r"(?<=[L])[M]+(?=[L])"),  # a sign within a word, at its edge, by itself
    _rule(0.5, r"(?<=[L])[M]+(?![L])|(?<![LD])[M]+(?=[L])"),
    _rule(0.3, r"(?<![LD])[M]+(?![LD ])"),
    _rule(-0.3, r"(?<=[A-Za-zD])\x91|\x91(?=[A-Za-zD])"),
    _rule(-0.1, r"(?<![A-Za-zD])\x91(?![A-Za-zD])"),
    _rule(0.7, r"(?<=[L])\x86|\x87(?=[L])"),  # a quotation mark that faces the wrong way
    _rule(-0.3, r"(?<![LD])\x86(?=[L]{2})|(?<=[L])\x87(?![LD])|(?<=[L])\x88(?=[st]\b|ll|re|ve)"),  # and as it should
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
    seen = _seen(words, encoding)
    odd = sum(weight * sum(1 for _ in pattern.finditer(seen)) for weight, pattern in _RULES)
    odd += _MIXED * _outside_alphabets(words, encoding)
    if encoding == "cp1251":
        odd += 0.5 * (len(words) - len(words.translate(None, _MAC_CAPITALS)))
    return odd / max(1, len(words.translate(None, _ASCII)))


def _seen(words: bytes, encoding: str) -> bytes:
    return _FITTING.sub(lambda found: found[0].translate(_FITTED), words.translate(_kinds(encoding)))


def _outside_alphabets(words: bytes, encoding: str) -> int:
    """How many Latin letters are not of the one language that has most of them: Polish has no á beside its ń."""
    latin = words.translate(None, _not_latin(encoding)).decode(encoding)
    found = Counter(latin.replace("İ", "\u0131").lower())  # its own small letter is two characters
    return len(latin) - max(sum(found[letter] for letter in alphabet) for alphabet in _ALPHABETS) if latin else 0


@cache
def _not_latin(encoding: str) -> bytes:
    return bytes(byte for byte, kind in enumerate(_kinds(encoding)) if kind not in {_Kind.SMALL, _Kind.CAPITAL})


def is_sign(word: bytes, encoding: str) -> bool:
    """Whether all that is beyond ASCII are signs that stand where they do in tables: of a language it tells nothing."""
    return not _seen(word, encoding).translate(None, _ASCII).strip(b"\x91")


def letters(words: bytes, encoding: str) -> tuple[int, int]:
    """How many of the characters beyond ASCII are letters, and how many there are."""
    beyond = [character for character in words.decode(encoding, "replace") if not character.isascii()]
    return sum(character.isalpha() for character in beyond), len(beyond)


# More than one byte a character ---------------------------------------------------------------------------------------

_WIDE: Final = re.compile(r"[^\x00-\x7f]")
_KANA: Final = re.compile(r"[\u3041-\u30ff]")
_HALF_KANA: Final = re.compile(r"[\uff61-\uff9f]")
_HAN: Final = re.compile(r"[\u4e00-\u9fff]")
_HANGUL: Final = re.compile(r"[\uac00-\ud7a3]")
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
        odd += sum(not _is_common(syllable) for syllable in _HANGUL.findall(text))
    elif encoding in {"gb18030", "big5"}:
        odd += found(_KANA)
    return odd / max(1, found(_WIDE))


def _is_common(syllable: str) -> bool:
    """Whether it was in the first set of Korean; those that cp949 added hardly occur, their bytes do elsewhere."""
    try:
        return bool(syllable.encode("euc_kr"))
    except UnicodeEncodeError:
        return False
