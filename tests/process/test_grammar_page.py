"""The page on row types says what converters do: every example on it is tried."""

from __future__ import annotations

import datetime as dt
import enum
import re
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal
from uuid import UUID

import attrs
import pytest

from csvpipe._process.build import BadRow, compile_builder
from csvpipe._process.convert import GRAMMAR
from csvpipe.rowtypes import Column, Scalar, read_row_type

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "row-types.md"


class Colour(enum.Enum):
    """The one that the page has in mind."""

    RED = "red"


def words(text: str) -> list[str]:
    """A function as the page has it in mind."""
    if "  " in text:
        raise ValueError("two spaces")
    return text.split()


NAMES: dict[str, Any] = {
    **{kind.__name__: kind for kind in (str, int, float, bool, list, Decimal, UUID, Column, Colour)},
    **{kind.__name__: kind for kind in (dt.date, dt.time, dt.datetime, dt.timedelta)},
    "Annotated": Annotated,
    "Literal": Literal,
    "words": words,
}


def examples() -> list[tuple[str, list[str], list[str]]]:
    """Annotation, texts that it takes and texts that it does not, row by row."""
    page = PAGE.read_text("utf-8").partition("## Cells")[2]
    rows = re.findall(r"^\| `(.+?)` \|.*\| (.*?) ?\| (.*?) ?\|$", page, re.MULTILINE)
    return [(kind, re.findall("`(.+?)`", good), re.findall("`(.+?)`", bad)) for kind, good, bad in rows]


@pytest.mark.parametrize(("annotation", "good", "bad"), examples())
def test_the_page_is_true(annotation: str, good: list[str], bad: list[str]) -> None:
    """What the page shows as accepted is, and what it shows as refused is refused."""
    kind = eval(annotation, NAMES)  # noqa: S307  # our own page
    build = compile_builder(read_row_type(attrs.make_class("One", {"x": attrs.field(type=kind)})), ["x"])
    for text in good:
        build([text])
    for text in bad:
        with pytest.raises(BadRow):
            build([text])
    assert good
    assert bad or annotation == "str"


def test_every_grammar_is_on_the_page() -> None:
    """Each type with a grammar has a row, whose examples are of that grammar."""
    rows = {kind: good for kind, good, _ in examples()}
    for scalar, pattern in GRAMMAR.items():
        name = {Scalar.DECIMAL: "Decimal", Scalar.UUID: "UUID"}.get(scalar, scalar.value)
        assert all(pattern.fullmatch(text) for text in rows[name])
