"""Which columns of a file are sensitive, and what stands in their place where people look."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import attrs

from csvpipe._intake.inspection import Inspection
from csvpipe.pipeline import Pipeline
from csvpipe.rowtypes import folded, header_names

#: Stands for what is sensitive.
MASK: Final = "***"


def sensitive_columns(pipeline: Pipeline[..., Any], columns: Sequence[str]) -> tuple[str, ...]:
    """The file's names of the columns that are sensitive, in whichever spelling the pipeline names them."""
    schema = pipeline.signature.row_schema
    if schema is not None:
        return header_names(schema, pipeline.sensitive, columns)
    if not pipeline.sensitive:
        return ()
    meant = {folded(name) for name in pipeline.sensitive}
    spelt = (column for column in columns if folded(column) in meant - {""})
    return tuple(dict.fromkeys((*pipeline.sensitive, *spelt)))


def masked(inspection: Inspection, columns: Sequence[str], pipeline: Pipeline[..., Any]) -> Inspection:
    """The inspection without what stands in sensitive columns: it is stored with the job, and shown."""
    if not pipeline.sensitive:
        return inspection
    hidden = set(sensitive_columns(pipeline, columns))
    names = inspection.columns
    rows = tuple(
        tuple(MASK if at >= len(names) or names[at] in hidden else cell for at, cell in enumerate(row))
        for row in inspection.sample_rows
    )
    return attrs.evolve(inspection, sample_rows=rows, preamble=tuple(MASK for _ in inspection.preamble))
