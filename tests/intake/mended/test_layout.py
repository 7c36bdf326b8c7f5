"""Where the columns of a mended rejects file stand."""

from __future__ import annotations

import json

import pytest

from csvpipe._intake.mended.layout import LEADING, RAW, Mends, lay_out, names_beside
from csvpipe.errors import FileCode, FileError


def test_the_file_as_it_was_written() -> None:
    """Ours first, and then the user's own."""
    expected = Mends(columns=("id", "name"), cells=(5, 6), width=7, row=0, code=2)
    assert expected == lay_out([*LEADING, "id", "name"], ["id", "name"], place="x.csv")


def test_columns_in_any_order() -> None:
    """A spreadsheet may have moved them, and people delete what they do not need."""
    expected = Mends(columns=("id", "name"), cells=(3, 0), width=4, row=2, raw=1)
    assert expected == lay_out(["name", "_raw", "_row", "id"], ["id", "name"], place="x.csv")


def test_ours_give_way_to_names_of_the_user() -> None:
    """Each by as many underscores as it takes; the others stay."""
    expected = ["_row__", "_line", "_code", "_column", "_message", "_raw_"]
    assert expected == list(names_beside(["_row", "id", "_row_", "_raw"]).values())
    assert [*LEADING, RAW] == list(names_beside(["id"]).values())


def test_columns_of_the_user_that_are_named_like_ours() -> None:
    """They are the user's, and no raw text is looked for in them."""
    names = ["_row_", "_line", "_code", "_column", "_message", "_row", "_raw"]
    expected = Mends(columns=("_row", "_raw"), cells=(5, 6), width=7, row=0, code=2)
    assert expected == lay_out(names, ["_row", "_raw"], place="x.csv")
    with pytest.raises(FileError, match="column '_row_' is missing"):
        lay_out(["_row", "_raw"], ["_row", "_raw"], place="x.csv")


def test_names_that_were_escaped() -> None:
    """A column that is named like a formula is found with its apostrophe and without."""
    assert (1, 2) == lay_out(["_row", "'=a", "''=a"], ["=a", "'=a"], place="x.csv").cells
    assert (1, 2) == lay_out(["_row", "'=a", "''-b"], ["=a", "'-b"], place="x.csv").cells
    assert (1, 2) == lay_out(["_row", "=a", "'-b"], ["=a", "'-b"], place="x.csv").cells


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["id", "name"], "column '_row' is missing"),
        (["_row", "id"], "column 'name' is missing"),
        (["_row", "id", "name", "age"], "column 'age' is unknown"),
        (["_row", "id", "age", "_when"], "column 'name' is missing.*, and columns 'age', '_when' are unknown"),
        (["_row", "id", "name", *"abcdefg"], "columns 'a', 'b', 'c', 'd', 'e' and 2 more are unknown"),
    ],
)
def test_other_columns_are_told(names: list[str], message: str) -> None:
    """What is missing, what is nobody's, and what to submit instead."""
    with pytest.raises(FileError, match=f"^x.csv: .*{message}.*; take the rejects file as you got it") as caught:
        lay_out(names, ["id", "name"], place="x.csv")
    assert FileCode.PARENT_MISMATCH is caught.value.code


def test_it_survives_json() -> None:
    """As part of a plan that is stored."""
    mends = Mends(columns=("id", "name"), cells=(3, 0), width=4, row=2, raw=1)
    assert mends == Mends.from_dict(json.loads(json.dumps(mends.to_dict())))
