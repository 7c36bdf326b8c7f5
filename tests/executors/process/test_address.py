"""Pipelines have addresses under which other processes find them, or are told why not."""

import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import attrs
import process_handlers as handlers
import pytest

import csvpipe
from csvpipe.errors import PipelineError
from csvpipe.executors.process.address import Address, UnreachableError, address_of, load

DECLARED = "import csvpipe\n@csvpipe.pipeline\ndef handle(row: csvpipe.Row) -> None: ...\n"


@pytest.mark.parametrize(
    ("pipeline", "name"),
    [
        (handlers.quiet, "process_handlers:quiet"),
        (handlers.Group.handle, "process_handlers:Group.handle"),
        (handlers.renamed, "process_handlers:renamed"),
        (handlers.other_name, "process_handlers:other_name"),
    ],
)
def test_names(pipeline: csvpipe.Pipeline[..., Any], name: str) -> None:
    """What is found under the address is the very pipeline."""
    address = address_of(pipeline)

    assert name == str(address)
    assert load(address) is pipeline


def test_an_evolved_pipeline_takes_its_policies_along() -> None:
    """Its handler has an address, and what is different is sent."""
    pipeline = attrs.evolve(handlers.quiet, name="mine", skip_lines=2, retry=csvpipe.Retry(on=ConnectionError))

    found = load(address_of(pipeline))

    assert attrs.asdict(pipeline, recurse=False) == attrs.asdict(found, recurse=False)


def test_policies_that_cannot_be_pickled() -> None:
    """A `setup` that is a lambda, put in afterwards."""
    pipeline = attrs.evolve(handlers.resourceful, setup=lambda: handlers.clumsy())  # noqa: PLW0108  # it must be one

    with pytest.raises(PipelineError, match=r"pipeline 'resourceful': setup of a pipeline made by attrs.evolve cannot"):
        address_of(pipeline)


def local(name: str = "local") -> csvpipe.Pipeline[..., Any]:
    """A pipeline that no module has a name for."""

    @csvpipe.pipeline(name=name)
    def handle(row: csvpipe.Row) -> None: ...

    return handle


class Callable:
    """A handler that is an object."""

    def __call__(self, row: csvpipe.Row) -> None:
        """Every row is fine."""


def of_lambda() -> csvpipe.Pipeline[..., Any]:
    """A pipeline whose handler is a lambda."""
    declared: Any = csvpipe.pipeline(name="lambda", row_type=csvpipe.Row)
    pipeline: csvpipe.Pipeline[..., Any] = declared(lambda _: None)
    return pipeline


def of_main() -> csvpipe.Pipeline[..., Any]:
    """A pipeline as a script declares it."""
    names: dict[str, Any] = {"__name__": "__main__"}
    exec(DECLARED, names)  # noqa: S102  # our own text
    pipeline: csvpipe.Pipeline[..., Any] = names["handle"]
    return pipeline


@pytest.mark.parametrize(
    ("pipeline", "reason"),
    [
        (local(), r"its handler is made inside a function \(local.<locals>.handle\)"),
        (of_lambda(), "its handler is a lambda that no module has a name for"),
        (of_main(), "it is made in __main__, that is in the script, notebook or console that runs"),
        (csvpipe.pipeline(name="object")(Callable()), "no module has a name for it"),
    ],
)
def test_pipelines_without_a_name(pipeline: csvpipe.Pipeline[..., Any], reason: str) -> None:
    """The message says why, and the way out."""
    with pytest.raises(PipelineError, match=f"{reason}.*; move it to the top level of a module of its own"):
        address_of(pipeline)


def test_a_module_is_imported_from_the_file_that_the_host_has_it_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the name leads nowhere, as of a file on the command line that is called like another module."""
    path = tmp_path / "types.py"
    path.write_text(DECLARED)
    monkeypatch.setattr(sys, "modules", dict(sys.modules))

    found = load(Address(module="types_", qualname="handle", file=str(path)))

    assert "handle" == found.name
    assert str(path) == sys.modules["types_"].__file__


def test_a_name_that_leads_elsewhere_is_not_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another file of the same name may stand before it on the path."""
    for folder in ("first", "second"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "twice.py").write_text(f"PLACE = {folder!r}\n{DECLARED}")
    monkeypatch.syspath_prepend(tmp_path / "first")
    monkeypatch.setattr(sys, "modules", dict(sys.modules))

    load(Address(module="twice", qualname="handle", file=str(tmp_path / "second" / "twice.py")))

    assert "second" == sys.modules["twice"].PLACE


@pytest.mark.parametrize(
    ("address", "message"),
    [
        (Address(module="no_such_module", qualname="handle"), "ModuleNotFoundError: No module named 'no_such_module'"),
        (Address(module="process_handlers", qualname="perish"), "process_handlers:perish is no pipeline in a worker"),
        (Address(module="process_handlers", qualname="a.b"), "process_handlers:a.b is no pipeline in a worker"),
    ],
)
def test_what_is_not_there(address: Address, message: str) -> None:
    """Says which name, and what was raised."""
    with pytest.raises(UnreachableError, match=message):
        load(address)


def test_a_module_that_fails_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The next attempt imports it again."""
    path = tmp_path / "failing.py"
    path.write_text("raise SystemExit(2)")
    monkeypatch.setattr(sys, "modules", dict(sys.modules))

    with pytest.raises(UnreachableError, match="failing:handle cannot be imported in a worker process: SystemExit: 2"):
        load(Address(module="failing", qualname="handle", file=str(path)))

    assert not isinstance(sys.modules.get("failing"), ModuleType)
