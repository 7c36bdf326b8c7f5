"""How often dialects, headers, preambles and encodings are found, and how fast, beside the peers.

python -m benchmarks.detection FOLDER [--annotations PATH...] [--wrong]

The main figure is `rows equal`: what is read in the found dialect is what is read in the annotated one.
"""

import argparse
import signal
import statistics
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import attrs
from benchmarks.detection.annotation import Annotation, Sample, Spelling, read_annotations, read_sample
from benchmarks.detection.detectors import Answer, Detector, detectors
from benchmarks.detection.encodings import encoding_detectors, is_right

PROPERTIES = ("rows equal", "delimiter", "quotes", "header", "preamble", "all")

#: A detector that takes longer for one file has not found anything.
MOST_SECONDS = 20


@attrs.define
class Score:
    """Right answers and questions by property, and how long each file took."""

    right: dict[str, int] = attrs.field(factory=lambda: defaultdict(int))
    asked: dict[str, int] = attrs.field(factory=lambda: defaultdict(int))
    seconds: list[float] = attrs.field(factory=list)

    def share(self, name: str) -> str:
        """As a percentage, or a dash."""
        asked = self.asked[name]
        return f"{100 * self.right[name] / asked:.1f} %" if asked else "-"

    def add(self, marks: dict[str, bool], seconds: float) -> None:
        """Count the marks for one file."""
        self.seconds.append(seconds)
        for name, is_good in marks.items():
            self.asked[name] += 1
            self.right[name] += is_good


def mark(sample: Sample, truth: Annotation, answer: Answer) -> dict[str, bool]:
    """What is right in an answer; nothing about what the annotation, or the detector, does not say."""
    marks: dict[str, bool] = {}
    wanted, found = truth.spelling, answer.spelling
    if wanted is not None:
        text = _below(sample, truth.preamble_lines or 0)
        is_equal = _reads_alike(text, wanted, found, is_whole=sample.is_whole)
        marks["rows equal"] = is_equal
        marks["delimiter"] = found is not None and (
            found.delimiter == wanted.delimiter or (wanted.delimiter is None and is_equal)
        )
        if found is not None:
            quoted = attrs.evolve(found, delimiter=wanted.delimiter)
            marks["quotes"] = _reads_alike(text, wanted, quoted, is_whole=sample.is_whole)
    if truth.header is not None and answer.header is not None:
        marks["header"] = answer.header == truth.header
    if truth.preamble_lines is not None and answer.preamble_lines is not None:
        marks["preamble"] = answer.preamble_lines == truth.preamble_lines
    marks["all"] = all(marks.values())
    return marks


def _below(sample: Sample, lines: int) -> str:
    """The text without its first lines."""
    import io  # noqa: PLC0415

    text = io.StringIO(sample.text, newline="")
    for _ in range(lines):
        text.readline()
    return text.read()


def _reads_alike(text: str, wanted: Spelling, found: Spelling | None, *, is_whole: bool) -> bool:
    if found is None:
        return False
    if wanted.skipinitialspace is None:
        wanted = attrs.evolve(wanted, skipinitialspace=found.skipinitialspace)
    expected, actual = wanted.rows(text), found.rows(text)
    if not is_whole and expected and actual:
        expected, actual = expected[:-1], actual[:-1]
    return expected is not None and expected == actual


def main() -> None:
    """Score every detector over an annotated folder."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.detection", description=__doc__.split("\n\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--annotations", type=Path, nargs="+", help="default: FOLDER/annotations.jsonl")
    parser.add_argument("--wrong", action="store_true", help="also list what csvpipe gets wrong")
    arguments = parser.parse_args()
    paths = arguments.annotations or [arguments.folder / "annotations.jsonl"]
    truths = [truth for path in paths for truth in read_annotations(path)]
    known = [
        (read_sample(arguments.folder / truth.file, truth.encoding), truth) for truth in truths if not truth.ambiguous
    ]
    _say(f"{len(known)} files; {len(truths) - len(known)} ambiguous ones are left out\n")
    _say("".join(_table_of_dialects(known, show_wrong=arguments.wrong)))
    _say("".join(_table_of_encodings(known)))


def _table_of_dialects(known: list[tuple[Sample, Annotation]], *, show_wrong: bool) -> Iterator[str]:
    yield f"\n| {'':28} | {' | '.join(f'{name:>10}' for name in PROPERTIES)} |  median ms |     max ms |\n"
    yield f"| --- | {'--: | ' * (len(PROPERTIES) + 2)}\n"
    wrong: list[str] = []
    for name, detector in detectors():
        if detector is None:
            yield f"| {name:28} | not installed\n"
            continue
        score = Score()
        for sample, truth in known:
            answer, seconds = _timed(detector, sample, truth)
            marks = mark(sample, truth, answer)
            score.add(marks, seconds)
            if show_wrong and name.startswith("csvpipe") and not marks["all"]:
                failed = ", ".join(key for key, is_good in marks.items() if not is_good and key != "all")
                wrong.append(f"{name}: {truth.file}: {failed}; {answer}\n")
        figures = " | ".join(f"{score.share(each):>10}" for each in PROPERTIES)
        median, most = statistics.median(score.seconds) * 1000, max(score.seconds) * 1000
        yield f"| {name:28} | {figures} | {median:10.2f} | {most:10.1f} |\n"
    yield from wrong


def _timed(detector: Detector, sample: Sample, truth: Annotation) -> tuple[Answer, float]:
    """The answer, none if it takes too long, and the seconds that it took."""

    def give_up(*_: object) -> None:
        raise TimeoutError

    before = signal.signal(signal.SIGALRM, give_up)
    signal.alarm(MOST_SECONDS)
    start = time.perf_counter()
    try:
        answer = detector(sample, truth)
    except TimeoutError:
        answer = Answer(spelling=None)
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
    return answer, time.perf_counter() - start


def _table_of_encodings(known: list[tuple[Sample, Annotation]]) -> Iterator[str]:
    asked = [(sample, truth) for sample, truth in known if truth.encoding is not None]
    if not asked:
        return
    yield f"\n| encodings of {len(asked)} files | right | median ms |\n| --- | --: | --: |\n"
    for name, detector in encoding_detectors():
        if detector is None:
            yield f"| {name} | not installed |\n"
            continue
        right, seconds = 0, []
        for sample, truth in asked:
            start = time.perf_counter()
            found = detector(sample)
            seconds.append(time.perf_counter() - start)
            right += is_right(sample, truth, found)
        yield f"| {name} | {100 * right / len(asked):.1f} % | {statistics.median(seconds) * 1000:.2f} |\n"


def _say(text: str) -> None:
    sys.stdout.write(text)


if __name__ == "__main__":
    main()
