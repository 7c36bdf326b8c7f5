"""Which of the encodings that came before Unicode a file has."""

# ruff: noqa: RUF001  # letters of many scripts are what this is about

from __future__ import annotations

import random
import sys

import chardet
import pytest
from hypothesis import given
from hypothesis import strategies as st

from csvpipe._intake.charset.legacy import guess, words_beyond_ascii

_WORDS = {
    "fr": "Élodie François Besançon Orléans Nîmes Hélène Société générale dépôt café forêt déjà reçu œuvre",
    "de": "Müller Jäger Köln Düsseldorf Straße Größe Übung Weiß Schröder Nürnberg schön für über München",
    "pl": "Łódź Kraków Gdańsk Wałęsa Żółć Świętokrzyskie Małgorzata Stanisław środa książka źródło Częstochowa",
    "cs": "Dvořák Novák Černý Žižkov Plzeň Řehoř Šťastný Příbram Třebíč běžný účet žlutý kůň město",
    "ru": "Иванов Москва Екатерина Дмитрий улица Новгород город имя фамилия Сергей Новосибирск объект жизнь",
    "sr": "Београд Ниш Милош Јовановић улица Љубица Његош град Суботица Ђорђе",
    "el": "Αθήνα Θεσσαλονίκη Γιώργος Παπαδόπουλος οδός πόλη όνομα επώνυμο Κωνσταντίνος Ελένη",
    "tr": "İstanbul Şişli Çağlar Güneş Ağrı Iğdır Öztürk Yıldız Diyarbakır Beşiktaş şeker çiçek ışık",
    "he": "ירושלים חיפה משה כהן רחוב שם משפחה עיר ישראל דוד שלום באר שבע",
    "ar": "محمد أحمد القاهرة الرياض شارع مدينة الاسم العائلة فاطمة بغداد دمشق",
    "ja": "東京都 大阪市 田中 鈴木 佐藤 ひらがな カタカナ 株式会社 名前 住所 電話番号 こんにちは 表示 ソフト",
    "zh-hant": "臺北市 高雄 王小明 李大華 地址 姓名 電話 中華民國 新北市 許功蓋 有限公司",
    "zh-hans": "北京市 上海 王小明 李大华 地址 姓名 电话 中华人民共和国 广州 深圳 有限公司 测试",
    "ko": "서울특별시 부산 김철수 이영희 주소 이름 전화번호 대한민국 인천 대구 주식회사",
}

_WRITTEN = [
    *[(name, language) for name in ("cp1252", "latin-1", "iso8859-15", "mac-roman") for language in ("fr", "de")],
    *[(name, language) for name in ("cp1250", "iso8859-2") for language in ("pl", "cs")],
    *[(name, "ru") for name in ("cp1251", "koi8-r", "mac-cyrillic", "cp866", "iso8859-5")],
    *[
        ("cp1251", "sr"),
        ("cp1253", "el"),
        ("iso8859-7", "el"),
        ("cp1254", "tr"),
        ("iso8859-9", "tr"),
        ("cp1255", "he"),
        ("cp1256", "ar"),
    ],
    *[("shift_jis", "ja"), ("cp932", "ja"), ("euc_jp", "ja"), ("big5", "zh-hant"), ("gb18030", "zh-hans")],
    *[("gbk", "zh-hans"), ("cp949", "ko"), ("euc_kr", "ko")],
]


def table(language: str, encoding: str, *, rows: int, every: int) -> str:
    """A table of ASCII in which some rows have a word of the language."""
    chance = random.Random(f"{language} {encoding}")
    words = [word for word in _WORDS[language].split() if encoded(word, encoding)]
    cells = [chance.choice(words) if number % every == 0 else "London" for number in range(rows)]
    return "id,name,amount\r\n" + "".join(f"{number},{cell},{number / 8}\r\n" for number, cell in enumerate(cells))


def encoded(word: str, encoding: str) -> bytes:
    """The word's bytes; none if the encoding lacks one of its letters."""
    try:
        return word.encode(encoding)
    except UnicodeEncodeError:
        return b""


@pytest.mark.parametrize(("encoding", "language"), _WRITTEN)
@pytest.mark.parametrize(("rows", "every"), [(300, 1), (3000, 250)], ids=["full of it", "a dozen words"])
def test_a_table_is_read_as_it_was_written(encoding: str, language: str, rows: int, every: int) -> None:
    """Also where a dozen words stand among thousands of rows of ASCII; the name may be that of a superset."""
    text = table(language, encoding, rows=rows, every=every)
    found = guess(text.encode(encoding))
    assert found is not None
    assert text == text.encode(encoding).decode(found.encoding)
    assert found.evidence.endswith(f"characters beyond ASCII are letters of {found.encoding}")
    assert 0.0 <= found.confidence < 1.0


@pytest.mark.parametrize("word", ["café", "Müller", "Straße", "naïve", "piñata", "São", "10°C", "20€", "£5", "it’s"])
def test_one_word_is_taken_for_the_most_common_encoding(word: str) -> None:
    """A single byte could be a letter of any; exotic answers are wrong answers."""
    data = ("id,name\n" + "1,Ana\n" * 50 + f"2,{word}\n").encode("cp1252")
    found = guess(data)
    assert found is not None
    assert data.decode("cp1252") == data.decode(found.encoding)


@pytest.mark.parametrize(
    "cells",
    [
        *(["5 m²"], ["5 µm"], ["µg/m³"], ["20 °C"], ["¼ l", "½ l"], ["¢", "¥ 300"], ["m²", "°C", "µm", "±1"]),
        *(["10µF"], ["1º", "2ª"], ["£ 5", "5 €"], ["§ 5"], ["10×15"], ["© ACME", "ACME®", "ACME™"]),
        *(["a – b", "• a", "so…"], ["W/m²", "[µm]", "(°C)"]),
    ],
)
def test_units_and_signs_are_what_they_look_like(cells: list[str]) -> None:
    """Other encodings have letters in their place, which no word of theirs is made of; that is never beyond doubt."""
    data = "".join(f"{number},{cells[number % len(cells)]}\n" for number in range(40)).encode("cp1252")
    found = guess(data)
    assert found is not None
    assert data.decode("cp1252") == data.decode(found.encoding)
    assert found.confidence <= 0.6


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("Kraków,20 °C\nŁódź,5 §\nGdańsk,± 2\n", "cp1250"),
        ("Müller,5 m²\nKöln,3 µg/m³\n", "cp1252"),
        ("depósito,20 °C\nniño,5 µm\n", "mac-roman"),
    ],
)
def test_words_beside_signs_tell_the_encoding(text: str, encoding: str) -> None:
    """The signs do not drown them."""
    found = guess(text.encode(encoding))
    assert found is not None
    assert text == text.encode(encoding).decode(found.encoding)


def test_spanish_is_not_of_central_europe() -> None:
    """No language there has ń beside á and é, which its letters would be."""
    data = "año,niño,teléfono,Málaga,código,número,¿qué?,Muñoz,pingüino\n".encode("cp1252")
    found = guess(data)
    assert found is not None
    assert "cp1252" == found.encoding


@pytest.mark.parametrize(("word", "is_sure"), [("é", False), ("5é", False), ("Müller", True)])
def test_few_words_are_sure_only_if_they_are_clearly_words(word: str, *, is_sure: bool) -> None:
    """A letter by itself is likely at best."""
    found = guess(f"1,{word}\n".encode("cp1252"))
    assert found is not None
    assert is_sure == (found.confidence > 0.6)


def test_signs_are_no_letters() -> None:
    """The evidence is what it is."""
    found = guess("id,price\n1,20€\n".encode("cp1252"))
    assert found is not None
    assert "characters beyond ASCII are signs of cp1252" == found.evidence


@given(st.binary(max_size=400))
def test_any_bytes_have_a_likeliest_encoding(data: bytes) -> None:
    """Detection never raises."""
    found = guess(data)
    assert found is not None
    assert 0.0 <= found.confidence < 1.0


def test_a_library_that_fails_is_not_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    """How the text would look is enough for an answer."""

    def fail(*_args: object, **_options: object) -> None:
        raise RuntimeError

    monkeypatch.setattr(chardet, "detect_all", fail)
    found = guess("1,Müller\n2,Jäger\n".encode("cp1252"))
    assert found is not None
    assert "cp1252" == found.encoding


def test_without_the_library_there_is_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is an extra."""
    monkeypatch.setitem(sys.modules, "chardet", None)
    assert guess(b"\xe9") is None


def test_only_words_beyond_ascii_are_looked_at() -> None:
    """Each of them once, and not more than is quick."""
    assert b"Jos\xe9 \xe9" == words_beyond_ascii(b"id,Ana\n1,Jos\xe9\n2,Jos\xe9,\xe9\n")
    many = b",".join(b"%d\xe9" % number for number in range(10_000))
    assert 4096 <= len(words_beyond_ascii(many)) < 4200
    assert 4096 == len(words_beyond_ascii(b"\xe9" * 10_000))
