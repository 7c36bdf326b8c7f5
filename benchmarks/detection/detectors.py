"""Who finds dialects and headers: csvpipe, and its peers, each called at its best."""

import csv
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import attrs
from benchmarks.detection.annotation import Annotation, Sample, Spelling

from csvpipe._intake.sniffer.dialect import sniff_dialect
from csvpipe._intake.sniffer.table import find_header


@attrs.frozen(kw_only=True)
class Answer:
    """What a detector says; None where it does not say."""

    spelling: Spelling | None
    header: bool | None = None
    preamble_lines: int | None = None


Detector = Callable[[Sample, Annotation], Answer]


def csvpipe_detects(sample: Sample, truth: Annotation) -> Answer:
    """Dialect, header and preamble, without being told anything."""
    return _csvpipe(sample, header=None)


def csvpipe_is_told(sample: Sample, truth: Annotation) -> Answer:
    """The same, where the caller says whether there is a header: what an import does by default."""
    return _csvpipe(sample, header=truth.header)


def _csvpipe(sample: Sample, *, header: bool | None) -> Answer:
    dialect = sniff_dialect(sample.text, is_whole=sample.is_whole).dialect
    found = find_header(sample.text, dialect, is_whole=sample.is_whole, header="detect" if header is None else header)
    spelling = Spelling(
        delimiter=dialect.delimiter,
        quotechar=dialect.quotechar,
        escapechar=dialect.escapechar,
        skipinitialspace=dialect.skipinitialspace,
    )
    return Answer(spelling=spelling, header=found.has_header, preamble_lines=found.preamble_lines)


def csv_sniffer(sample: Sample, truth: Annotation) -> Answer:
    """The standard library; where it gives up, its default dialect."""
    try:
        found = csv.Sniffer().sniff(sample.text)
        spelling = Spelling(
            delimiter=found.delimiter, quotechar=found.quotechar, skipinitialspace=found.skipinitialspace
        )
    except csv.Error:
        spelling = Spelling(delimiter=",")
    try:
        header = csv.Sniffer().has_header(sample.text)
    except (csv.Error, StopIteration, ValueError):  # it may take a newline for a delimiter
        header = None
    return Answer(spelling=spelling, header=header)


def clevercsv_sniffer(sample: Sample, truth: Annotation) -> Answer:
    """The authors' own implementation of the method; where it gives up, its default dialect."""
    import clevercsv  # noqa: PLC0415  # not installed everywhere

    found = clevercsv.Sniffer().sniff(sample.text)
    if found is None:
        return Answer(spelling=Spelling(delimiter=","))
    spelling = Spelling(
        delimiter=found.delimiter or None, quotechar=found.quotechar or None, escapechar=found.escapechar or None
    )
    try:
        header = clevercsv.Sniffer().has_header(sample.text)
    except Exception:  # noqa: BLE001  # it has no errors of its own
        header = None
    return Answer(spelling=spelling, header=header)


def duckdb_sniffer(sample: Sample, truth: Annotation) -> Answer:
    """`sniff_csv`, on the sample as UTF-8; in its lenient mode where the strict one finds nothing."""
    import duckdb  # noqa: PLC0415  # not installed everywhere

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "sample.csv"
        path.write_bytes(sample.text.encode("utf-8", "replace"))
        row = None
        for options in ("", ", strict_mode=false", ", ignore_errors=true"):
            query = f"select Delimiter, Quote, Escape, SkipRows, HasHeader from sniff_csv(?{options})"  # noqa: S608
            try:
                row = duckdb.execute(query, [str(path)]).fetchone()
                break
            except duckdb.Error:
                continue
    if row is None:
        return Answer(spelling=Spelling(delimiter=","))
    delimiter, quote, escape, skipped, header = row
    absent = {None, "", "(empty)", "\0"}
    spelling = Spelling(
        delimiter=None if delimiter in absent else delimiter,
        quotechar=None if quote in absent else quote,
        escapechar=None if escape in absent or escape == quote else escape,
    )
    return Answer(spelling=spelling, header=bool(header), preamble_lines=skipped)


def detectors() -> Iterator[tuple[str, Detector | None]]:
    """Each by its name; None for one that is not installed."""
    from importlib.util import find_spec  # noqa: PLC0415

    yield "csvpipe", csvpipe_detects
    yield "csvpipe, told about headers", csvpipe_is_told
    yield "csv.Sniffer", csv_sniffer
    yield "clevercsv", clevercsv_sniffer if find_spec("clevercsv") else None
    yield "DuckDB sniff_csv", duckdb_sniffer if find_spec("duckdb") else None
