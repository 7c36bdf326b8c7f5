"""How a pipeline is named in one process and found in another.

Functions do not travel. The other process imports the module and takes the pipeline from there. Names come from the
pipelines that a pool was given, never from a store.
"""

from __future__ import annotations

import importlib
import os
import pickle
import sys
from collections.abc import Callable, Iterator
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from types import ModuleType
from typing import Any, Final

import attrs

from csvpipe._process.conduct import describe
from csvpipe.errors import PipelineError
from csvpipe.pipeline import Pipeline

#: What stands in them stands nowhere else: another process has a `__main__` of its own.
_UNNAMED: Final = frozenset({"__main__", "__mp_main__"})

#: Policies are compared and carried over; these two are what the name stands for.
_NAMED: Final = frozenset({"function", "signature"})


@attrs.frozen(kw_only=True)
class Address:
    """Where another process finds a pipeline.

    Attributes:
        module: Of the module.
        qualname: Within it, with dots for what stands in a class.
        file: The module's, for one that was imported from a file and cannot be found by its name.
        changes: Pickled: policies that are other than those of the pipeline found there, such as what
            `attrs.evolve` changed.
    """

    module: str
    qualname: str
    file: str | None = None
    changes: bytes = b""

    def __str__(self) -> str:
        return f"{self.module}:{self.qualname}"


class UnreachableError(Exception):
    """A process cannot find the pipeline.

    Args:
        message: Why, as far as it fits a line.
    """

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


def address_of(pipeline: Pipeline[..., Any]) -> Address:
    """Where another process finds `pipeline`.

    Raises:
        PipelineError: Nowhere: it is a lambda, stands in a function or in `__main__`, or a policy cannot be pickled.
    """
    for is_it in (
        lambda found: found is pipeline,
        lambda found: type(found) is Pipeline and _is_alike(found, pipeline),
    ):
        place = _place(pipeline, is_it)
        if place is not None:
            module, qualname = place
            return Address(
                module=module.__name__,
                qualname=qualname,
                file=_file_of(module),
                changes=_changes(pipeline, _walk(module, qualname)),
            )
    raise PipelineError(
        f"pipeline {pipeline.name!r} cannot be found from another process: {_reason(pipeline)}; move it to the top "
        "level of a module of its own and import it from there, or use executor='thread'"
    )


def load(address: Address) -> Pipeline[..., Any]:
    """The pipeline at `address`; its module is imported.

    Raises:
        UnreachableError: The module cannot be imported, or has no such pipeline.
    """
    try:
        found = _walk(_imported(address), address.qualname)
        changes = pickle.loads(address.changes) if address.changes else {}  # noqa: S301  # written by our own host
    except BaseException as error:
        message = f"{address} cannot be imported in a worker process: {describe(error)}"
        raise UnreachableError(message) from error
    if type(found) is not Pipeline:
        raise UnreachableError(f"{address} is no pipeline in a worker process, but {found!r}")
    return attrs.evolve(found, **changes) if changes else found


def _is_alike(found: Pipeline[..., Any], pipeline: Pipeline[..., Any]) -> bool:
    """Whether one was made of the other; those without a handler are told apart by their names."""
    return found.function is pipeline.function and (pipeline.has_handler or found.name == pipeline.name)


# In the host ----------------------------------------------------------------------------------------------------------


def _place(pipeline: Pipeline[..., Any], is_it: Callable[[Any], bool]) -> tuple[ModuleType, str] | None:
    """Module and name of what is looked for: where its function says, else wherever a module has a name for it."""
    qualname = getattr(pipeline.function, "__qualname__", None)
    for module in _modules(getattr(pipeline.function, "__module__", None)):
        if isinstance(qualname, str) and is_it(_walk(module, qualname)):
            return module, qualname
        for name, value in list(vars(module).items()):
            if is_it(value):
                return module, name
    return None


def _modules(first: object) -> Iterator[ModuleType]:
    """All that have been imported and can be again, this one first."""
    names = [name for name in list(sys.modules) if name not in _UNNAMED]
    for name in sorted(names, key=lambda name: name != first):
        module = sys.modules.get(name)
        if type(module) is ModuleType and module.__name__ == name:
            yield module


def _walk(module: ModuleType, qualname: str) -> Any:
    found: Any = module
    for part in qualname.split("."):
        found = getattr(found, part, None)
    return found


def _file_of(module: ModuleType) -> str | None:
    file = getattr(module, "__file__", None)
    return os.path.abspath(file) if isinstance(file, str) else None  # noqa: PTH100  # as text, links and all


def _changes(pipeline: Pipeline[..., Any], found: Pipeline[..., Any]) -> bytes:
    if found is pipeline:
        return b""
    names = [field.name for field in attrs.fields(Pipeline) if field.name not in _NAMED]
    changed = {name: getattr(pipeline, name) for name in names if getattr(pipeline, name) != getattr(found, name)}
    try:
        return pickle.dumps(changed) if changed else b""
    except Exception as error:
        raise PipelineError(
            f"pipeline {pipeline.name!r}: {', '.join(changed)} of a pipeline made by attrs.evolve cannot be sent to "
            f"another process: {describe(error)}; give the pipeline a name at the top level of a module, or use "
            "executor='thread'"
        ) from error


def _reason(pipeline: Pipeline[..., Any]) -> str:
    function = pipeline.function
    module, qualname = getattr(function, "__module__", None), getattr(function, "__qualname__", "")
    if module in _UNNAMED:
        return "it is made in __main__, that is in the script, notebook or console that runs"
    if "<lambda>" in qualname:
        return "its handler is a lambda that no module has a name for"
    if "<locals>" in qualname:
        return f"its handler is made inside a function ({qualname})"
    return "no module has a name for it"


# In the other process -------------------------------------------------------------------------------------------------


def _imported(address: Address) -> ModuleType:
    """The module, from the very file that the host has it from where its name leads elsewhere, or nowhere."""
    loaded = sys.modules.get(address.module)
    if loaded is not None:
        return loaded
    if address.file is None or _origin(address.module) == os.path.realpath(address.file):
        return importlib.import_module(address.module)
    spec = spec_from_file_location(address.module, address.file)
    if spec is None or spec.loader is None:
        return importlib.import_module(address.module)
    module = module_from_spec(spec)
    sys.modules[address.module] = module  # as an import does: dataclasses resolve their annotations there
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[address.module]
        raise
    return module


def _origin(module: str) -> str | None:
    try:
        spec = find_spec(module)
    except (ImportError, ValueError):
        return None
    return os.path.realpath(spec.origin) if spec is not None and spec.origin else None
