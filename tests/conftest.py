"""What all tests share: both event loops, and Hypothesis without surprises."""

import os
import signal
import sys
import tempfile
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

# A time limit on each example would make a test depend on the machine; pytest-timeout guards the whole test. Locally
# Hypothesis looks somewhere new every time; in CI it repeats the same examples, so that a red build is the change's
# fault. Where more is wanted: `pytest --hypothesis-profile=thorough`.
settings.register_profile("local", deadline=None, print_blob=True)
settings.register_profile("ci", settings.get_profile("local"), derandomize=True)
settings.register_profile("thorough", settings.get_profile("local"), max_examples=5_000)
settings.load_profile("ci" if os.environ.get("CI") == "true" else "local")


def pytest_configure() -> None:
    """Who runs the tests in the background of a shell has Ctrl-C ignored, which some tests are about."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Properties go through the same lines thousands of times; to note each costs more than they do.

    So they are not measured, where coverage is, and what only a property goes through counts as left out.
    """
    for item in items:
        if getattr(getattr(item, "obj", None), "is_hypothesis_test", False):
            item.add_marker("no_cover")


# Worker processes find handlers by name. They get the path of this process.
IMPORTABLE = Path(__file__).parent / "importable"
sys.path.insert(0, str(IMPORTABLE))

from sql_databases import make_url, own_postgresql, postgresql  # noqa: E402, F401  # one server for all tests


@pytest.fixture(scope="module", params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    """Run each `anyio` test on both event loops."""
    backend: str = request.param
    return backend


@pytest.fixture
def memory() -> Iterator[Any]:
    """A store of objects in this process, as the extra `remote` knows it; empty."""
    fsspec = pytest.importorskip("fsspec", reason="the extra remote is not installed")
    system = fsspec.filesystem("memory")
    yield system
    system.store.clear()
    system.pseudo_dirs[:] = [""]


@pytest.fixture
def make_csv(tmp_path: Path) -> Callable[..., Path]:
    """Write a new file of numbered rows: `make_csv(rows, name=..., bad={numbers of rows whose id is no number})`."""

    def make(rows: int, name: str = "numbers.csv", bad: Collection[int] = ()) -> Path:
        folder = Path(tempfile.mkdtemp(dir=tmp_path))  # a file of that name may be on its way through a pool
        path = folder / name
        lines = (f"{'x' if row in bad else row},name {row}\n" for row in range(1, rows + 1))
        path.write_text("id,name\n" + "".join(lines), "utf-8")
        return path

    return make


@pytest.fixture
def shared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder in which handlers of `process_handlers` tell what they do, in whichever process."""
    folder = tmp_path / "shared"
    folder.mkdir()
    monkeypatch.setenv("CSVPIPE_TEST_FOLDER", str(folder))
    return folder


@pytest.fixture
def make_faults(tmp_path: Path) -> Callable[..., Path]:
    """Write a file of numbered rows, some with a word in place of their number: `make_faults(9, {3: "exit"})`."""

    def make(rows: int, faults: Mapping[int, str] | None = None) -> Path:
        path = Path(tempfile.mkdtemp(dir=tmp_path)) / "faults.csv"
        words = dict(faults or {})
        path.write_text("id,name\n" + "".join(f"{words.get(row, row)},name {row}\n" for row in range(1, rows + 1)))
        return path

    return make
