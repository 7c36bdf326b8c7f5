"""From the words on the command line to a pipeline."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from csvpipe.cli.target import TargetError, find_pipeline

Write = Callable[[str, str], Path]

ONE = """
import csvpipe

@csvpipe.pipeline
def load(row: csvpipe.Row) -> None: ...

def check(row: csvpipe.Row) -> None: ...

alias = load
"""
TWO = ONE + "\n@csvpipe.pipeline(name='second')\ndef store(row: csvpipe.Row) -> None: ...\n"


def refusal(target: str) -> TargetError:
    """Why `target` names no pipeline."""
    with pytest.raises(TargetError) as caught:
        find_pipeline(target)
    return caught.value


@pytest.mark.parametrize("target", ["imports.shop:load", "imports.shop:alias", "imports.shop", "imports/shop.py:load"])
def test_pipeline_is_found_by_module_or_path(write: Write, target: str) -> None:
    """A dotted module of the current folder and a path lead to the same pipeline; an only one needs no name."""
    write("imports/shop.py", ONE)

    assert "load" == find_pipeline(target).name


def test_file_may_import_its_neighbours(write: Write) -> None:
    """A file is imported as a script is run: what lies beside it can be imported, and its annotations resolve."""
    write("imports/neighbour.py", "LIMIT = 3\n")
    path = write(
        "imports/shop.py",
        "from __future__ import annotations\nfrom dataclasses import dataclass\nimport csvpipe, neighbour\n\n"
        "@dataclass\nclass Item:\n    id: int\n\n@csvpipe.pipeline\ndef load(item: Item) -> None: ...\n",
    )

    assert "load" == find_pipeline(f"{path}:load").name


def test_file_does_not_push_a_module_aside(write: Write) -> None:
    """A file that is called like a module in use is imported beside it."""
    write("json.py", ONE)
    before = sys.modules["json"]

    assert "load" == find_pipeline("./json.py:load").name
    assert before is sys.modules["json"]


@pytest.mark.parametrize("target", ["shop", "shop:", ":load", "shop:other", "shop:check", "none.py", "none:load"])
def test_misuse_leaves_no_traceback(write: Write, target: str) -> None:
    """What is wrong with the words themselves is said without details."""
    write("shop.py", TWO)

    assert "" == refusal(target).details


@pytest.mark.parametrize(
    ("text", "target", "message"),
    [
        (TWO, "shop", "shop has 2 pipelines; choose one: shop:load, shop:store"),
        (TWO, "shop:other", "shop has no pipeline 'other'; it has: shop:load, shop:store"),
        (TWO, "shop:check", "'check' in shop is no pipeline; decorate it with @csvpipe.pipeline"),
        ("", "shop", "shop has no pipeline; decorate the handler with @csvpipe.pipeline"),
        ("", "shop:other", "shop has no pipeline 'other'; nor any other"),
        ("", "shop:", "'shop:' is not of the form module:pipeline, such as people:import_people"),
        ("", "none.py:load", "there is no file 'none.py' to import the pipeline from"),
        ("", "./shop.csv:load", "'shop.csv' is no Python file: its name must end in .py"),
    ],
)
def test_refusals_name_the_way_out(write: Write, text: str, target: str, message: str) -> None:
    """A module without the pipeline says which ones it has, or how to make one."""
    write("shop.py", text)
    write("shop.csv", "id\n1\n")

    assert message == refusal(target).message


@pytest.mark.parametrize("target", ["nowhere:load", "imports.nowhere:load", "nowhere.imports"])
def test_unknown_module_is_no_traceback(write: Write, target: str) -> None:
    """A module that is not there is the fault of the command line, whichever part of its name is missing."""
    write("imports/shop.py", ONE)

    error = refusal(target)

    assert error.message.startswith(f"there is no module {target.partition(':')[0]!r} in the current folder")
    assert "" == error.details


@pytest.mark.parametrize(
    ("text", "last_line"),
    [
        ("import nowhere\n", "ModuleNotFoundError: No module named 'nowhere'"),
        ("def load(:\n", "SyntaxError: invalid syntax"),
        ("1 / 0\n", "ZeroDivisionError: division by zero"),
    ],
)
@pytest.mark.parametrize("target", ["shop:load", "shop.py:load"])
def test_users_own_error_is_shown_where_it_arose(write: Write, target: str, text: str, last_line: str) -> None:
    """An error of the user's module comes with its traceback, without the frames of who imported it."""
    path = write("shop.py", text)

    error = refusal(target)

    name = last_line.partition(":")[0]
    assert f"{target.removesuffix(':load')} could not be imported: {name}, see above" == error.message
    assert last_line == error.details.strip().splitlines()[-1]
    assert str(path.name) in error.details
    assert "target.py" not in error.details
    assert "importlib" not in error.details


def test_script_that_ends_the_program_is_told_so(write: Write) -> None:
    """A module that exits when it is imported does not end the command line."""
    write("shop.py", "import sys\nsys.exit(0)\n")

    assert str(refusal("shop")).startswith("shop ended the program when it was imported; put what it does")


def test_drive_letter_is_no_module(home: Path) -> None:
    r"""The colon of `C:\imports\shop.py` parts nothing."""
    assert home.is_dir()
    assert r"there is no file 'C:\\imports\\shop.py'" in refusal(r"C:\imports\shop.py").message
