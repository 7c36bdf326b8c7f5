"""Figures on their way from the page of benchmarks into README and the pictures."""

from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

Load = Callable[[str], ModuleType]

README = """Before.

<!-- figures: rows | way | speed, relative -->

| way | speed, relative |
| --- | --- |
| what was measured before | 9.00 |

<!-- end of figures -->

After, | not a table.
"""


def page(load: Load, tmp_path: Path, *, key: str = "rows") -> Path:
    """A page with one table of two ways, and a third that was absent and has a bar in its name."""
    table = load("report").Table(
        section="Rows.\n\nHow long they take.",
        title="100 rows",
        key=key,
        header=("way", "rows/s", "speed, relative", "least to most"),
        rows=[
            ("`csv.reader` loop", "1,000", "1.00", "1.00 to 1.00"),
            ("csvpipe", "2,000", "2.00", "1.90 to 2.10"),
            ("a \\| b", "-", "-", "it is not installed"),
        ],
    )
    path = tmp_path / "benchmarks.md"
    load("publish").write_page(path, [table], "a machine", "a command")
    return path


def test_tables_are_read_as_they_were_written(load: Load, tmp_path: Path) -> None:
    """What stands on the page under a key has the cells that were measured."""
    figures = load("publish").read_figures(page(load, tmp_path).read_text("utf-8"))

    assert ["rows"] == list(figures)
    assert "100 rows" == figures["rows"].title
    assert ["1.00", "2.00", "-"] == figures["rows"].column("speed, relative")
    assert ("a \\| b", "-", "-", "it is not installed") == figures["rows"].rows[2]


def test_a_table_without_key_is_on_the_page_only(load: Load, tmp_path: Path) -> None:
    """It has a title and cells, and nobody quotes it."""
    text = page(load, tmp_path, key="").read_text("utf-8")

    assert "**100 rows**" in text
    assert {} == load("publish").read_figures(text)


def test_readme_quotes_columns_and_nothing_else_changes(load: Load, tmp_path: Path) -> None:
    """Between the marks stand the columns that are named there; once more gives the same."""
    publish = load("publish")
    figures = publish.read_figures(page(load, tmp_path).read_text("utf-8"))

    text = publish.with_figures(README, figures)

    expected = README.replace(
        "| what was measured before | 9.00 |\n",
        "| `csv.reader` loop | 1.00 |\n| csvpipe | 2.00 |\n| a \\| b | - |\n",
    )
    assert expected == text
    assert text == publish.with_figures(text, figures)


def test_readme_with_no_figures_yet_gets_some(load: Load, tmp_path: Path) -> None:
    """Marks with nothing between them are filled."""
    publish = load("publish")
    figures = publish.read_figures(page(load, tmp_path).read_text("utf-8"))
    empty = "<!-- figures: rows | speed, relative -->\n\n<!-- end of figures -->\n"

    text = publish.with_figures(empty, figures)

    table = "| speed, relative |\n| --- |\n| 1.00 |\n| 2.00 |\n| - |\n"
    assert f"<!-- figures: rows | speed, relative -->\n\n{table}\n<!-- end of figures -->\n" == text


def test_readme_puts_columns_of_several_tables_side_by_side(load: Load) -> None:
    """A way that another table lacks has no figure there; columns may have other headings."""
    publish = load("publish")
    figures = {
        "a": publish.Figures("A", ("way", "speed"), [("x", "1"), ("y", "2")]),
        "b": publish.Figures("B", ("way", "speed"), [("y", "4"), ("z", "5")]),
    }
    mark = "<!-- figures: a | way | speed as of A | b: speed as of B -->"

    text = publish.with_figures(f"{mark}\n\n<!-- end of figures -->\n", figures)

    table = "| way | of A | of B |\n| --- | --- | --- |\n| x | 1 | - |\n| y | 2 | 4 |\n"
    assert f"{mark}\n\n{table}\n<!-- end of figures -->\n" == text


@pytest.mark.parametrize(
    ("mark", "missing"),
    [
        ("others | way", "the table 'others'"),
        ("rows | others: way", "the table 'others'"),
        ("rows | files/s", "no column 'files/s'"),
    ],
)
def test_what_readme_quotes_must_be_there(load: Load, tmp_path: Path, mark: str, missing: str) -> None:
    """A table that was not measured, or a column that it lacks, is named; README is left as it was."""
    publish = load("publish")
    path = page(load, tmp_path)
    readme = tmp_path / "README.md"
    before = README.replace("rows | way | speed, relative", mark)
    readme.write_text(before, "utf-8")

    with pytest.raises(LookupError, match=missing):
        publish.with_figures(before, publish.read_figures(path.read_text("utf-8")))
    said = publish.publish(path, readme)

    assert said[0].startswith(f"left as it was: {readme}")
    assert before == readme.read_text("utf-8")


def test_bars_are_those_that_were_measured(load: Load, tmp_path: Path) -> None:
    """A way that was absent has none."""
    publish = load("publish")
    figures = publish.read_figures(page(load, tmp_path).read_text("utf-8"))

    assert [("csv.reader loop", 1.0), ("csvpipe", 2.0)] == publish.bars(figures["rows"])
