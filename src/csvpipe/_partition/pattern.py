"""Regular expressions that match records of plain dialects: one quote, doubled inside, and no escape.

They are possessive throughout, so they never go back, and an open quote costs one pass over the window.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from csvpipe.dialect import Dialect


class RecordPatterns(NamedTuple):
    """What matches records in a window that consists of whole physical lines.

    Each pattern has groups that take part in a match only where the record is still open at the window's end; the match
    then takes the rest of the window.

    Attributes:
        record: Matches one record, from its start.
        quoted_rest: Matches the rest of a record whose quote was open at the end of the line before.
    """

    record: re.Pattern[bytes]
    quoted_rest: re.Pattern[bytes]

    @classmethod
    def of(cls, dialect: Dialect, delimiters: Sequence[bytes], quotes: Sequence[bytes]) -> RecordPatterns | None:
        """The patterns of a dialect, or None where they would not be exact.

        Args:
            dialect: The dialect.
            delimiters: Every spelling of its delimiter in the file's encoding.
            quotes: Every spelling of its quote.
        """
        is_plain = dialect.doublequote and dialect.escapechar is None and not dialect.strict
        if not is_plain or [len(mark) for mark in (*delimiters, *quotes)] != [1, 1]:
            return None
        names = {b"d": re.escape(delimiters[0]), b"q": re.escape(quotes[0])}
        rest = (_SPACED_REST if dialect.skipinitialspace else _REST) % names
        return cls(
            record=re.compile(rb"(?!\Z)" + rest),
            quoted_rest=re.compile(_INSIDE % names + rb"(?:%b%b|()\Z)" % (names[b"q"], rest)),
        )


_INSIDE = rb"[^%(q)b]*+(?:%(q)b%(q)b[^%(q)b]*+)*+"
_END = rb"(?:\r\n?|\n|\Z|([\s\S]++))"
#: From a field's start, or from a closing quote, to the record's end. A quote opens only where a field begins; one that
#: is not closed matches neither branch, and so begins what the last group takes.
_REST = (
    rb"[^\r\n%(q)b]*+"
    rb"(?:%(q)b(?:(?<![^%(d)b\r\n]%(q)b)" + _INSIDE + rb"%(q)b|(?<=[^%(d)b\r\n]%(q)b))[^\r\n%(q)b]*+)*+"
) + _END
#: The same where spaces at a field's start do not count.
_SPACED_REST = (
    rb"(?:[^\r\n %(q)b]++"
    rb"|(?<![^%(d)b\r\n])[ ]*+%(q)b" + _INSIDE + rb"%(q)b"
    rb"|(?<![^%(d)b\r\n])[ ]++(?!%(q)b)"
    rb"|(?<=[^%(d)b\r\n])[ ]++"
    rb"|(?<=[^%(d)b\r\n])%(q)b)*+"
) + _END
