"""From a local file and a pipeline to the plan of a job."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import attrs

from csvpipe._intake.arrival.take_in import TakenIn
from csvpipe._intake.inspect import inspect_file
from csvpipe._intake.inspection import Finding, Inspection
from csvpipe._intake.stated import Stated
from csvpipe.errors import FileError
from csvpipe.pipeline import Pipeline
from csvpipe.rowtypes import check_columns, match_columns, unused_columns

#: Names that a finding lists before it only counts the rest.
_NAMES_SHOWN = 8


def matched(
    inspection: Inspection,
    columns: Sequence[str],
    pipeline: Pipeline[..., Any],
    *,
    taken: TakenIn,
    stated: Stated,
    place: str,
) -> Inspection:
    """See whether a file has the columns that a pipeline needs, and note what is known of them.

    Args:
        inspection: Of the file.
        columns: Those that the rows have; the file's, unless it is a mended one.
        pipeline: The job's.
        taken: The file.
        stated: What caller and pipeline say about it.
        place: Names it in messages.

    Raises:
        FileError: It has not; the message also says what may be the reason.
    """
    schema = pipeline.signature.row_schema
    if schema is None:
        return inspection
    try:
        check_columns(schema, columns, unknown=pipeline.unknown_columns)
    except FileError as error:
        hint = _hint(inspection, pipeline, taken=taken, stated=stated, place=place)
        raise FileError(error.code, f"{place}: {error.message}{hint}") from None
    unused = unused_columns(schema, columns)
    finding = Finding(
        what="columns",
        value=f"{len(match_columns(schema, columns))} of {len(schema.fields)} fields of {schema.row_type.__name__}",
        evidence=f"not used: {_listed(unused)}" if unused else "their names match",
    )
    others = (each for each in inspection.findings if each.what != finding.what)
    return attrs.evolve(inspection, findings=(*others, finding))


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(map(repr, names[:_NAMES_SHOWN]))
    return shown if len(names) <= _NAMES_SHOWN else f"{shown} and {len(names) - _NAMES_SHOWN} more"


def _hint(inspection: Inspection, pipeline: Pipeline[..., Any], *, taken: TakenIn, stated: Stated, place: str) -> str:
    """Where columns are missing, the reason may be what was stated: look again without it."""
    try:
        look = inspect_file(taken, Stated(header="detect"), pipeline.limits, place=place)
    except FileError:
        return ""
    if stated.dialect is not None and look.dialect.delimiter != inspection.dialect.delimiter:
        return (
            f"; the file looks like {look.dialect.describe()}, but {inspection.dialect.describe()} is stated: "
            "leave dialect= out, or correct it"
        )
    if inspection.has_header and not look.has_header:
        return "; its first line looks like a row: if the file has no header, give the names with header=[...]"
    return ""
