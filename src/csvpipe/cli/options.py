"""Options that several commands have, and what becomes of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import attrs
import click

from csvpipe._intake.url import is_url
from csvpipe.cli.output import Output
from csvpipe.cli.target import TargetError, find_pipeline
from csvpipe.dialect import Dialect
from csvpipe.errors import DialectError
from csvpipe.pipeline import Header, Pipeline


class FolderOrUrl(click.Path):
    """A folder as a path object, or a URL as it is."""

    def __init__(self) -> None:
        super().__init__(file_okay=False, path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """See `click.ParamType`."""
        return value if is_url(value) else super().convert(value, param, ctx)


DELIMITERS: Final = {
    "tab": "\t",
    r"\t": "\t",
    "comma": ",",
    "semicolon": ";",
    "pipe": "|",
    "colon": ":",
    "space": " ",
}

encoding_option = click.option(
    "--encoding", metavar="E", help="Of all the files, instead of the pipeline's or what is detected."
)

delimiter_option = click.option(
    "--delimiter",
    metavar="D",
    help="Of all the files, instead of the pipeline's or what is detected: one character, or "
    + ", ".join(name for name in DELIMITERS if name.isalpha())
    + ".",
)

HEADERS: Final[dict[str, Header]] = {"detect": "detect", "yes": True, "no": False}

header_option = click.option(
    "--header",
    type=click.Choice(list(HEADERS)),
    help="Whether there is a header; otherwise as the pipeline has it, or detected where there is none.",
)

skip_lines_option = click.option(
    "--skip-lines",
    type=click.IntRange(0),
    metavar="N",
    help="Lines above the table; otherwise as the pipeline has it, or detected.",
)


def pipeline_of(target: str, errors: Output, *, hint: str) -> Pipeline[..., Any]:
    """The pipeline that `target` names; a traceback of the user's own code goes to `errors`.

    Raises:
        click.BadParameter: There is none; `hint` names what was said.
    """
    try:
        return find_pipeline(target)
    except TargetError as error:
        if error.details:
            errors.line(error.details)
        raise click.BadParameter(error.message, param_hint=hint) from error


def dialect_of(pipeline: Pipeline[..., Any] | None, delimiter: str | None) -> Dialect | None:
    """The pipeline's dialect with another delimiter; None to leave it to pipeline and detection.

    Raises:
        click.BadParameter: It is no delimiter.
    """
    if delimiter is None:
        return None
    base = (pipeline and pipeline.dialect) or Dialect()
    try:
        return attrs.evolve(base, delimiter=DELIMITERS.get(delimiter.lower(), delimiter))
    except DialectError as error:
        raise click.BadParameter(f"{error}; or one of {', '.join(DELIMITERS)}", param_hint="'--delimiter'") from error
