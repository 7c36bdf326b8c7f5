"""Where the figures go: docs/benchmarks.md, and from there into the pictures beside it and into README.

`python benchmarks/publish.py` does the second half once more, for whoever has changed how a picture or README looks.
README says itself what it quotes: between `<!-- figures: KEY | COLUMN | ... -->` and `<!-- end of figures -->` stand
these columns of the page's table of that key. `KEY: COLUMN as HEADING` is one of another table with the same ways in
its first column, under a heading of its own; `COLUMN as HEADING` one of the same table.
"""

import re
import sys
from collections.abc import Sequence
from pathlib import Path

import attrs
from report import NOTHING, SPEED, Row, Table

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "benchmarks.md"
README = ROOT / "README.md"

#: Keys of the tables in the picture, with what stands above their bars.
PICTURED = {
    "text-rows": "Text rows",
    "named-tuples": "Rows as NamedTuples",
    "attrs-rows": "Rows as attrs objects",
    "arrow-batches": "Arrow batches",
}

_TABLE = re.compile(r"^<!-- table: (\S+) -->\n\n\*\*(.+)\*\*\n\n((?:\|.*\n)+)", re.MULTILINE)
_QUOTED = re.compile(r"(<!-- figures: (.+?) -->\n\n)(?:\|.*\n)*(\n?<!-- end of figures -->)")
_COLUMN = re.compile(r"(?:(\S+): )?(.+?)(?: as (.+))?")


@attrs.frozen
class Figures:
    """A table as it stands on the page.

    Attributes:
        title: What was measured.
        header: Names of the columns.
        rows: Their cells.
    """

    title: str
    header: Row
    rows: Sequence[Row]

    def column(self, name: str) -> list[str]:
        """The cells of a column.

        Raises:
            LookupError: There is none of that name.
        """
        if name not in self.header:
            raise LookupError(f"no column {name!r} in the table {self.title!r}: it has {', '.join(self.header)}")
        position = self.header.index(name)
        return [row[position] for row in self.rows]


def write_page(path: Path, tables: Sequence[Table], machine: str, command: str) -> None:
    """Write the page of the documentation."""
    parts = [_HEAD.format(machine=machine, command=command)]
    for section in dict.fromkeys(table.section for table in tables):
        heading, text = section.split("\n\n", 1)
        parts += [f"## {heading.rstrip('.')}", text]
        parts.extend(table.markdown() for table in tables if table.section == section)
    path.write_text("\n\n".join(part.strip() for part in parts) + "\n", encoding="utf-8")


def read_figures(page: str) -> dict[str, Figures]:
    """The tables of a page that have a key."""
    found = {}
    for key, title, lines in _TABLE.findall(page):
        header, _, *rows = (_cells(line) for line in lines.splitlines())
        found[key] = Figures(title, header, rows)
    return found


def with_figures(readme: str, figures: dict[str, Figures]) -> str:
    """A README that quotes these figures.

    Raises:
        LookupError: It quotes a table or a column that is not there.
    """

    def quote(match: re.Match[str]) -> str:
        key, *columns = (part.strip() for part in match[2].split("|"))
        headings, cells = zip(*(_quoted(figures, key, column) for column in columns), strict=True)
        lines = [headings, ["---"] * len(columns), *zip(*cells, strict=True)]
        return match[1] + "".join(f"| {' | '.join(line)} |\n" for line in lines) + "\n" + match[3].lstrip("\n")

    return _QUOTED.sub(quote, readme)


def publish(page: Path = PAGE, readme: Path = README) -> list[str]:
    """Bring README and the pictures in line with the page; what was done, or why not."""
    figures = read_figures(page.read_text("utf-8"))
    said = []
    try:
        text = with_figures(readme.read_text("utf-8"), figures)
    except LookupError as error:
        said.append(f"left as it was: {readme}: {error.args[0]}")
    else:
        readme.write_text(text, encoding="utf-8")
        said.append(f"written: {readme}")
    try:
        from plot import draw  # noqa: PLC0415  # needs matplotlib, which the documentation does not
    except ModuleNotFoundError as error:
        return [*said, f"left as they were: the pictures in {page.parent}: {error.name} is not installed"]
    panels = {title: bars(figures[key]) for key, title in PICTURED.items() if key in figures}
    return [*said, *(f"written: {path}" for path in draw({k: v for k, v in panels.items() if v}, page.with_suffix("")))]


def bars(figures: Figures) -> list[tuple[str, float]]:
    """The ways of a contest that took part, and their speeds."""
    ways = zip(figures.column("way"), figures.column(SPEED), strict=True)
    return [(name.replace("`", ""), float(speed)) for name, speed in ways if speed[0].isdigit()]


def _quoted(figures: dict[str, Figures], key: str, column: str) -> tuple[str, list[str]]:
    """A heading, and the cells below it: one for each way of the table `key`."""
    match = _COLUMN.fullmatch(column)
    assert match is not None, "every text matches"
    other, name, heading = match.groups()
    for wanted in filter(None, (key, other)):
        if wanted not in figures:
            raise LookupError(f"README quotes the table {wanted!r}, which was not measured")
    table = figures[other or key]
    found = dict(zip((row[0] for row in table.rows), table.column(name), strict=True))
    return heading or name, [found.get(row[0], NOTHING) for row in figures[key].rows]


def _cells(line: str) -> Row:
    """The cells of a line."""
    return tuple(cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip().removeprefix("|").removesuffix("|")))


_HEAD = """
<!-- Written by the benchmarks themselves; the texts are the docstrings of benchmarks/bench_*.py. -->

# Benchmarks

What csvpipe costs beside the ways that one would take without it, and whether it keeps its promises on memory and on
the event loop. Seconds depend on the machine, so read the ratios. In each round all ways to do the work take turns; a
rate is the median of the rounds, a speed the median of the ratios within each round, with the least and the largest
beside it: 2.00 is twice as fast as the first way of the table, which the others are compared with.

Measured on: {machine}.

```{{image}} benchmarks-light.svg
:class: only-light
:alt: Speed of each way relative to the first of its group; the figures stand in the tables below.
```

```{{image}} benchmarks-dark.svg
:class: only-dark
:alt: Speed of each way relative to the first of its group; the figures stand in the tables below.
```

To repeat it, with the peers that need to be installed (`pip install '.[bench]'`):

```sh
{command} --write-docs
```

`--size 5` makes files five times as large (those of the goals on memory keep their size), `--rounds 9` has each way do
its work nine times, `--full` measures the goals on as many rows as they state and memory on a file of 2 GB, which takes
half an hour and 3 GB of disk, and `--write-docs` writes this page, its pictures, and the figures in README.
`nox -s bench` does that at the default size; with options of your own behind `--` it does what these say. The data is
generated from a seed; where nothing else is said, 8 columns and about 80 bytes a row. A way that cannot take part has
its reason in its line. `MiB` is the most memory of a fresh interpreter that does the same work once, with all its
processes and the interpreters themselves: their proportional set size (PSS), looked at every 10 ms, in which what
several processes share counts once.
"""


if __name__ == "__main__":
    sys.stdout.write("".join(f"{line}\n" for line in publish()))
