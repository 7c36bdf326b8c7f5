"""From `module:pipeline` on the command line to the pipeline."""

from __future__ import annotations

import importlib
import sys
import traceback
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType, TracebackType
from typing import Any

from csvpipe.cli.wording import counted
from csvpipe.pipeline import Pipeline


class TargetError(Exception):
    """There is no such pipeline.

    Args:
        message: What is wrong, with the way out.
        details: The traceback of what the user's own code raised, or nothing.
    """

    def __init__(self, message: str, details: str = "") -> None:
        super().__init__(message, details)
        self.message = message
        self.details = details

    def __str__(self) -> str:
        return self.message


def find_pipeline(target: str) -> Pipeline[..., Any]:
    """The pipeline that `target` names; its module is imported.

    Args:
        target: `module:pipeline` or `path/to/file.py:pipeline`. Without `:pipeline` the module must have exactly one.
            Modules are also looked for in the current folder.

    Raises:
        TargetError: There is no such module, it cannot be imported, or it does not have the pipeline.
    """
    place, name = _parted(target)
    module = _imported_file(Path(place)) if _is_path(place) else _imported_module(place)
    return _only_pipeline(module, place) if name is None else _named_pipeline(module, place, name)


def _parted(target: str) -> tuple[str, str | None]:
    """Module and name. The colon of a Windows drive, as in a path without a name, parts nothing."""
    place, colon, name = target.rpartition(":")
    if not colon or "/" in name or "\\" in name:
        return target, None
    if not place or not name:
        raise TargetError(f"{target!r} is not of the form module:pipeline, such as people:import_people")
    return place, name


def _is_path(place: str) -> bool:
    return place.endswith(".py") or "/" in place or "\\" in place


# Importing ------------------------------------------------------------------------------------------------------------


def _imported_module(name: str) -> ModuleType:
    _put_on_path(Path.cwd())
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is not None and (name == error.name or name.startswith(f"{error.name}.")):
            raise TargetError(
                f"there is no module {name!r} in the current folder or among what is installed; "
                "for a file elsewhere give its path, such as imports/people.py:import_people"
            ) from None
        raise _failed_import(name, error) from error
    except (Exception, SystemExit) as error:
        raise _failed_import(name, error) from error


def _imported_file(path: Path) -> ModuleType:
    """Import a file as Python runs a script: with its own folder first on the path."""
    if not path.is_file():
        raise TargetError(f"there is no file {str(path)!r} to import the pipeline from")
    spec = spec_from_file_location(_module_name(path), path)
    if spec is None or spec.loader is None:
        raise TargetError(f"{str(path)!r} is no Python file: its name must end in .py")
    _put_on_path(path.parent.absolute())
    module = module_from_spec(spec)
    sys.modules[spec.name] = module  # as an import does: dataclasses resolve their annotations there
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        raise _failed_import(str(path), error) from error
    return module


def _module_name(path: Path) -> str:
    """The file's own, unless that would push aside a module that is in use, such as `types`."""
    return f"{path.stem}_" if path.stem in sys.modules else path.stem


def _put_on_path(folder: Path) -> None:
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))


def _failed_import(place: str, error: BaseException) -> TargetError:
    if isinstance(error, SystemExit):
        return TargetError(
            f"{place} ended the program when it was imported; put what it does as a script under "
            'if __name__ == "__main__":'
        )
    details = "".join(traceback.format_exception(type(error), error, _users_part(error.__traceback__)))
    return TargetError(f"{place} could not be imported: {type(error).__name__}, see above", details)


def _users_part(found: TracebackType | None) -> TracebackType | None:
    """The traceback without the frames of this module and of the import system, which say nothing to a user."""
    while found is not None and _is_ours(found.tb_frame.f_code.co_filename):
        found = found.tb_next
    return found


def _is_ours(filename: str) -> bool:
    return filename in (__file__, importlib.__file__) or filename.startswith("<frozen importlib")


# Choosing -------------------------------------------------------------------------------------------------------------


def _pipelines(module: ModuleType) -> dict[str, Pipeline[..., Any]]:
    """Those of a module by the names that they have there; one with several names counts by its first."""
    found: dict[int, tuple[str, Pipeline[..., Any]]] = {}
    for name, value in vars(module).items():
        if isinstance(value, Pipeline):
            found.setdefault(id(value), (name, value))
    return dict(found.values())


def _only_pipeline(module: ModuleType, place: str) -> Pipeline[..., Any]:
    pipelines = _pipelines(module)
    if len(pipelines) == 1:
        return next(iter(pipelines.values()))
    if not pipelines:
        raise TargetError(f"{place} has no pipeline; decorate the handler with @csvpipe.pipeline")
    raise TargetError(f"{place} has {counted(len(pipelines), 'pipeline')}; choose one: {_choices(place, pipelines)}")


def _named_pipeline(module: ModuleType, place: str, name: str) -> Pipeline[..., Any]:
    value = getattr(module, name, None)
    if isinstance(value, Pipeline):
        return value
    if callable(value):
        raise TargetError(f"{name!r} in {place} is no pipeline; decorate it with @csvpipe.pipeline")
    pipelines = _pipelines(module)
    others = f"it has: {_choices(place, pipelines)}" if pipelines else "nor any other"
    raise TargetError(f"{place} has no pipeline {name!r}; {others}")


def _choices(place: str, pipelines: dict[str, Pipeline[..., Any]]) -> str:
    return ", ".join(f"{place}:{name}" for name in pipelines)
