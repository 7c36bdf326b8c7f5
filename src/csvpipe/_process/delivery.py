"""Runs a chunk whose rows go to a sink: all of them are handled first, then delivered in one transaction.

No transaction waits for a handler. What is to be written is kept meanwhile, so that a delivery can be made again from
its beginning, as often as the sink is down.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, TypeAlias, cast

from csvpipe._partition.chunk import Chunk
from csvpipe._process.conduct import EndedError, StoppedError, Unit, exhausted
from csvpipe._process.convert import shortened
from csvpipe._process.flaws import Flaw
from csvpipe._process.hand import Hand
from csvpipe._process.parse import read_chunk
from csvpipe._process.part import Part
from csvpipe._process.resources import Resources
from csvpipe._process.result import ChunkResult, nothing_done
from csvpipe._process.run import ChunkRun
from csvpipe._process.said import text_of
from csvpipe._process.search import Search
from csvpipe._process.stopping import StopSignal
from csvpipe._process.tally import Fate
from csvpipe._process.turn import Turn
from csvpipe._process.work import Allowance, ChunkWork, JobWork, source_failure
from csvpipe.errors import FileCode, FileError, FileFailure, Phase, RowCode, TakenOverError, Unavailable
from csvpipe.policies import Retry
from csvpipe.sink import DeferredError, Refusal, RefusedError, Sink, SinkSession

if TYPE_CHECKING:
    from csvpipe._process.columns.delivery import Columns
    from csvpipe._process.columns.part import ColumnPart

#: Between two attempts at a sink that is down.
_PAUSES: Final = Retry(backoff_seconds=0.1, max_backoff_seconds=10.0)

#: What a refusal means for whoever mends the file, in front of the database's words.
_MEANINGS: Final[dict[str, str]] = {
    RowCode.UNIQUE: "the table has such a row already: ",
    RowCode.FOREIGN_KEY: "it refers to a row that is not there: ",
    RowCode.NOT_NULL: "the table needs a value here: ",
    RowCode.CHECK: "the table does not accept it: ",
    RowCode.OUT_OF_RANGE: "the column cannot hold the value: ",
    RowCode.DATABASE: "the database refuses the row: ",
}

#: The way out, behind them.
_MENDS: Final[dict[str, str]] = {
    RowCode.UNIQUE: "; give it a key of its own, or leave the row out",
    RowCode.FOREIGN_KEY: "; correct the reference, or import that row first",
    RowCode.NOT_NULL: "; fill the cell in",
    RowCode.CHECK: "; correct the row",
    RowCode.OUT_OF_RANGE: "; give a smaller or shorter one",
    RowCode.DATABASE: "; correct the row",
}

#: A part, the index of the first of some rows in it, how many they are, and what became of them: bad ones stand alone.
Entry: TypeAlias = tuple[Part, int, int, Fate | tuple[Flaw, ...]]


class KeptWork(ChunkWork):
    """A chunk whose rows are handled, and not delivered yet.

    Attributes:
        entries: All rows whose fate is known, in order.
        outputs: One for each row that was processed, or the columns of these; the first so many count, where the run
            was ended by a bad row.
    """

    def __init__(self, job: JobWork, chunk: Chunk) -> None:
        super().__init__(job, chunk, Allowance(error_budget=0))
        self.entries: list[Entry] = []
        self.outputs: Any = []

    def processed(self, part: Part, index: int, rows: int) -> None:
        """See `ChunkWork`."""
        if rows:
            self.entries.append((part, index - rows, rows, Fate.PROCESSED))
        super().processed(part, index, rows)

    def skipped(self, part: Part, index: int, rows: int) -> None:
        """See `ChunkWork`."""
        self.entries.append((part, index - rows, rows, Fate.SKIPPED))
        super().skipped(part, index, rows)

    def reject(self, part: Part, index: int, flaws: Sequence[Flaw]) -> None:
        """See `ChunkWork`."""
        self.entries.append((part, index, 1, tuple(flaws)))
        super().reject(part, index, flaws)

    def take(self, unit: Unit) -> None:
        """See `ChunkWork`."""
        first = 0
        for _, _, rows, outcome in unit.fates():
            if outcome is None:
                break
            if outcome is Fate.PROCESSED:
                self.outputs.extend(map(unit.outputs.get, range(first, first + rows)))
            first += rows
        super().take(unit)


class DeliveryRun(ChunkRun):
    """A chunk on its way through one worker thread and into the pipeline's sink; see `ChunkRun`."""

    _work: KeptWork

    def __init__(
        self,
        job: JobWork,
        chunk: Chunk,
        allowance: Allowance,
        *,
        stop: StopSignal,
        turn: Turn,
        hand: Hand | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(job, chunk, allowance, stop=stop, turn=turn, hand=hand, clock=clock)
        self._allowance = allowance
        self._sink = cast("Sink", job.pipeline.sink)

    def _begin(self, chunk: Chunk, allowance: Allowance) -> KeptWork:  # noqa: ARG002  # it is for the delivery
        return KeptWork(self._job, chunk)

    # Handling ---------------------------------------------------------------------------------------------------------

    def _handle(self) -> Callable[[Any], object]:
        keep: Callable[[object], None] = self._work.outputs.append
        if not self._job.pipeline.has_handler:
            return keep
        call = super()._handle()
        return lambda item: keep(_one(call(item)))

    def _settle(self, part: Part, index: int, error: BaseException) -> None:
        if type(error) is EndedError:  # by `_one`
            raise error
        super()._settle(part, index, error)

    def _run_rows(self) -> None:
        found, work = self._as_columns(), self._work
        if found is None:
            super()._run_rows()
            return
        part, work.outputs = found
        begin = 0
        for bad, flaws in sorted(part.flaws.items()):
            work.processed(part, bad, bad - begin)
            work.reject(part, bad, flaws)
            begin = bad + 1
        work.processed(part, len(part), len(part) - begin)
        work.read_to()

    def _as_columns(self) -> tuple[ColumnPart, Columns] | None:
        """The chunk as columns, where no handler wants its rows and the sink takes them so."""
        job, chunk = self._job, self._work.chunk
        if job.pipeline.has_handler or job.pipeline.signature.row_schema is None or not job.is_by_columns(chunk):
            return None
        columns = job.delivery_columns
        if columns is None or not self._session.takes_columns(columns.kinds):
            return None
        self._turn.take()
        return columns.part(chunk, read_chunk(job.plan, chunk))

    def _keep(self, unit: Unit, group: Sequence[int], output: object) -> None:
        if not self._job.pipeline.signature.is_batch:
            unit.outputs[group[0]] = _one(output)
            return
        unit.outputs.update(zip(group, _several(output, len(group)), strict=True))

    def _run(self, resources: Resources) -> ChunkResult:
        self._session = session = resources.session(self._job.pipeline)
        failure, is_complete = self._handled(resources)
        if self._hand is not None:
            self._hand.clear()  # no row kills a worker from here on
        self._turn.give()
        work = self._work
        if not work.entries and not is_complete:
            return work.result(failure=failure)
        try:
            return self._deliver(session, failure, is_complete=is_complete)
        except StoppedError:
            return ChunkWork(self._job, work.chunk, self._allowance).result()
        except EndedError as ended:
            return nothing_done(work.chunk, ended.failure)
        finally:
            session.rollback()

    # Delivering -------------------------------------------------------------------------------------------------------

    def _deliver(self, session: SinkSession, failure: FileFailure | None, *, is_complete: bool) -> ChunkResult:
        """Make the delivery, again and again while the sink is down and there is patience.

        Raises:
            EndedError: There is none left, or the sink is not what it should be.
            StoppedError: It is time to stop, and the sink is down.
        """
        give_up_at = self._clock() + self._sink.patience_seconds
        is_strict, attempt = False, 1
        while True:
            try:
                return self._delivered(session, failure, is_complete=is_complete, is_strict=is_strict)
            except DeferredError as error:
                if is_strict:
                    message = (
                        f"{text_of(error)}; it cannot be told for which row, so nothing of the chunk is written: mend "
                        "the file, or make the constraint one that is checked at once, then retry the job"
                    )
                    raise EndedError(FileFailure(code=FileCode.SINK_FAILED, message=message)) from error
                is_strict = True
            except TakenOverError as error:
                raise EndedError(FileFailure(code=FileCode.ABORTED, message=str(error))) from error
            except FileError as error:
                raise EndedError(source_failure(error)) from error
            except Unavailable as error:
                delay = _PAUSES.delay_seconds(attempt)
                if self._clock() + delay > give_up_at:
                    raise EndedError(exhausted(error, attempt)) from error
                session.rollback()
                self._pause(delay)
                attempt += 1

    def _delivered(
        self, session: SinkSession, failure: FileFailure | None, *, is_complete: bool, is_strict: bool
    ) -> ChunkResult:
        work, context = self._work, self._job.context
        number, known = work.tally.processed, dict[int, Refusal]()
        while True:
            before = session.begin(context.job_id, context.attempt, work.chunk.start, is_strict=is_strict)
            if before is not None:
                session.rollback()
                return _fitting(work.chunk, ChunkResult.from_dict(json.loads(before)))
            refused, is_wanted = self._write(session, work.outputs, number, known)
            known = {**known, **refused}
            if is_wanted:
                break
            if self._job.rules.ends_at_first:
                number = min(known)  # nothing behind the first bad row may stay
                known = {number: known[number]}
        result = self._counted(known, failure, is_complete=is_complete)
        if result.end > result.start:
            session.commit(result.end, json.dumps(result.to_dict(), separators=(",", ":")))
        return result

    def _write(
        self, session: SinkSession, outputs: Any, number: int, known: Mapping[int, Refusal]
    ) -> tuple[dict[int, Refusal], bool]:
        """Write all of the first so many that can be written, but for those that are known to be refused.

        Returns:
            What is refused besides, by its index among them, and whether what is written by now is what is wanted: else
            the transaction is undone, or has rows behind the one that ends the job.
        """
        is_batch = not isinstance(outputs, list)
        kept: Sequence[int] = range(number)
        if not is_batch or known:
            kept = [k for k in kept if k not in known and (is_batch or outputs[k] is not None)]
        if is_batch and len(kept) < number:
            outputs = outputs.only(kept)
        search = Search(range(len(kept)))
        is_wanted = True
        while is_wanted and (group := search.next_group()) is not None:
            try:
                # Groups of a range are ranges.
                by_rows = isinstance(outputs, list)
                rows = [outputs[kept[k]] for k in group] if by_rows else outputs.slice(group[0], len(group))
                session.write(rows)
            except RefusedError as error:
                is_found = search.refuse(group, error)
                if error.is_undone or (is_found and self._job.rules.ends_at_first):
                    is_wanted = not error.is_undone and error.refusals is None
                    break
        return {kept[k]: refusal for k, refusal in search.refused.items()}, is_wanted

    def _counted(self, refused: dict[int, Refusal], failure: FileFailure | None, *, is_complete: bool) -> ChunkResult:
        """The chunk's result, all its rows counted anew."""
        work = ChunkWork(self._job, self._work.chunk, self._allowance)
        try:
            self._count(work, refused)
        except EndedError as ended:
            result = work.result(failure=ended.failure)
        else:
            if is_complete:
                work.read_to(self._work)
            result = work.result(failure=failure, is_complete=is_complete)
        if result.failure is not None and not result.rows and result.failure is not failure:
            raise EndedError(result.failure)  # the spill cannot be written, so nothing may be delivered
        return result

    def _count(self, work: ChunkWork, refused: dict[int, Refusal]) -> None:
        first = 0
        bad = sorted(refused)
        for part, index, rows, outcome in self._work.entries:
            if outcome is Fate.SKIPPED:
                work.skipped(part, index + rows, rows)
            elif outcome is not Fate.PROCESSED:
                work.reject(part, index, outcome)
            else:
                begin = 0
                while bad and bad[0] < first + rows:
                    at = bad[0] - first
                    work.processed(part, index + at, at - begin)
                    work.reject(part, index + at, (self._flaw(part, index + at, refused[bad.pop(0)]),))
                    begin = at + 1
                work.processed(part, index + rows, rows - begin)
                first += rows

    def _flaw(self, part: Part, index: int, refusal: Refusal) -> Flaw:
        """What is wrong with a row that the sink refused, in the words of the file."""
        columns, column = self._job.columns, refusal.column
        if column is not None and column not in columns:
            column = self._job.rules.headers.get(column, column)
        value = None
        if column in columns:
            cells, position = part.cells(index), columns.index(column)
            value = shortened(cells[position]) if position < len(cells) else None
        # The detail may quote whole rows, defaults of the table's among them.
        detail = "" if self._job.secrets or not refusal.detail else f" ({refusal.detail})"
        return Flaw(
            column=column,
            code=refusal.code,
            phase=Phase.HANDLE,
            before=_MEANINGS.get(refusal.code, ""),
            message=text_of(f"{refusal.message}{detail}"),
            after=_MENDS.get(refusal.code, ""),
            value=value,
        )


def _fitting(chunk: Chunk, result: ChunkResult) -> ChunkResult:
    """The result of a delivery that was made before, if it is one of this chunk or of its first part."""
    if result.end <= chunk.end:
        return result
    message = (
        f"bytes {result.start} to {result.end} have been delivered before, beyond byte {chunk.end} where the chunk in "
        "hand ends; report this as a defect of csvpipe"
    )
    raise EndedError(FileFailure(code=FileCode.CONSERVATION, message=message))


def _one(output: object) -> object:
    """What a handler of single rows returned."""
    if type(output) is list:
        raise EndedError(
            FileFailure(
                code=FileCode.ABORTED,
                message="the handler returned a list for a single row; a sink takes an object, a mapping or a tuple of "
                "its columns, or None for nothing: annotate the first parameter list[...] to handle rows in batches",
            )
        )
    return output


def _several(output: object, rows: int) -> Sequence[object]:
    """What a handler of batches returned, one for each row."""
    if output is None:
        return [None] * rows
    given: Any = output
    if type(given).__module__.partition(".")[0] == "pyarrow" and hasattr(given, "to_pylist"):
        given = given.to_pylist()
    if isinstance(given, list | tuple) and len(given) == rows:
        return given
    what = f"{len(given)} rows" if isinstance(given, list | tuple) else f"{type(given).__name__!r}"
    raise EndedError(
        FileFailure(
            code=FileCode.ABORTED,
            message=f"the handler returned {what} for a batch of {rows} rows; return a list with one for each row of "
            "the batch, None in it for nothing; mend the handler and retry the job",
        )
    )
