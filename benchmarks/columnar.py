"""The pipeline that takes Arrow batches: importing this module fails where there is no pyarrow."""

import pyarrow as pa
from handlers import Record, take_columns

import csvpipe


@csvpipe.pipeline(row_type=Record)
def import_batches(batch: pa.RecordBatch) -> None:
    """Handle a batch as the peers do."""
    take_columns(batch.columns[0])
