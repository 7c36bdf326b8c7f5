"""Every way to import one file, by a key: so that it can be timed here and weighed in a fresh interpreter."""

from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import Any

import attrs
import peers
from handlers import Customer, Person, take_busily, take_cells, take_customer, take_person, take_record
from peers import reason_absent, take_cells_as, take_record_as
from pipelines import (
    CONCURRENCY,
    WAIT_SECONDS,
    import_busily,
    import_cells,
    import_customers,
    import_people,
    import_waiting,
)

import csvpipe

_PROBE = b"id,name,city,joined,score,active,visits,amount\n1,Ana,Lima,2024-05-17,,true,3,9.50\n"


@attrs.frozen(kw_only=True)
class Sample:
    """A file to import.

    Attributes:
        path: Where it is.
        rows: How many it has.
        bad: How many of them have a cell that does not convert.
    """

    path: Path
    rows: int
    bad: int = 0


@attrs.frozen
class Way:
    """How to import a file.

    Attributes:
        name: As it stands in tables.
        run: Does it.
        reason_absent: Why it cannot be done, or None.
    """

    name: str
    run: Callable[[Sample], object]
    reason_absent: Callable[[], str | None] = lambda: None


def import_with(
    pipeline: csvpipe.Pipeline[..., Any], sample: Sample, *, workers: int | None, executor: Any = "thread"
) -> None:
    """Import the file, and make sure that all of it was.

    Raises:
        RuntimeError: It was not.
    """
    [record] = csvpipe.run(pipeline, sample.path, workers=workers, executor=executor)
    counts = (record.processed_rows, record.failed_rows, record.status.value)
    if counts != (sample.rows - sample.bad, sample.bad, "completed"):
        raise RuntimeError(f"{counts} of {sample}: {record.error_message}")


@cache
def reason_no_processes() -> str | None:
    """Why csvpipe cannot import with worker processes: tried once on one row."""
    try:
        [record] = csvpipe.run(import_cells, _PROBE, executor="process", workers=1)  # type: ignore[arg-type]
    except Exception as error:  # noqa: BLE001  # whatever it is, it is the reason
        return f"{type(error).__name__}: {error}"
    return None if record.processed_rows == 1 else f"{record.status.value}: {record.error_message}"


@cache
def reason_no_batches() -> str | None:
    """Why csvpipe cannot hand Arrow batches over: tried once on one row."""
    if reason := reason_absent("pyarrow"):
        return reason
    try:
        [record] = csvpipe.run(_batches(), _PROBE, workers=1)
    except Exception as error:  # noqa: BLE001  # whatever it is, it is the reason
        return f"{type(error).__name__}: {error}"
    return None if record.processed_rows == 1 else "csvpipe hands no RecordBatch over"


def reason_no_process_batches() -> str | None:
    """Why both together cannot be had."""
    return reason_no_batches() or reason_no_processes()


def _batches() -> csvpipe.Pipeline[..., Any]:
    from columnar import import_batches  # noqa: PLC0415  # needs pyarrow

    return import_batches


def _import_batches(sample: Sample, *, workers: int, executor: str = "thread") -> None:
    import_with(_batches(), sample, workers=workers, executor=executor)


def _batch_duckdb(sample: Sample) -> None:
    if (found := peers.batch_duckdb(sample.path)) != (sample.rows - sample.bad, sample.bad):
        raise RuntimeError(f"DuckDB found {found} good and bad rows in {sample}")


def _batch(read: Callable[[Path], int], sample: Sample) -> None:
    if (found := read(sample.path)) != sample.rows:
        raise RuntimeError(f"{read.__name__} found {found} rows in {sample}")


def _loop(read: Callable[..., object], *arguments: Any, **options: Any) -> Callable[[Sample], object]:
    return lambda sample: read(sample.path, *arguments, **options)


def _note(handle: Callable[[list[str]], None], sample: Sample) -> None:
    if (found := peers.loop_reader_noting(sample.path, handle)) != sample.bad:
        raise RuntimeError(f"csv.reader found {found} bad rows in {sample}")


def _csvpipe(name: str, pipeline: csvpipe.Pipeline[..., Any]) -> dict[str, Way]:
    """The ways that one pipeline is run: on threads and in processes."""
    here = {f"{name}-1-thread": Way("csvpipe, 1 thread", partial(import_with, pipeline, workers=1))}
    here[f"{name}-10-threads"] = Way("csvpipe, 10 threads", partial(import_with, pipeline, workers=None))
    for number, word in ((1, "process"), (2, "processes")):
        run = partial(import_with, pipeline, workers=number, executor="process")
        here[f"{name}-{number}-{word}"] = Way(f"csvpipe, {number} {word}", run, reason_no_processes)
    return here


def _typed(name: str, make: Callable[..., Any], take: Callable[[Any], None]) -> dict[str, Way]:
    """The ways of everyone else to typed rows."""
    by_hand = partial(take_cells_as, make, take)
    return {
        f"{name}-dict-reader": Way(
            "`csv.DictReader` loop", _loop(peers.loop_dict_reader, partial(take_record_as, make, take))
        ),
        f"{name}-reader": Way("`csv.reader` loop", _loop(peers.loop_reader, by_hand)),
        f"{name}-noting": Way("`csv.reader` loop, `try` around each row", partial(_note, by_hand)),
        f"{name}-pool": Way("`multiprocessing.Pool(2).imap`", _loop(peers.map_processes, by_hand)),
        f"{name}-pandas": _peer("pandas", "`pandas.read_csv(chunksize=)`", peers.loop_pandas, take, make=make),
        f"{name}-polars": _peer("polars", "polars, `collect_batches`", peers.loop_polars, take, make=make),
        f"{name}-duckdb": _peer("duckdb", "DuckDB, `fetchmany`", peers.loop_duckdb, take, make=make),
    }


def _peer(module: str, name: str, read: Callable[..., object], *arguments: Any, **options: Any) -> Way:
    return Way(name, _loop(read, *arguments, **options), partial(reason_absent, module))


def _columns(module: str, name: str, read: Callable[[Path], int]) -> Way:
    return Way(name, partial(_batch, read), partial(reason_absent, module))


def _no_duckdb() -> str | None:
    return reason_absent("duckdb") or reason_absent("pyarrow")


WAYS: dict[str, Way] = {
    "text-reader": Way("`csv.reader` loop", _loop(peers.loop_reader, take_cells)),
    "text-dict-reader": Way("`csv.DictReader` loop", _loop(peers.loop_dict_reader, take_record)),
    "text-pool": Way("`multiprocessing.Pool(2).imap`", _loop(peers.map_processes, take_cells)),
    "text-pandas": _peer("pandas", "`pandas.read_csv(chunksize=)`", peers.loop_pandas, take_cells),
    "text-polars": _peer("polars", "polars, `collect_batches`", peers.loop_polars, take_cells),
    "text-duckdb": _peer("duckdb", "DuckDB, `fetchmany`", peers.loop_duckdb, take_cells),
    **_csvpipe("text", import_cells),
    **_typed("tuple", Person, take_person),
    **_csvpipe("tuple", import_people),
    **_typed("attrs", Customer, take_customer),
    **_csvpipe("attrs", import_customers),
    "batch-duckdb": Way("DuckDB, `store_rejects`, `to_arrow_reader`", _batch_duckdb, _no_duckdb),
    "batch-polars": _columns("polars", "polars, `collect_batches`", peers.batch_polars),
    "batch-pyarrow": _columns("pyarrow", "`pyarrow.csv.open_csv`", peers.batch_arrow),
    "batch-pandas": _columns("pandas", "`pandas.read_csv(chunksize=)`", peers.batch_pandas),
    "batch-2-threads": Way("csvpipe, 2 threads", partial(_import_batches, workers=2), reason_no_batches),
    "batch-2-processes": Way(
        "csvpipe, 2 processes", partial(_import_batches, workers=2, executor="process"), reason_no_process_batches
    ),
    "busy-reader": Way("`csv.reader` loop", _loop(peers.loop_reader, take_busily)),
    "busy-pool": Way("`multiprocessing.Pool(2).imap`", _loop(peers.map_processes, take_busily)),
    **_csvpipe("busy", import_busily),
    "wait-tasks": Way(
        f"{CONCURRENCY} asyncio tasks over a `csv.reader`", _loop(peers.gather_rows, WAIT_SECONDS, CONCURRENCY)
    ),
    "wait-csvpipe": Way("csvpipe", partial(import_with, import_waiting, workers=1)),
    "whole-list": Way("`list(csv.reader)`", _loop(peers.read_list)),
    "whole-pandas": _peer("pandas", "`pandas.read_csv`", peers.read_frame),
}
