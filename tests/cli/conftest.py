"""What the tests of the command line share: programs that are started, modules with pipelines, records."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from click.testing import CliRunner, Result

from csvpipe.cli.command import csvpipe as command
from csvpipe.jobs import JobId, JobRecord, JobStatus

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty current folder; modules that are imported from it are forgotten afterwards."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        spec = sys.modules[name].__spec__
        places = [spec.origin or "", *(spec.submodule_search_locations or [])] if spec else []
        if any(place.startswith(str(tmp_path)) for place in places):
            del sys.modules[name]


@pytest.fixture
def run(home: Path) -> Run:
    """Run `python -m csvpipe` with arguments, without a terminal, and wait for its end."""

    def start(*arguments: str | Path, stdin: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "csvpipe", *arguments],
            cwd=home,
            env={**os.environ, **environment},
            input=stdin,
            capture_output=True,
            text=True,
            encoding="utf-8",
            check=False,
        )

    return start


@pytest.fixture
def invoke(home: Path) -> Callable[..., Result]:
    """The same in this process: `invoke("run", "people:import_people", "people.csv")`."""
    assert home.is_dir()

    def call(*arguments: str | Path, stdin: str = "") -> Result:
        return CliRunner().invoke(command, list(map(str, arguments)), input=stdin, prog_name="csvpipe")

    return call


@pytest.fixture
def write(home: Path) -> Callable[[str, str], Path]:
    """Write a file into the current folder."""

    def write_file(name: str, text: str) -> Path:
        path = home / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8", newline="")
        return path

    return write_file


@pytest.fixture
def examples(home: Path) -> Path:
    """The current folder, with the example files in it; people.csv has six rows, three of them bad."""
    shutil.copytree(EXAMPLES, home, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
    return home


START = datetime(2024, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def job() -> Callable[..., JobRecord]:
    """A record of a job that has been running for some seconds."""

    def make(number: int = 1, *, elapsed: float = 10.0, **changes: Any) -> JobRecord:
        values: dict[str, Any] = {
            "id": JobId(UUID(int=number)),
            "pipeline": "import_people",
            "filename": f"{number}.csv",
            "status": JobStatus.PROCESSING,
            "created_at": START,
            "started_at": START,
            "updated_at": START + timedelta(seconds=elapsed),
        }
        return JobRecord(**(values | changes))

    return make
