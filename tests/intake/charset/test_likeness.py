"""How much a text looks like one that people write."""

# ruff: noqa: RUF001  # letters of many scripts are what this is about

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from csvpipe._intake.charset.likeness import MULTI_BYTE, letters, oddity

_NAMES = ["cp1252", "cp1250", "cp1251", "koi8-r", "mac-roman", "cp850", "cp1255", *MULTI_BYTE]


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("José Müller Élodie façade", "cp1252"),
        ("it’s l’été “quoted” ¿qué? 20€ 10° 1º", "cp1252"),
        ("Łódź Świętokrzyskie žlutý kůň", "cp1250"),
        ("Москва Дмитрий", "cp1251"),
        ("Москва Дмитрий", "koi8-r"),
        ("שלום", "cp1255"),
        ("東京都 ひらがな カタカナ", "cp932"),
        ("대한민국", "cp949"),
        ("臺北市", "big5"),
    ],
)
def test_what_people_write_is_not_odd(text: str, encoding: str) -> None:
    """Letters stand where letters do, signs where signs do."""
    assert oddity(text.encode(encoding), encoding) <= 0.0


@pytest.mark.parametrize(
    ("text", "encoding", "taken_for"),
    [
        ("José Müller façade", "cp1252", "mac-roman"),
        ("José Müller façade", "cp1252", "cp850"),
        ("José Müller façade", "mac-roman", "cp1252"),
        ("Łódź Kraków Częstochowa", "cp1250", "cp1252"),
        ("Москва Дмитрий", "koi8-r", "cp1251"),
        ("Москва Дмитрий", "cp1251", "koi8-r"),
        ("Казань Ольга", "mac-cyrillic", "cp1251"),
        ("it’s “quoted”", "cp1252", "cp850"),
        ("20€", "cp1252", "cp1251"),
        ("Besançon Orléans", "cp1252", "gb18030"),
        ("カタカナ", "cp932", "euc_jp"),
    ],
)
def test_in_the_wrong_encoding_it_is_odder(text: str, encoding: str, taken_for: str) -> None:
    """By that they are told from each other."""
    words = text.encode(encoding)
    assert oddity(words, encoding) < oddity(words, taken_for)


@given(st.binary(max_size=200), st.sampled_from(_NAMES))
def test_any_bytes_can_be_judged(words: bytes, encoding: str) -> None:
    """No bytes raise."""
    assert isinstance(oddity(words, encoding), float)


def test_letters_are_counted_beyond_ascii() -> None:
    """They are what people are shown as evidence."""
    assert (2, 3) == letters("é, è, €".encode("cp1252"), "cp1252")
