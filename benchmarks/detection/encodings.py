"""Who finds encodings: csvpipe, and its peers."""

from collections.abc import Callable, Iterator
from importlib.util import find_spec

from benchmarks.detection.annotation import Annotation, Sample

import csvpipe

EncodingDetector = Callable[[Sample], str | None]


def csvpipe_encoding(sample: Sample) -> str | None:
    """What an import would take the file for; a file that it refuses has none."""
    try:
        found = csvpipe.inspect(sample.path, header=False)  # what is wrong with a header is not asked
    except csvpipe.CsvPipeError:
        return None
    return found.source_encoding or found.encoding


def charset_normalizer_encoding(sample: Sample) -> str | None:
    """The best match."""
    import charset_normalizer  # noqa: PLC0415  # not installed everywhere

    best = charset_normalizer.from_bytes(sample.data).best()
    return None if best is None else best.encoding


def chardet_encoding(sample: Sample) -> str | None:
    """The likeliest one."""
    import chardet  # noqa: PLC0415  # not installed everywhere

    return chardet.detect(sample.data)["encoding"]


def encoding_detectors() -> Iterator[tuple[str, EncodingDetector | None]]:
    """Each by its name; None for one that is not there."""
    yield "csvpipe", csvpipe_encoding if hasattr(csvpipe, "inspect") else None
    yield "charset-normalizer", charset_normalizer_encoding if find_spec("charset_normalizer") else None
    yield "chardet", chardet_encoding if find_spec("chardet") else None


def is_right(sample: Sample, truth: Annotation, found: str | None) -> bool:
    """Whether the text is the same in both encodings: cp1252 is no mistake where latin-1 says the same."""
    if found is None or truth.encoding is None:
        return False
    try:
        texts = [sample.data.decode(name, "ignore").removeprefix("\ufeff") for name in (found, truth.encoding)]
    except LookupError:
        return False
    return texts[0] == texts[1]
