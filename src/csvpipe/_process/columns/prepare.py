"""Whether a job's chunks may be read by columns, and by what."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from csvpipe._intake.inspection import JobPlan
from csvpipe._process.binding import bind
from csvpipe._process.build import maker_of
from csvpipe._process.columns.batches import BatchColumns
from csvpipe._process.columns.delivery import DeliveryColumns, is_kept_as_given
from csvpipe._process.columns.make import compile_maker, is_makeable
from csvpipe._process.columns.rows import RowColumns
from csvpipe._process.columns.schema import BatchSchema
from csvpipe._process.columns.texts import ColumnReader, is_readable
from csvpipe._process.diagnose import Diagnosis
from csvpipe._process.mending import own_cells
from csvpipe._process.parse import SliceParser
from csvpipe.errors import PipelineError
from csvpipe.rowtypes.arrow import as_columns

if TYPE_CHECKING:
    from csvpipe.pipeline import Pipeline


def prepare_rows(pipeline: Pipeline[..., Any], plan: JobPlan, *, parser: SliceParser) -> RowColumns | None:
    """For typed rows; None where they are made row by row."""
    schema, inspection = pipeline.signature.row_schema, plan.inspection
    if schema is None or inspection is None or plan.mends is not None or not is_readable(inspection.dialect):
        return None
    bindings = bind(schema, inspection.columns, pipeline.na)
    if not bindings or not is_makeable(schema, bindings):
        return None
    make, takes_mapping = maker_of(schema)
    return RowColumns(
        bindings,
        maker=compile_maker(schema, bindings, make, takes_mapping=takes_mapping),
        diagnosis=Diagnosis(schema, bindings, make, {}),
        dialect=inspection.dialect,
        reader=ColumnReader(inspection, plan.limits, pipeline.ragged, [binding.position for binding in bindings]),
        parser=parser,
    )


def prepare_delivery(
    pipeline: Pipeline[..., Any], plan: JobPlan, *, parser: SliceParser, build: Callable[[list[str]], object]
) -> DeliveryColumns | None:
    """For typed rows that go to a sink as they are; None where objects must be made of them."""
    schema, inspection = pipeline.signature.row_schema, plan.inspection
    if schema is None or inspection is None or plan.mends is not None or not is_readable(inspection.dialect):
        return None
    bindings = bind(schema, inspection.columns, pipeline.na)
    if not bindings or not is_makeable(schema, bindings) or not is_kept_as_given(schema, bindings):
        return None
    try:
        columns = as_columns(schema)
    except PipelineError:  # a type, or a default, that columns do not have
        return None
    batch_schema = BatchSchema(columns, inspection.columns, pipeline.na, inspection.sample_rows)
    positions = [field.meaning.binding.position for field in batch_schema.fields if field.meaning is not None]
    reader = ColumnReader(inspection, plan.limits, pipeline.ragged, positions)
    width = len(inspection.columns)
    return DeliveryColumns(
        batch_schema, width=width, build=build, dialect=inspection.dialect, reader=reader, parser=parser
    )


def prepare_batches(
    pipeline: Pipeline[..., Any], plan: JobPlan, columns: Sequence[str], *, parser: SliceParser, is_quick: bool
) -> BatchColumns:
    """For Arrow batches, which are made of rows if it must not be `is_quick`."""
    schema, inspection = pipeline.signature.row_schema, plan.inspection
    assert inspection is not None, "a job without a file has no rows"  # noqa: S101  # refused at intake
    samples: Sequence[Sequence[str]] = inspection.sample_rows
    if plan.mends is not None:
        mends = plan.mends
        samples = [own_cells(mends, cells) for cells in samples]
    batch_schema, positions = None, list(range(len(inspection.columns)))
    if schema is not None:
        batch_schema = BatchSchema(schema, columns, pipeline.na, samples)
        positions = [field.meaning.binding.position for field in batch_schema.fields if field.meaning is not None]
    reader = None
    if is_quick and plan.mends is None and is_readable(inspection.dialect):
        reader = ColumnReader(inspection, plan.limits, pipeline.ragged, positions)
    return BatchColumns(
        batch_schema, columns, size=pipeline.batch_size, dialect=inspection.dialect, reader=reader, parser=parser
    )
