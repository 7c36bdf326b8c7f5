"""The files of docs/examples do what the pages that show them say."""

import csv
import io
import os
import subprocess
import sys
from decimal import Decimal
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import csvpipe

EXAMPLES = Path(__file__).parent.parent / "docs" / "examples"


def example(name: str) -> ModuleType:
    """A fresh copy of the module docs/examples/NAME.py."""
    spec = spec_from_file_location(f"example_{name}", EXAMPLES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    sys.modules[spec.name] = module
    try:
        spec.loader.exec_module(module)
    finally:
        del sys.modules[spec.name]
    return module


def counts(record: csvpipe.JobRecord) -> tuple[str, int, int, int]:
    """How a job ended."""
    return record.status.value, record.processed_rows, record.failed_rows, record.skipped_rows


def reasons(rejects: Path) -> list[tuple[int, str, str]]:
    """Row, code and column of each rejected row."""
    with rejects.open(newline="", encoding="utf-8") as file:
        return [(int(row["_row"]), row["_code"], row["_column"]) for row in csv.DictReader(file)]


def test_people_greets_the_good_and_sets_the_bad_aside(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The tutorial's file has six rows, of which three are bad, each for another reason."""
    [record] = csvpipe.run(example("people").import_people, EXAMPLES / "people.csv", rejects_dir=tmp_path)

    assert ("completed", 3, 3, 0) == counts(record)
    assert [(3, "date", "joined"), (5, "negative_id", "id"), (6, "float", "score")] == reasons(
        tmp_path / "people.rejects.csv"
    )
    assert {"hello Ana", "hello Bo", "hello Dee, the second"} == set(capsys.readouterr().out.splitlines())


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("orders-april.csv", ("completed", 9, 0, 1)),
        ("orders-may.csv", ("completed", 5, 0, 1)),
        ("orders-june.csv", ("completed", 3, 13, 1)),
    ],
)
def test_orders_are_counted(name: str, expected: tuple[str, int, int, int]) -> None:
    """A clean file, one with newlines in its cells, and one with a bit of everything that goes wrong."""
    [record] = csvpipe.run(example("orders").import_orders, EXAMPLES / name)

    assert expected == counts(record)


def test_orders_have_every_kind_of_mistake(tmp_path: Path) -> None:
    """Each bad row of June is rejected for its own reason, and the rows after the unclosed quote are imported."""
    csvpipe.run(example("orders").import_orders, EXAMPLES / "orders-june.csv", rejects_dir=tmp_path)

    assert [
        (2, "field_count", ""),
        (3, "field_count", ""),
        (4, "int", "id"),
        (5, "date", "ordered"),
        (6, "date", "ordered"),
        (7, "enum", "status"),
        (8, "missing", "quantity"),
        (9, "decimal", "unit_price"),
        (10, "bool", "express"),
        (11, "quantity", "quantity"),
        (12, "discount", "discount"),
        (14, "int; decimal", "quantity; discount"),
        (15, "unterminated_quote", ""),
    ] == reasons(tmp_path / "orders-june.rejects.csv")


def test_orders_add_up() -> None:
    """What customers have spent is exact, whichever worker added it."""
    orders: Any = example("orders")

    csvpipe.run(orders.import_orders, EXAMPLES / "orders-april.csv", EXAMPLES / "orders-june.csv", workers=4)

    assert {
        "Ana": Decimal("248.60"), "Bo": Decimal("247.40"), "Cleo": Decimal("63.00"), "Dee": Decimal("44.00"),
        "Finn": Decimal("640.00"), "Gus": Decimal("1161.00"), "Ivo": Decimal("45.00"),
    } == orders.spent  # fmt: skip


def test_orders_of_may_have_newlines_in_cells() -> None:
    """The sample file is what it is meant to be: CRLF throughout, with cells of several lines."""
    text = (EXAMPLES / "orders-may.csv").read_bytes().decode("ascii")

    notes = [row["note"] for row in csv.DictReader(io.StringIO(text, newline=""))]

    assert text.count("\n") == text.count("\r\n")
    assert ["Ring twice.\r\nThe bell is tired.", 'Leave it with\r\nMr "Mike" Okafor,\r\nthird floor'] == [
        note for note in notes if "\n" in note
    ]


def test_orders_run_as_a_script() -> None:
    """The same file is a program that prints what each customer has spent."""
    done = subprocess.run(
        [sys.executable, "orders.py", "orders-april.csv", "orders-may.csv"],
        cwd=EXAMPLES, capture_output=True, text=True, check=True, env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
    )  # fmt: skip

    lines = done.stdout.splitlines()
    assert [
        "orders-april.csv: completed, 9 processed, 0 failed",
        "orders-may.csv: completed, 5 processed, 0 failed",
    ] == (lines[:2])
    assert "Hana                 310.50" == lines[-1]
