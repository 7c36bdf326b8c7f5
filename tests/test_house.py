"""The rules of the house that no linter knows."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import FunctionType, ModuleType

import pytest

import csvpipe
from csvpipe.cli.command import run
from csvpipe.cli.inspecting import inspect
from csvpipe.cli.serving import serve

ROOT = Path(__file__).parent.parent
SOURCES = sorted((ROOT / "src").rglob("*.py"))
MAX_LINES = 400

# Brought by extras, by tests or by the host application, never by `import csvpipe`.
NOT_OURS_TO_IMPORT = {
    "click",
    "hypothesis",
    "numpy",
    "opentelemetry",
    "prometheus_client",
    "psycopg",
    "pyarrow",
    "pytest",
    "python_multipart",
    "rich",
    "sqlalchemy",
    "sse_starlette",
    "starlette",
    "uvicorn",
}

# The character classes keep this file from finding itself.
HYGIENE = {
    "a path of one machine": r"(?<![\w.~}])[/](?:home|Users|root|work|opt|tmp)/\w",
    "a package index": r"index[-_]url|find[-_]links",
    "a note to self": r"\b(?:TO[D]O|FIXM[E]|XX[X])\b",
    "a conflict marker": r"^(?:<{7}|>{7}) ",
}
TEXT = {".cfg", ".css", ".csv", ".html", ".js", ".md", ".py", ".svg", ".toml", ".txt", ".typed", ".yaml", ".yml", ""}


def project_files() -> Iterator[Path]:
    """What belongs to the project, without asking git: a source archive has none."""
    for place in ("*", ".ci/**/*", "benchmarks/**/*", "docs/**/*", "src/**/*", "tests/**/*"):
        for path in ROOT.glob(place):
            is_made = {"__pycache__", "_build"} & set(path.relative_to(ROOT).parts)
            if path.is_file() and path.suffix in TEXT and not path.name.startswith(".coverage") and not is_made:
                yield path


def test_no_module_is_long() -> None:
    """A module over 400 lines has become two."""
    lengths = {path.relative_to(ROOT): len(path.read_text("utf-8").splitlines()) for path in SOURCES}

    assert {} == {path: length for path, length in lengths.items() if length > MAX_LINES}


def test_every_module_says_what_it_is_for() -> None:
    """A module's docstring is a sentence, not its name."""
    summaries = {path: (ast.get_docstring(ast.parse(path.read_text("utf-8"))) or "") for path in SOURCES}

    silent = [path.relative_to(ROOT) for path, summary in summaries.items() if len(summary.split()) < 2]

    assert [] == silent


def test_all_names_everything_public() -> None:
    """`csvpipe.__all__` has no name that is missing, and nothing public is missing from it."""
    stated = set(csvpipe.__all__)
    found = {name for name, value in vars(csvpipe).items() if not isinstance(value, ModuleType)}
    found = {name for name in found if not name.startswith("_")} - {"annotations"}  # from __future__

    assert set() == found - stated
    assert [] == [name for name in stated if not hasattr(csvpipe, name)]


def test_whoever_declares_pipelines_does_not_load_the_pool() -> None:
    """Importing csvpipe brings its vocabulary; an event loop's library, numpy and pyarrow come when they are needed."""
    program = "import csvpipe, sys; print(sorted({'anyio', 'asyncio', 'numpy', 'pyarrow'} & sys.modules.keys()))"

    printed = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout

    assert "[]" == printed.strip()


def test_there_is_no_other_name() -> None:
    """A name that csvpipe does not have is an `AttributeError`, as in any module; `dir` lists those it has."""
    with pytest.raises(AttributeError, match="module 'csvpipe' has no attribute 'worker_pool'"):
        csvpipe.worker_pool  # noqa: B018

    assert set() == set(csvpipe.__all__) - set(dir(csvpipe))


def test_the_reference_has_every_public_name() -> None:
    """Each name of `csvpipe.__all__` stands in docs/reference."""
    pages = "\n".join(page.read_text("utf-8") for page in sorted((ROOT / "docs" / "reference").rglob("*.md")))

    assert [] == [name for name in csvpipe.__all__ if not re.search(rf"\b{name}\b", pages)]


def test_the_reference_has_every_option_of_the_command_line() -> None:
    """docs/reference/command-line.md lists what `csvpipe run`, `csvpipe inspect` and `csvpipe serve` take."""
    page = (ROOT / "docs" / "reference" / "command-line.md").read_text("utf-8")

    parameters = [*run.params, *inspect.params, *serve.params]
    options = [option for parameter in parameters for option in parameter.opts if option.startswith("--")]

    assert options == re.findall(r"^\| `(--\w+(?:-\w+)*)", page, re.MULTILINE)


def test_the_typing_test_uses_everything_public() -> None:
    """tests/typing/api.py, which type checkers read, has each name of `csvpipe.__all__` and each public member."""
    program = (ROOT / "tests" / "typing" / "api.py").read_text("utf-8")
    services = (csvpipe.Context, csvpipe.Job, csvpipe.JobEvents, csvpipe.JobPage, csvpipe.JobRecord, csvpipe.WorkerPool)
    members = {name for service in services for name, value in vars(service).items() if is_public_member(name, value)}

    assert [] == [name for name in csvpipe.__all__ if not re.search(rf"\bcsvpipe\.{name}\b", program)]
    assert [] == sorted(name for name in members - NOT_FOR_USERS if not re.search(rf"\.{name}\b", program))


# Called by csvpipe itself.
NOT_FOR_USERS = {"at", "marks", "raise_marks"}


def is_public_member(name: str, value: object) -> bool:
    """Whether it is a method or a property that users call."""
    return not name.startswith("_") and isinstance(value, FunctionType | property)


def test_import_brings_no_extra() -> None:
    """`import csvpipe` works with nothing but its two dependencies, and costs no more than they do."""
    program = "import csvpipe, sys; print(*{name.partition('.')[0] for name in sys.modules})"

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert set() == NOT_OURS_TO_IMPORT & set(done.stdout.split())


def test_files_are_fit_to_publish() -> None:
    """No file has anything in it that is only true or useful where it was written."""
    rules = {name: re.compile(pattern, re.MULTILINE) for name, pattern in HYGIENE.items()}

    found = [
        f"{path.relative_to(ROOT)}: {name}: {match.group()}"
        for path in project_files()
        for name, rule in rules.items()
        for match in rule.finditer(path.read_text("utf-8", errors="replace"))
    ]

    assert [] == found
