"""Runs the examples in README.md, in docs/ and in the docstrings, so that none of them can go stale.

In Markdown every fenced block of `python` runs; the blocks of a page share their names, as a reader who types them one
after the other would expect, and the folder that the reader would be in: a fresh one with the files of docs/examples.
A block that must not run has `<!--- skip: next -->` above it. In docstrings the doctests run.
"""

import os
import shutil
import sys
import tempfile
from contextlib import ExitStack
from doctest import ELLIPSIS
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from sybil import Sybil
from sybil.parsers.markdown import PythonCodeBlockParser, SkipParser
from sybil.parsers.rest import DocTestParser

EXAMPLES = Path(__file__).parent / "docs" / "examples"

_left_behind = ExitStack()


def _enter_folder(namespace: dict[str, Any]) -> None:
    """Go to a fresh folder with the example files in it."""
    folder = _left_behind.enter_context(tempfile.TemporaryDirectory(prefix="csvpipe-docs-"))
    shutil.copytree(EXAMPLES, folder, dirs_exist_ok=True)
    _left_behind.callback(os.chdir, Path.cwd())
    os.chdir(folder)
    sys.path.insert(0, folder)  # as for a script there
    _left_behind.callback(sys.path.remove, folder)
    namespace["__name__"] = "__main__"
    for package in ("celery", "distributed", "fsspec"):
        namespace[f"{package}_is_there"] = find_spec(package) is not None


def _leave_folder(_namespace: dict[str, Any]) -> None:
    _left_behind.close()


_pages = Sybil(
    parsers=[PythonCodeBlockParser(doctest_optionflags=ELLIPSIS), SkipParser()],
    patterns=["README.md", "docs/*.md", "docs/*/*.md"],
    setup=_enter_folder,
    teardown=_leave_folder,
)
_docstrings = Sybil(
    parsers=[DocTestParser(optionflags=ELLIPSIS)],
    path="src",
    pattern="*.py",
    setup=_enter_folder,
    teardown=_leave_folder,
)

pytest_collect_file = (_pages + _docstrings).pytest()
