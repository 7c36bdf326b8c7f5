"""Detection.

Files that are made up from a seed, in the manner of what people upload: other delimiters, quotes and encodings, titles
above the table, no header, decimal commas, ragged rows, few rows. "Rows equal" means that what is read in the found
dialect is what is read in the true one; "all" that nothing is wrong, of what a way finds out at all. A third of the
files have delimiters that are rare in life. `python -m benchmarks.detection FOLDER` does the same for any folder of
files with an `annotations.jsonl`, and `python -m benchmarks.detection.generate FOLDER --from FILES` makes one by
spelling real files anew.
"""

import string
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from time import process_time

from csvpipe._intake.sniffer.dialect import sniff_dialect
from csvpipe._intake.sniffer.table import find_header

FILES = 400
LEAST_SHARE = 90.0
SAMPLE_CHARACTERS = 256 * 1024
MOST_SECONDS = 0.1


def tables(folder: Path) -> Iterator[list[tuple[str, ...]]]:
    """What the command prints, by table and row."""
    run = [sys.executable, "-m", "benchmarks.detection"]
    home = Path(__file__).parents[1]
    made = folder / "detection"
    make = [sys.executable, "-m", "benchmarks.detection.generate", str(made), "--files", str(FILES)]
    subprocess.run(make, cwd=home, check=True, capture_output=True)
    printed = subprocess.run([*run, str(made)], cwd=home, check=True, capture_output=True, text=True).stdout
    for block in printed.split("\n\n"):
        lines = [line for line in block.splitlines() if line.startswith("|") and "---" not in line]
        if lines:
            yield [tuple(cell.strip() for cell in line.strip("| ").split(" | ")) for line in lines]


def test_detection(benchmark, record: Callable[..., None], folder: Path) -> None:  # noqa: ANN001
    """Each way on 400 made-up files; the bound is far below what is measured."""
    dialects, encodings = benchmark.pedantic(lambda: list(tables(folder)), rounds=1, iterations=1)
    header, *rows = dialects
    record(
        f"{FILES} made-up files", ("way", *(name.strip("| ") for name in header if name.strip("| "))), rows, "detection"
    )
    record("The same files: encodings", ("way", "right", "median ms"), encodings[1:])
    benchmark.extra_info["dialects"] = dialects
    assert float(rows[0][1].removesuffix(" %")) > LEAST_SHARE


def test_odd_texts(benchmark, record: Callable[..., None]) -> None:  # noqa: ANN001
    """Samples full of one thing, or of chance, take no longer than a promise allows."""
    draw = Random(1)
    things = ('"', ",", "a", "\n", '",', ',"a', '\\"', "a,b;c|d\te\n")
    texts = {repr(text): text * (SAMPLE_CHARACTERS // len(text)) for text in things}
    texts["random punctuation"] = "".join(draw.choices(string.punctuation + "ab \n", k=SAMPLE_CHARACTERS))
    seconds = benchmark.pedantic(lambda: {name: longest(text) for name, text in texts.items()}, rounds=1, iterations=1)
    rows = [(f"`{name}`" if name[0] in "\"'" else name, f"{1000 * spent:.1f}") for name, spent in seconds.items()]
    record(f"Dialect and header of {SAMPLE_CHARACTERS:,} characters of one thing", ("text", "ms"), rows)
    assert max(seconds.values()) < MOST_SECONDS


def longest(text: str) -> float:
    """Seconds of processor time of the slowest of three looks."""
    spent = []
    for _ in range(3):
        start = process_time()
        dialect = sniff_dialect(text, is_whole=False).dialect
        find_header(text, dialect, is_whole=False, header="detect")
        spent.append(process_time() - start)
    return max(spent)
