"""One chunk's way from bytes to a `ChunkResult`, whoever calls the handler."""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import repeat
from typing import TYPE_CHECKING, Any, NamedTuple

from csvpipe._intake.inspection import JobPlan
from csvpipe._intake.sensitive import sensitive_columns
from csvpipe._partition.chunk import Chunk
from csvpipe._process import columns
from csvpipe._process.build import BadRow, Builder, Flaw, compile_builder, compile_untyped
from csvpipe._process.columns import BATCH_FROM_BYTES, FROM_BYTES
from csvpipe._process.conduct import Conduct, EndedError, Rules, Unit, conduct
from csvpipe._process.failures import decode_failure, row_failure
from csvpipe._process.hand import Hand
from csvpipe._process.mending import Mending
from csvpipe._process.parse import Slice, SliceParser, read_chunk, read_slices
from csvpipe._process.part import Part
from csvpipe._process.result import ChunkResult, nothing_done
from csvpipe._process.rowset import RowSet
from csvpipe._process.secrets import Secrets
from csvpipe._process.tally import Fate, Tally
from csvpipe._process.waves import waves
from csvpipe.context import Context
from csvpipe.errors import FileCode, FileError, FileFailure, Phase, RowCode
from csvpipe.pipeline import Pipeline
from csvpipe.rowtypes import Row, Shape, spellings

if TYPE_CHECKING:
    from csvpipe._process.columns.batches import BatchColumns
    from csvpipe._process.columns.delivery import DeliveryColumns
    from csvpipe._process.columns.rows import RowColumns, RowPart


class JobWork:
    """What all chunks of a job share: prepared once, read by many workers. A mended file comes with its `mending`.

    Args:
        pipeline: As in the attributes.
        plan: As in the attributes.
        context: As in the attributes.
        chunk_seconds: As in the attributes.
        mending: Of a mended file.
        columns_from_bytes: Size of a chunk from which it is read by columns, where it can be; infinity for never, None
            for what pays.

    Attributes:
        pipeline: The handler and its policies.
        plan: The job's.
        columns: Of the file; of a mended one those of the file that it mends, which are what handlers see.
        context: What `Context` says of the job, without rows.
        chunk_seconds: After so long a worker returns what it has done, and the rest is queued again.
        mending: Of a mended file. All that the constructor takes is kept, so that another process can make the same.
        parser: Of the file's slices.
        secrets: What no message may show.
        rules: For the calls of the handler.

    Raises:
        FileError: `columns_missing`.
    """

    def __init__(
        self,
        pipeline: Pipeline[..., Any],
        plan: JobPlan,
        context: Context,
        *,
        chunk_seconds: float = 1.0,
        mending: Mending | None = None,
        columns_from_bytes: float | None = None,
    ) -> None:
        inspection = plan.inspection
        assert inspection is not None, "a job without a plan has no chunks"  # noqa: S101  # refused at intake
        self.pipeline = pipeline
        self.plan = plan
        self.context = context
        self.chunk_seconds = chunk_seconds
        self.mending = mending
        self.columns = inspection.columns if mending is None else mending.mends.columns
        self.parser = SliceParser(inspection, plan.limits, pipeline.ragged, mending, errors=pipeline.errors)
        schema = pipeline.signature.row_schema
        self.secrets = Secrets(self.columns, sensitive_columns(pipeline, self.columns))
        self.columns_from_bytes = columns_from_bytes
        self._positions = {name: position for position, name in enumerate(self.columns)}
        self._build_cells = self._cells_builder()
        self.rules = Rules(
            columns=self.columns,
            headers={} if schema is None else spellings(schema, self.columns),
            retry=pipeline.retry,
            build=self.build,
            context=context if pipeline.signature.takes_context else None,
            secrets=self.secrets,
            ends_at_first=pipeline.on_error == "fail",
            is_called=self.calls_handler,
        )

    def __repr__(self) -> str:
        return f"<JobWork of {self.pipeline!r}>"

    @property
    def calls_handler(self) -> bool:
        """False in a dry run of a handler that could not know of it: then rows are built, and that is all."""
        return self.pipeline.signature.takes_context or not self.context.dry_run

    @property
    def needs_setup(self) -> bool:
        """Whether the pipeline's `setup` is to be entered, be it for its value or for what it does."""
        return self.pipeline.setup is not None and self.calls_handler

    def _cells_builder(self) -> Builder | None:
        """Makes an item from cells alone; None for rows, which know their place."""
        signature = self.pipeline.signature
        if signature.shape is Shape.COLUMNS:
            return self.batch_columns.build
        if signature.row_schema is not None:
            return compile_builder(signature.row_schema, self.columns, na=self.pipeline.na)
        return None if signature.shape is Shape.ROW else compile_untyped(signature.shape, self.columns)

    def build(self, part: Part, index: int, cells: list[str]) -> object:
        """Make what the handler gets for row `index` of a slice.

        Raises:
            BadRow: The cells are not what the row type wants.
        """
        if self._build_cells is None:
            return Row(part.number(index), part.line(index), self._positions, cells)
        return self._build_cells(cells)

    def items(self, part: Slice | RowPart, begin: int, end: int) -> Iterator[object]:
        """What `build` makes of the good rows `[begin, end)` of a slice, one by one but without a call for each.

        Goes on with the next row after it has raised `BadRow`, or what a row of columns raises in its place.
        """
        if not isinstance(part, Slice):
            return part.items(begin, end)
        cells: list[list[str]] = part.rows[begin:end]  # type: ignore[assignment]  # good ones
        if self._build_cells is None:
            lines = part.lines_of(begin, end)
            return map(Row, part.numbers_of(begin, end), lines, repeat(self._positions), cells)
        if self.pipeline.signature.shape is Shape.LIST:
            return iter(cells)
        return map(self._build_cells, cells)

    def item(self, part: Part, index: int, cells: list[str] | None) -> tuple[object, tuple[Flaw, ...] | None]:
        """What `build` makes of row `index` of a slice, or None and what is wrong with it."""
        if cells is None:
            return None, part.flaws[index]
        try:
            return self.build(part, index, cells), None
        except BadRow as bad:
            return None, bad.flaws

    def is_by_columns(self, chunk: Chunk) -> bool:
        """Whether a chunk is worth reading by columns, if it can be."""
        is_batch = self.pipeline.signature.shape is Shape.COLUMNS
        least = BATCH_FROM_BYTES if is_batch else FROM_BYTES
        if self.columns_from_bytes is not None:
            return chunk.end - chunk.start >= self.columns_from_bytes
        return chunk.end - chunk.start >= least and columns.is_available()

    # In the worker: loading Arrow takes a while, and a job of small files may never need it.

    @cached_property
    def row_columns(self) -> RowColumns | None:
        """Makes typed rows of columns; None where they are made row by row."""
        from csvpipe._process.columns.prepare import prepare_rows  # noqa: PLC0415

        return prepare_rows(self.pipeline, self.plan, parser=self.parser)

    @cached_property
    def delivery_columns(self) -> DeliveryColumns | None:
        """Makes columns for a sink; None where it takes objects."""
        from csvpipe._process.columns.prepare import prepare_delivery  # noqa: PLC0415

        build = self._build_cells
        return None if build is None else prepare_delivery(self.pipeline, self.plan, parser=self.parser, build=build)

    @cached_property
    def batch_columns(self) -> BatchColumns:
        """Makes Arrow batches."""
        from csvpipe._process.columns.prepare import prepare_batches  # noqa: PLC0415

        is_quick = self.columns_from_bytes != math.inf
        return prepare_batches(self.pipeline, self.plan, self.columns, parser=self.parser, is_quick=is_quick)


class Allowance(NamedTuple):
    """What a worker may put into its report of one chunk.

    Attributes:
        error_budget: Row errors that the result may carry.
        spill: Path for those over the budget.
    """

    error_budget: int
    spill: str | None = None


class ChunkWork:
    """A chunk in hand: hands out its rows in order, and counts what became of them."""

    def __init__(self, job: JobWork, chunk: Chunk, allowance: Allowance) -> None:
        self.job = job
        self.chunk = chunk
        self.tally = Tally(secrets=job.secrets, error_budget=allowance.error_budget, spill=allowance.spill)
        self._mark: tuple[Part, int] | None = None
        self.end_line = chunk.first_line
        self._first_message: str | None = None
        self._rejected = array("q")
        self._resolved = array("q")

    def __repr__(self) -> str:
        return f"<ChunkWork [{self.chunk.start}, {self.chunk.end}) {self.tally!r}>"

    def slices(self) -> Iterator[Slice | RowPart]:
        """The chunk's rows, slice by slice or by columns; a slice counts as done only when its rows are.

        Raises:
            FileError: The file is not what it was.
        """
        job, chunk = self.job, self.chunk
        if job.pipeline.signature.shape is Shape.TYPED and job.is_by_columns(chunk) and job.row_columns is not None:
            parts = job.row_columns.parts(chunk, read_chunk(job.plan, chunk))
            if parts is not None:
                yield from parts
                self.end_line = chunk.first_line + chunk.lines
                return
        yield from self._slices()

    def _slices(self) -> Iterator[Slice]:
        for part in read_slices(self.job.plan, self.job.parser, self.chunk):
            yield part
            self.end_line = part.first_line + part.lines

    def waves(self, hand: Hand | None = None) -> Iterator[list[Unit]]:
        """Units of `batch_size` rows (of one, for handlers of single rows), as many at a time as a slice completes.

        Args:
            hand: Where the rows of a slice are noted before they are built.

        Raises:
            FileError: The file is not what it was.
        """
        signature = self.job.pipeline.signature
        if signature.shape is Shape.COLUMNS:
            yield from self._batches()
            return
        yield from waves(self.job, self.slices() if hand is None else self._noted(hand))

    def _noted(self, hand: Hand) -> Iterator[Slice | RowPart]:
        for part in self.slices():
            if len(part):
                hand.take(part.first_row, len(part))
            yield part

    def _batches(self) -> Iterator[list[Unit]]:
        """Units of Arrow batches."""
        job, chunk = self.job, self.chunk
        if job.is_by_columns(chunk):
            units = job.batch_columns.units(chunk, read_chunk(job.plan, chunk))
            if units is not None:
                yield [*units]
                self.end_line = chunk.first_line + chunk.lines
                return
        for unit in job.batch_columns.units_of(self._slices()):
            yield [unit]

    def conduct(self, unit: Unit) -> Conduct:
        """The steps that settle `unit`."""
        return conduct(unit, self.job.rules)

    def processed(self, part: Part, index: int, rows: int) -> None:
        """Count so many rows before row `index` of `part` that were handled with success."""
        self.tally.processed += rows
        self._resolve(part, index, rows)
        self.reached(part, index)

    def skipped(self, part: Part, index: int, rows: int) -> None:
        """Count so many rows before row `index` of `part` that were left out."""
        self.tally.skipped += rows
        self._resolve(part, index, rows)
        self.reached(part, index)

    def take(self, unit: Unit) -> None:
        """Count the rows of `unit` whose fate is known, up to the first whose is not.

        Raises:
            EndedError: A row was rejected under `on_error="fail"`, or the breaker tripped.
        """
        for part, index, rows, outcome in unit.fates():
            if outcome is None:
                return
            if outcome is Fate.PROCESSED:
                self.processed(part, index + rows, rows)
            elif outcome is Fate.SKIPPED:
                self.skipped(part, index + rows, rows)
            else:
                for bad in range(index, index + rows):
                    self.reject(part, bad, outcome)

    def _resolve(self, part: Part, index: int, rows: int) -> None:
        """Note that so many rows before row `index` of `part` are rejected no more; a dry run has done nothing."""
        if part.numbers is not None and not self.job.context.dry_run:
            self._resolved.extend(part.numbers[index - rows : index])

    def reject(self, part: Part, index: int, flaws: Sequence[Flaw]) -> None:
        """Count one bad row.

        Raises:
            EndedError: As for `take`.
        """
        cells = part.cells(index) if self.job.secrets and part.is_parsed(index) else None
        row, place, flaw, pipeline = part.first_row + index, part.place(index), flaws[0], self.job.pipeline
        self.tally.reject(row, place, flaws, cells)
        if self.job.plan.mends is None:
            self._rejected.append(row)
        self._mark = (part, index + 1)
        if pipeline.on_error == "fail":
            raise EndedError(row_failure(self.tally.error_of(row, place, flaw, cells)))
        if flaw.code == RowCode.DECODE and flaw.phase is Phase.PARSE and pipeline.errors == "strict":
            raise EndedError(decode_failure(self.tally.error_of(row, place, flaw, cells)))
        if self._is_broken(flaw):
            shown = self.tally.error_of(row, place, flaw, cells)
            error = shown.message.removeprefix(flaw.before).removesuffix(flaw.after)
            raise EndedError(
                FileFailure(
                    code=FileCode.REJECT_LIMIT,
                    message=f"the first {pipeline.breaker} rows all failed in the handler with the same error: "
                    f"{error}; mend the handler and retry the job (breaker=None rejects such rows one by one)",
                )
            )

    def _is_broken(self, flaw: Flaw) -> bool:
        """A handler that fails alike on every row from the file's first is broken; the file is not."""
        most, tally = self.job.pipeline.breaker, self.tally
        if most is None or self.chunk.first_row != 1 or tally.failed != tally.rows:
            return False
        if tally.failed == 1:
            self._first_message = flaw.message
        if flaw.code != RowCode.HANDLER or flaw.message != self._first_message:
            self._first_message = None  # equal to no message: it does not trip any more
            return False
        return tally.failed == most

    def reached(self, part: Part, index: int) -> None:
        """Remember that everything before row `index` of `part` is done."""
        self._mark = (part, index)

    def read_to(self, other: ChunkWork | None = None) -> None:
        """Take over how far the chunk was read; without another, all of it was."""
        self.end_line = self.chunk.first_line + self.chunk.lines if other is None else other.end_line

    def result(self, *, failure: FileFailure | None = None, is_complete: bool = False) -> ChunkResult:
        """What is done so far: all of the chunk if `is_complete`, else up to the last row that was counted.

        Called once, at the end. Blank lines belong to the row before them. If row errors were lost because the disk is
        full, nothing counts as done.
        """
        try:
            spill = self.tally.close()
        except FileError as error:
            return nothing_done(self.chunk, source_failure(error))
        if is_complete:
            end, line = self.chunk.end, self.end_line
        elif self._mark is not None:
            part, index = self._mark
            end, line = part.boundary(index)
        else:
            end, line = self.chunk.start, self.chunk.first_line
        return ChunkResult(
            start=self.chunk.start,
            end=end,
            first_row=self.chunk.first_row,
            first_line=self.chunk.first_line,
            lines=line - self.chunk.first_line,
            processed=self.tally.processed,
            failed=self.tally.failed,
            skipped=self.tally.skipped,
            errors=tuple(self.tally.errors),
            totals=self.tally.totals(),
            spill=spill,
            rejected=RowSet.of(self._rejected),
            resolved=RowSet.of(self._resolved),
            failure=failure,
        )


def source_failure(error: FileError) -> FileFailure:
    """The failure of a job whose file cannot be read any more."""
    return FileFailure(code=error.code, message=error.message)
