"""From a local file and a pipeline to the plan of a job."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import attrs

from csvpipe._intake.arrival.take_in import TakenIn
from csvpipe._intake.binaries import check_json
from csvpipe._intake.inspect import inspect_file
from csvpipe._intake.inspection import Finding, Inspection
from csvpipe._intake.sensitive import masked
from csvpipe._intake.stated import Stated
from csvpipe.errors import FileError
from csvpipe.pipeline import Pipeline
from csvpipe.rowtypes.match import checked_columns
from csvpipe.rowtypes.names import listed

#: How sure it is that a field without a column is meant to have none, where there are columns that nobody wants.
_DOUBTFUL = 0.7

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
    inspection = masked(inspection, columns, pipeline)
    if schema is None:
        return inspection
    try:
        found, unused = checked_columns(schema, columns, unknown=pipeline.unknown_columns)
    except FileError as error:
        check_json(columns, place)
        cause, hint = _hints(inspection, pipeline, taken=taken, stated=stated, place=place)
        raise FileError(error.code, f"{place}: {cause}{error.message}{hint}") from None
    absent = [field.headers[0] for field in schema.fields if field.name not in found]
    said = [f"not found: {listed(absent, _NAMES_SHOWN)}"] if absent else []
    said += [f"not used: {listed(unused, _NAMES_SHOWN)}"] if unused else []
    finding = Finding(
        what="columns",
        value=f"{len(found)} of {len(schema.fields)} fields of {schema.row_type.__name__}",
        evidence="; ".join(said) or "their names match",
        confidence=_DOUBTFUL if absent and unused else 1.0,
    )
    others = (each for each in inspection.findings if each.what != finding.what)
    return attrs.evolve(inspection, findings=(*others, finding))


def _hints(
    inspection: Inspection, pipeline: Pipeline[..., Any], *, taken: TakenIn, stated: Stated, place: str
) -> tuple[str, str]:
    """Where columns are missing, the reason may be what was stated: look again without it.

    Returns:
        What belongs in front of the message, as the cause of all of it, and what belongs behind it.
    """
    try:
        look = inspect_file(taken, Stated(header="detect"), pipeline.limits, place=place)
    except FileError:
        return "", ""
    if stated.dialect is not None and look.dialect.delimiter != inspection.dialect.delimiter:
        cause = (
            f"the file looks like {look.dialect.describe()}, but {inspection.dialect.describe()} is stated: "
            "leave dialect= out, or correct it; as it is read now, "
        )
        return cause, ""
    if inspection.has_header and not look.has_header:
        return "", "; its first line looks like a row: if the file has no header, give the names with header=[...]"
    return "", ""
