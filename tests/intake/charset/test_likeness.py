"""How much a text looks like one that people write."""

# ruff: noqa: RUF001  # letters of many scripts are what this is about

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from csvpipe._intake.charset.likeness import MULTI_BYTE, is_sign, letters, oddity

_NAMES = ["cp1252", "cp1250", "cp1251", "koi8-r", "mac-roman", "cp850", "cp1255", *MULTI_BYTE]


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("José Müller Élodie façade", "cp1252"),
        ("it’s l’été “quoted” ¿qué? 20€ 10° 1º", "cp1252"),
        ("Łódź Świętokrzyskie", "cp1250"),
        ("žlutý kůň", "cp1250"),
        ("m² km³ °C 20° µm µg ½ 3¼ ±5 §12 5€ £5 1º", "cp1252"),
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
        ("m² µg ¼", "cp1252", "iso8859-2"),
        ("°C µF", "cp1252", "cp949"),
        ("20°", "cp850", "cp1252"),
        ("año José", "cp1252", "cp1250"),
        ("forêt crème déjà façade", "cp850", "mac-roman"),
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


@pytest.mark.parametrize(
    "word", ["m²", "cm³", "°", "°C", "45°", "µ", "µm", "µg", "½", "1¾", "±5", "§", "5€", "£5", "2ª"]
)
def test_signs_where_tables_have_them_are_signs(word: str) -> None:
    """In units, beside digits, by themselves."""
    assert is_sign(word.encode("cp1252"), "cp1252")


@pytest.mark.parametrize("word", ["é", "año", "mý", "z³", "ter²", "µml", "ñ°", "¼½¾", "a°b"])
def test_signs_elsewhere_may_be_letters(word: str) -> None:
    """Of another encoding."""
    assert not is_sign(word.encode("cp1252"), "cp1252")


def test_letters_are_counted_beyond_ascii() -> None:
    """They are what people are shown as evidence."""
    assert (2, 3) == letters("é, è, €".encode("cp1252"), "cp1252")
