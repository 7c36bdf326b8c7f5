"""How a file spells its records."""

from __future__ import annotations

import csv
import sys
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from csvpipe.dialect import Dialect
from csvpipe.errors import DialectError

if TYPE_CHECKING:
    from collections.abc import Mapping

_MARKS = st.sampled_from([*",;\t|\"' \\\r\nxé", "", "ab", "\ud800"])
_SETTINGS = st.fixed_dictionaries(
    {
        "delimiter": _MARKS,
        "quotechar": st.none() | _MARKS,
        "doublequote": st.booleans(),
        "escapechar": st.none() | _MARKS,
        "skipinitialspace": st.booleans(),
        "strict": st.booleans(),
    }
)


@pytest.mark.parametrize(
    ("settings", "line", "fields"),
    [
        ({}, 'a,"b,c",d', ["a", "b,c", "d"]),
        ({}, 'a,"say ""b""",d', ["a", 'say "b"', "d"]),
        ({"delimiter": ";"}, "a,b;c", ["a,b", "c"]),
        ({"quotechar": "'"}, "a,'b,c'", ["a", "b,c"]),
        ({"quotechar": None}, 'a,"b,c"', ["a", '"b', 'c"']),
        ({"escapechar": "\\"}, r"a,b\,c", ["a", "b,c"]),
        ({"doublequote": False, "escapechar": "\\"}, r'a,"b\"c"', ["a", 'b"c']),
        ({"skipinitialspace": True}, "a, b", ["a", "b"]),
        ({}, "a, b", ["a", " b"]),
    ],
)
def test_options_give_csv_reader_this_meaning(settings: Mapping[str, Any], line: str, fields: list[str]) -> None:
    """Each field does to `csv.reader` what its name says."""
    assert [fields] == list(csv.reader([line], **Dialect(**settings).reader_options()))


def test_strict_refuses_text_after_a_quote() -> None:
    """A strict dialect makes an error of what a lenient one keeps."""
    line = 'a,"b"c'
    assert [["a", "bc"]] == list(csv.reader([line], **Dialect().reader_options()))
    with pytest.raises(csv.Error):
        list(csv.reader([line], **Dialect(strict=True).reader_options()))


@given(_SETTINGS)
def test_every_dialect_suits_csv_reader(settings: dict[str, Any]) -> None:
    """What `Dialect` accepts, `csv.reader` accepts on every Python."""
    try:
        dialect = Dialect(**settings)
    except DialectError:
        return
    csv.reader([], **dialect.reader_options())


@pytest.mark.skipif(sys.version_info < (3, 13), reason="older Pythons let ambiguous dialects pass")
@given(_SETTINGS)
def test_what_csv_reader_refuses_is_refused(settings: dict[str, Any]) -> None:
    """What Python 3.13 refuses, `Dialect` refuses on every Python."""
    quoting: Any = csv.QUOTE_NONE if settings["quotechar"] is None else csv.QUOTE_MINIMAL
    try:
        csv.reader([], **settings, quoting=quoting)
    except (TypeError, ValueError):
        with pytest.raises(DialectError):
            Dialect(**settings)


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"delimiter": ""}, "delimiter must be one character, not ''"),
        ({"delimiter": ";;"}, "delimiter must be one character"),
        ({"delimiter": None}, "delimiter must be one character, not None"),
        ({"quotechar": ""}, "quotechar must be one character"),
        ({"escapechar": 3}, "escapechar must be one character, not 3"),
        ({"delimiter": "\n"}, "delimiter must not be a newline"),
        ({"quotechar": "\r"}, "quotechar must not be a newline"),
        ({"delimiter": " ", "skipinitialspace": True}, "delimiter must not be a space"),
        ({"delimiter": "\ud912"}, "delimiter must not be a surrogate"),
        ({"delimiter": '"'}, "must all differ"),
        ({"quotechar": "\\", "escapechar": "\\"}, "must all differ"),
        ({"delimiter": ";", "escapechar": ";"}, "must all differ"),
    ],
)
def test_a_refusal_says_why(settings: Mapping[str, Any], reason: str) -> None:
    """The message names the field and the rule."""
    with pytest.raises(DialectError, match=reason):
        Dialect(**settings)


def test_a_space_may_delimit() -> None:
    """Where spaces are not skipped they may mean something."""
    assert [["a", "b"]] == list(csv.reader(["a b"], **Dialect(delimiter=" ").reader_options()))
