"""What a cell looks like: numbers, dates and codes tell a right dialect from a wrong one, and names from data."""

# ruff: noqa: RUF001  # these characters are what is meant

from __future__ import annotations

import re
from enum import StrEnum
from typing import Final


class Kind(StrEnum):
    """What a cell may be, from its looks alone."""

    EMPTY = "empty"
    NUMBER = "number"
    DATE = "date"
    CODE = "code"
    WORD = "word"
    TEXT = "text"
    RESIDUE = "residue"
    JUNK = "junk"


#: Kinds that a column of data has and a header has not.
TYPED: Final = frozenset({Kind.NUMBER, Kind.DATE, Kind.CODE})

#: How much a cell of this kind speaks for the dialect that cut it out. Empty cells say nothing.
WEIGHTS: Final = {
    Kind.NUMBER: 1.0,
    Kind.DATE: 1.0,
    Kind.CODE: 0.95,
    Kind.WORD: 0.9,
    Kind.TEXT: 0.7,
    Kind.RESIDUE: 0.2,
    Kind.JUNK: -0.5,
}

#: Longer cells are judged by their start: it is text that is so long, and a pattern must not run over all of it.
_LOOKED_AT: Final = 200

_MONTHS: Final = (
    r"(?:jan|feb|fev|fév|mar|mär|mrz|apr|avr|abr|may|mai|maj|jun|juin|jul|juil|aug|aou|aoû|ago|sep|set|oct|okt|out"
    r"|nov|dec|dez|déc|dic)[a-zéû]*\.?"
)
_CLOCK: Final = r"\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d{1,9})?)?(?: ?[ap]\.?m\.?)?(?: ?(?:z|utc|gmt|[-+]\d{2}:?\d{2}))?"
_DAY: Final = (
    r"(?:\d{4}[-/.]\d{1,2}(?:[-/.]\d{1,2})?|\d{1,2}[-/.]\d{1,2}[-/.](?:\d{4}|\d{2})"
    rf"|\d{{1,2}}(?:st|nd|rd|th)?[-/ .]{{1,2}}{_MONTHS}[-/ .,]{{1,2}}\d{{2,4}}|\d{{1,2}}[-/ ]{_MONTHS}"
    rf"|{_MONTHS}[-/ ]\d{{1,2}}(?:st|nd|rd|th)?(?:,? \d{{4}})?|{_MONTHS}[-/ ]\d{{4}})"
)
_KINDS: Final = re.compile(
    r"(?P<empty>(?:null|none|nan|n/?a|nil|\\n|[-.?–—]|#n/a)?)"
    r"|(?P<number>\(?[-+−<>~]?(?:[$€£¥₹]|[a-z]{2,3}\$)? ?[-+]?"
    r"(?:\d{1,3}(?:,\d{2,3})+|\d{1,3}(?:[.' \u00a0\u202f’]\d{3})+|\d+)?"
    r"(?:[.,]\d+|(?<=\d)\.?)(?:e[-+]?\d{1,3})? ?[%€$£‰°]?\)?)"
    rf"|(?P<date>{_DAY}(?:[t ]{{1,2}}{_CLOCK})?|{_CLOCK})"
    r"|(?P<code>true|false|yes|no|y|n|t|f"
    r"|[^@\s,;|\"<>]+@[^@\s,;|\"<>]+\.[a-z]{2,}"
    r"|(?:https?|ftp|file)://[^\s\"]+|www\.[^\s\"]+"
    r"|[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}|0x[0-9a-f]+|(?:[0-9a-f]{2}[:-]){5}[0-9a-f]{2}|(?=[a-f]*\d)[0-9a-f]{16,}"
    r"|\d{1,3}(?:\.\d{1,3}){3}(?:/\d+)?|\+?\(?\d[\d() /.-]{6,18}\d"
    r"|(?=[a-z_-]*\d)(?:[a-z]{1,4}[-_]?\d+[-_\w]*|\d+[-_]?[a-z]{1,4}))"
    r"|(?P<residue>[\"].*|.*[\"]|'.*'|'[^']*|[^\s:]*:(?!//)[^\s:]*:\S*)"
    r"|(?P<json>[\[{<].*[\]}>])"
    r"|(?P<junk>.*(?:[,;](?=[^\s,;]|$)|[|\t\x1f\x01^~]|[,;]{2}|\"[^\w\s]\").*)"
    r"|(?P<word>[^\W\d_][\w .&()'’#:°+%/-]{0,39}|[_#@]?\w{1,40})",
    re.IGNORECASE | re.DOTALL,
)


#: The commonest cells, which `_KINDS` would call the same but takes much longer to: it tries every pattern in turn.
_PLAIN_NUMBER_OR_DATE: Final = re.compile(r"(?:[0-9]+(?:\.[0-9]+)?|([0-9]{4}-[0-9]{2}-[0-9]{2}))")

#: Two words and what follows them: nothing but `word` fits a text that begins like this, see `_KINDS`.
_PLAIN_WORDS: Final = re.compile(r"[A-Za-z]+ [A-Za-z][A-Za-z0-9 ]*")

#: Letters that are no word to `_KINDS`, in lower case.
_NO_WORDS: Final = {
    **dict.fromkeys(("null", "none", "nan", "na", "nil"), Kind.EMPTY),
    **dict.fromkeys(("true", "false", "yes", "no", "y", "n", "t", "f"), Kind.CODE),
}

#: Longer texts are no word.
_WORD_LENGTH: Final = 40

_BY_NAME: Final = {kind.value: kind for kind in Kind} | {"json": Kind.TEXT}


def kind_of(cell: str) -> Kind:
    """The kind of one cell; spaces around it do not matter."""
    text = cell.strip()[:_LOOKED_AT]
    if not text:
        return Kind.EMPTY
    if not text.isascii():
        return kind_by_pattern(text)
    # What needs no second look:
    if "0" <= text[0] <= "9":
        match = _PLAIN_NUMBER_OR_DATE.fullmatch(text)
        if match is not None:
            return Kind.NUMBER if match[1] is None else Kind.DATE
    elif len(text) <= _WORD_LENGTH:
        if text.isalpha():
            return _NO_WORDS.get(text.lower(), Kind.WORD)
        if _PLAIN_WORDS.fullmatch(text) is not None or text.replace(" ", "").isalpha():
            return Kind.WORD
    return kind_by_pattern(text)


def kind_by_pattern(text: str) -> Kind:
    """The kind of a text without spaces around it, whatever it is."""
    match = _KINDS.fullmatch(text)
    if match is None:
        return Kind.TEXT
    return _BY_NAME[match.lastgroup or "text"]
