"""What was read of a small file while it was looked at, in place of reading it again."""

import io

from hypothesis import given
from hypothesis import strategies as st

from csvpipe._intake.header import first_of, offset_after_lines, read_first_record
from csvpipe._intake.sample import sample_of, take_sample
from csvpipe._intake.sniffer.dialect import sniff_dialect
from csvpipe._intake.sniffer.records import Record, Seen
from csvpipe._intake.sniffer.table import find_header
from csvpipe.dialect import Dialect
from csvpipe.limits import Limits

_TEXTS = st.text(alphabet="ab1é,;\"'\\ \n\r#", max_size=60)
_DIALECTS = st.sampled_from(
    [Dialect(), Dialect(delimiter=";"), Dialect(quotechar=None), Dialect(escapechar="\\"), Dialect(strict=True)]
)


@given(text=_TEXTS, dialect=_DIALECTS, header=st.sampled_from([True, False, "detect"]))
def test_nothing_else_comes_of_reading_again(text: str, dialect: Dialect, *, header: bool) -> None:
    """The first record and the sample are those that are read from the file."""
    data, limits = text.encode(), Limits(row_bytes=20)
    found = find_header(text, dialect, is_whole=True, header=header)
    if found.seen is None:
        return
    start = offset_after_lines(io.BytesIO(data), start=0, lines=found.preamble_lines)
    first = first_of(found.seen, start, found.preamble_lines, encoding="utf-8", limits=limits)
    if first is None:
        return
    again = read_first_record(
        io.BytesIO(data),
        start=start,
        first_line=found.preamble_lines + 1,
        dialect=dialect,
        encoding="utf-8",
        limits=limits,
        place="x.csv",
    )
    assert again == first
    sample = take_sample(io.BytesIO(data), start=first.end, dialect=dialect, encoding="utf-8", size=len(data))
    assert sample == sample_of(found.seen, data_line=first.end_line)


@given(text=_TEXTS, header=st.sampled_from([True, False, "detect"]), wanted=st.booleans())
def test_a_header_is_found_in_records_that_were_read_already(text: str, *, header: bool, wanted: bool) -> None:
    """What the dialect was found by serves to find the header, and comes to the same."""
    names = frozenset({"a", "b"}) if wanted else frozenset()
    found = sniff_dialect(text, is_whole=True, wanted=names)
    again = find_header(text, found.dialect, is_whole=True, header=header, wanted=names)
    every = found.records
    assert again == find_header(text, found.dialect, is_whole=True, header=header, wanted=names, every=every)


def test_a_record_that_is_too_long_is_read_again() -> None:
    """Who reads it says what is wrong with it."""
    seen = Seen(["a,b\n", "1,2\n"], [Record(["a", "b"], 0, 1), Record(["1", "2"], 1, 1)])
    assert first_of(seen, 0, 0, encoding="utf-8", limits=Limits(row_bytes=3)) is None


def test_the_last_record_is_read_again() -> None:
    """It may be torn."""
    seen = Seen(["a,b"], [Record(["a", "b"], 0, 1)])
    assert first_of(seen, 0, 0, encoding="utf-8", limits=Limits()) is None


def test_a_file_with_a_fault_is_not_kept() -> None:
    """A record that cannot be read is for those who say so."""
    assert Seen.of(['"a'], [Record(None, 0, 1)], is_all=True) is None
