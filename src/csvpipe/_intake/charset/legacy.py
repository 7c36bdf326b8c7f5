"""Which of the encodings that came before Unicode a file has.

A library knows how often letters follow on each other in many languages; what it says is weighed against how odd the
text would look, and how common the encoding is. Either alone is much worse on tables, where a handful of accented
letters stand among thousands of rows of ASCII.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from types import MappingProxyType
from typing import Final

import attrs

from csvpipe._intake.charset.likeness import is_sign, letters, oddity

#: What the fewer words there are, the more weight it has: how rare files of an encoding are.
_RARITY: Final[Mapping[str, float]] = MappingProxyType(
    {
        "cp1252": 0.0,
        "cp932": 0.0,
        "cp949": 0.02,
        "cp1255": 0.02,
        "iso8859-15": 0.03,
        "cp1251": 0.04,
        "euc_jp": 0.04,
        "big5": 0.04,
        "gb18030": 0.04,
        "cp1250": 0.06,
        "cp1253": 0.06,
        "cp1254": 0.06,
        "cp1256": 0.06,
        "koi8-r": 0.06,
        "mac-cyrillic": 0.10,
        "cp866": 0.08,
        "mac-roman": 0.09,
        "iso8859-2": 0.10,
        "cp850": 0.11,
        "koi8-u": 0.12,
        "cp874": 0.14,
        "cp1257": 0.16,
        "iso8859-5": 0.16,
        "cp852": 0.20,
    }
)

#: The library's names for what is, or is part of, one of ours.
_OURS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "big5hkscs": "big5",
        "euc_jis_2004": "euc_jp",
        "shift_jis_2004": "cp932",
        "euc_kr": "cp949",
        "iso8859-1": "cp1252",
        "iso8859-7": "cp1253",
    }
)

#: What the library is asked about; all others are too rare, or too often a chance hit.
_ASKED: Final = (
    *("cp1250", "cp1251", "cp1252", "cp1253", "cp1254", "cp1255", "cp1256", "cp1257", "cp850", "cp852", "cp866"),
    *("cp874", "cp932", "cp949", "big5", "euc-jp", "euc_kr", "gb18030", "iso8859-1", "iso8859-2", "iso8859-5"),
    *("iso8859-7", "koi8-r", "koi8-u", "mac-cyrillic", "mac-roman"),
)

#: A run with a byte beyond ASCII in it, cut only where no encoding has the second byte of a character.
_WORD: Final = re.compile(rb"[0-9\x40-\xff]*[\x80-\xff][0-9\x40-\xff]*")

#: Enough for the library, and few enough to be quick.
_WORDS_BYTES: Final = 4096

_ODDITY_WEIGHT: Final = 2.0
_THIN: Final = 3

#: With fewer words than this the answer is no better than likely, unless they leave no doubt that they are words.
_FEW: Final = 3
_LIKELY: Final = 0.6
_CLEAR: Final = re.compile(r"[^\W\d_]{4,}|[^\x00-\u2fff]{2,}")

#: An answer of the library that is less sure than this is none.
_FAINT: Final = 0.01


@attrs.frozen(kw_only=True)
class Guess:
    """An encoding, why, and how sure that is.

    Attributes:
        encoding: Python's name of it.
        evidence: A short phrase for people.
        confidence: From 0.0 to 1.0.
    """

    encoding: str
    evidence: str
    confidence: float


def guess(sample: bytes) -> Guess | None:
    """The most likely encoding of a text that is not UTF-8; None where the extra `detect` is not installed."""
    try:
        import chardet  # noqa: PLC0415  # an extra, of which few files are in need
    except ImportError:
        return None
    words = words_beyond_ascii(sample)
    # What are but signs in the most common encoding are letters in others, of which the library would hear a language.
    telling = b" ".join(word for word in words.split(b" ") if not is_sign(word, "cp1252"))
    heard: dict[str, float] = {}
    answers = []
    if telling:
        with suppress(Exception):  # whatever a library makes of odd bytes, detection never raises
            answers = chardet.detect_all(telling, ignore_threshold=True, compat_names=False, include_encodings=_ASKED)
    for answer in answers:
        name = answer["encoding"] or ""
        heard[_OURS.get(name, name)] = max(heard.get(_OURS.get(name, name), 0.0), answer["confidence"])
    heard["iso8859-15"] = heard.get("cp1252", 0.0)  # the same letters, and others where cp1252 has signs
    return _weigh(words, telling, heard)


def words_beyond_ascii(sample: bytes) -> bytes:
    """The first different words that have a byte beyond ASCII, with spaces between them.

    Only these tell one encoding from another; the rest of a table would drown them.
    """
    found: dict[bytes, None] = {}
    size = 0
    for match in _WORD.finditer(sample):
        word = match[0][:_WORDS_BYTES]
        if word not in found:
            found[word] = None
            size += len(word) + 1
            if size > _WORDS_BYTES:
                break
    return b" ".join(found)


def _weigh(words: bytes, telling: bytes, heard: Mapping[str, float]) -> Guess:
    loudest = max(_FAINT, *heard.values())
    thinness = 1 + _THIN / (telling.count(b" ") + 1)
    scores = {
        name: heard.get(name, 0.0) / loudest - _ODDITY_WEIGHT * oddity(words, name) - rarity * thinness
        for name, rarity in _RARITY.items()
    }
    first = max(scores, key=scores.__getitem__)
    # Encodings that give the same text are no rivals; the most common of them is the most likely for the rest.
    text = words.decode(first, "replace")
    alike = [name for name in scores if words.decode(name, "replace") == text]
    best = min(alike, key=_RARITY.__getitem__)
    lead = scores[first] - max((score for name, score in scores.items() if name not in alike), default=scores[first])
    good, beyond = letters(words, best)
    return Guess(
        encoding=best,
        evidence=f"{good:,} of {beyond:,} characters beyond ASCII are letters of {best}"
        if good
        else f"characters beyond ASCII are signs of {best}",
        confidence=round(min(0.95 if _are_words(telling, best) else _LIKELY, 0.4 + lead / thinness), 2),
    )


def _are_words(telling: bytes, encoding: str) -> bool:
    """Whether they are enough to be sure of: several, or such as chance does not make of a letter and a digit."""
    found = telling.split()
    return len(found) >= _FEW or (
        bool(found) and all(_CLEAR.fullmatch(word.decode(encoding, "replace")) for word in found)
    )
