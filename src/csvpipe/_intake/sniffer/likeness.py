"""Tell names from data: a header is what differs from its column, and reads like a list of names."""

# ruff: noqa: PLR2004  # weights and thresholds say something only where they stand

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from typing import Final

from csvpipe._intake.sniffer.cell_types import TYPED, Kind, kind_of
from csvpipe.rowtypes import folded

#: Words that name columns in many files, folded; data has them rarely.
_COMMON: Final = frozenset(
    """
    account active address age amount area author avg balance birthday brand category city class client code color
    comment comments company count country county created createdat currency customer date datetime day dept department
    description duration email enddate error event fecha first firstname gender group height hour id index item key
    kind label language last lastname lat latitude length level link list lng location lon long longitude max mean
    message method min model month name nombre nom notes note number office order orderid parent path percent period
    phone position postcode precio preis price product quantity qty rank rate rating region result role row salary
    score section sex size source species staff start startdate state status street sum surname tags target team
    telephone temperature text time timestamp title total type unit units updated updatedat url user userid username
    uuid value values variable version visits volume weight width year zip zipcode
    apellido anrede betrag bezeichnung ciudad cliente datum descripcion edad kunde menge montant ort pais pays plz
    prenom produkt prix quantite stadt strasse telefono valor vorname ville nachname wert
    """.split()  # noqa: SIM905  # eighty lines otherwise
)
_IDENTIFIER: Final = re.compile(r"[a-z][a-z0-9]*(?:[_.][a-z0-9]+)+|[a-z]+(?:[A-Z][a-z0-9]*)+|[A-Z0-9]+(?:_[A-Z0-9]+)+")
_NAME_END: Final = re.compile(
    r"(?:^|[ _-])(?:id|no|nr|date|at|name|code|type|count|url|num|pct)$|[a-z](?:Id|ID|At)$|#$", re.IGNORECASE
)
_UNIT: Final = re.compile(r"[^\d\W].*[(\[][^)\]]{1,12}[)\]]$")

_LETTERS: Final = re.compile(r"[^\W\d_]+")
_DIGITS: Final = re.compile(r"\d+")
_YEAR: Final = re.compile(r"(?:1[89]|20)\d\d")

#: How many columns are looked at.
_MOST_COLUMNS: Final = 60

#: A column's values are of few kinds where each occurs so often, on average.
_FEW_VALUES: Final = 2.5


def likeness(row: Sequence[str], below: Sequence[Sequence[str]]) -> float:
    """How much a record looks like the header of the records below it: positive if it does, -1 to 1.

    Args:
        row: The record.
        below: Records of the table, each as wide as the others.
    """
    cells = [cell.strip() for cell in row[:_MOST_COLUMNS]]
    if not any(cells):
        return -0.1
    if _are_years(cells):
        return 0.5 if not below or not _are_years([cell.strip() for cell in below[0]]) else -1.0
    if not below:
        return _alone(cells)
    votes = [
        _vote(cell, [values[column].strip() for values in below if column < len(values)])
        for column, cell in enumerate(cells)
        if cell
    ]
    total = sum(votes)
    names = [cell.casefold() for cell in cells if cell]
    if len(set(names)) < len(names):
        # Data repeats itself more than names do.
        total -= 0.15 * (len(names) - len(set(names)))
    if any(vote <= -1 for vote in votes) and total > 0:
        # One number above a column of numbers weighs more than words above words.
        total -= 0.5
    return max(-1.0, min(1.0, total / len(votes)))


def _are_years(cells: Sequence[str]) -> bool:
    """Whether the cells are a run of years, or other numbers counted up, with a label before them at most."""
    numbers = [int(cell) for cell in cells if cell.isascii() and cell.isdigit() and len(cell) < 9]
    if len(numbers) < 3 or len(numbers) < len(cells) - 2:
        return False
    steps = {later - earlier for earlier, later in pairwise(numbers)}
    return len(steps) == 1 and steps != {0} and all(1500 <= number <= 2200 for number in numbers)


def _alone(cells: Sequence[str]) -> float:
    """A judgement by the record alone."""
    kinds = [kind_of(cell) for cell in cells if cell]
    typed = sum(1 for kind in kinds if kind in TYPED)
    unnamed = len(cells) - len(kinds)
    return 0.3 - (typed + 0.5 * unnamed) / len(cells) if typed or unnamed else 0.3


def _vote(cell: str, column: Sequence[str]) -> float:  # noqa: PLR0911  # one for each case
    """How much one cell looks like the name of the values below it, -1 to 1."""
    values = [value for value in column if value]
    kind = kind_of(cell)
    if not values:
        return -0.3 if kind in TYPED else 0.1 + _name_likeness(cell) / 2
    kinds = Counter(kind_of(value) for value in values)
    present = kinds.total() - kinds[Kind.EMPTY]
    typed = sum(kinds[each] for each in TYPED)
    if _YEAR.fullmatch(cell) and typed and not any(_YEAR.fullmatch(value) for value in values):
        return 0.2
    if kind in {Kind.NUMBER, Kind.DATE}:
        return -1.0 if typed * 2 >= present else -0.6
    if present and typed >= 0.7 * present:
        if kind is Kind.EMPTY:
            return -0.3
        if kind is not Kind.CODE:
            return 1.0
        is_alike = _mask(cell) in {_mask(value) for value in values}
        return -0.8 if is_alike else 0.3 if kinds[Kind.CODE] * 2 >= present else 0.5
    return _vote_on_words(cell, values)


def _vote_on_words(cell: str, values: Sequence[str]) -> float:
    """How much a text looks like the name of the texts below it."""
    folded = cell.casefold()
    recurring = sum(1 for value in values if value.casefold() == folded)
    if recurring:
        return -1.0
    likely = _name_likeness(cell)
    distinct = len({value.casefold() for value in values})
    if len(values) >= 4 and len(values) / distinct >= _FEW_VALUES:
        likely += 0.5
    if _shape(cell) not in {_shape(value) for value in values}:
        likely += 0.25
    lengths = [len(value) for value in values]
    if len(values) > 2 and min(lengths) == max(lengths) != len(cell):
        likely += 0.4
    elif sum(lengths) > 3 * len(cell) * len(values):
        likely += 0.2
    elif len(cell) > 2 * max(lengths) and len(cell) > 60:
        likely -= 0.3
    return min(1.0, likely - 0.05)


def _name_likeness(cell: str) -> float:
    """How much a text looks like a column's name, whatever is below it."""
    if folded(cell) in _COMMON:
        return 0.5
    if _IDENTIFIER.fullmatch(cell) or _NAME_END.search(cell) or _UNIT.fullmatch(cell):
        return 0.3
    return -0.2 if len(cell) > 80 else 0.0


def _shape(text: str) -> str:
    """Case, digits and words of a text, roughly."""
    case = "lower" if text.islower() else "upper" if text.isupper() else "title" if text.istitle() else "mixed"
    has_digits = any(character.isdigit() for character in text)
    return f"{case} {has_digits} {min(text.count(' '), 3)}"


def _mask(text: str) -> str:
    """Letters and digits of a code, as to their kind alone."""
    return _DIGITS.sub("0", _LETTERS.sub("a", text.lower()))
