"""The picture on docs/explanation/capacity.md, drawn from the figures that stand there.

`python -m benchmarks.capacity.picture` draws it anew.
"""

import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.capacity.page import CALLS_ROW, NOTICES_ROW, PAGE
from benchmarks.plot import draw_both
from matplotlib.figure import Figure

#: Text and lines, the server's calls, and notices, on pages of each kind.
_COLOURS = {"light": ("#1f2328", "#1a66c2", "#b3541e"), "dark": ("#e6e6e6", "#58a6ff", "#f0883e")}
_SIZE_INCHES = (8.5, 3.6)


def read(page: str) -> dict[str, dict[int, float]]:
    """Processors of the server by the number of instances, for each of the lines.

    Raises:
        LookupError: They do not stand on the page.
    """
    (block,) = re.findall(r"<!-- capacity: costs -->(.*?)<!-- end of capacity -->", page, re.DOTALL) or [""]
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in block.splitlines() if line.startswith("|")
    ]
    if not rows:
        raise LookupError("there are no figures on the page: run python -m benchmarks.capacity --write-docs first")
    numbers = [re.fullmatch(r"([\d,]+) instances?", name) for name in rows[0]]
    lines = {}
    for name, *cells in rows:
        if name in {CALLS_ROW, NOTICES_ROW}:
            found = zip(numbers[1:], cells, strict=True)
            lines[name] = {
                int(number[1].replace(",", "")): float(cell.split(" / ")[-1].replace(",", ""))
                for number, cell in found
                if number is not None
            }
    return lines


def draw(lines: Mapping[str, Mapping[int, float]], stem: Path) -> list[Path]:
    """Write `STEM-light.svg` and `STEM-dark.svg`."""
    return draw_both(stem, _COLOURS, lambda *colours: _figure(lines, *colours))


def _figure(lines: Mapping[str, Mapping[int, float]], ink: str, calls: str, notices: str) -> Figure:
    figure = Figure(figsize=_SIZE_INCHES, layout="constrained")
    axes = figure.subplots()
    axes.set_facecolor("none")
    shown: Sequence[tuple[str, str, str]] = (
        (CALLS_ROW, "calls, found", calls),
        (NOTICES_ROW, "notices, if all listen, reckoned", notices),
    )
    for row, label, colour in shown:
        points = {number: cores for number, cores in lines[row].items() if cores > 0}
        axes.plot(list(points), list(points.values()), color=colour, marker="o", linewidth=2, label=label)
    axes.axhline(1, color=ink, linewidth=0.8, linestyle=":")
    axes.set_xscale("log")
    axes.set_yscale("log")
    ticks = sorted(lines[CALLS_ROW])
    axes.set_xticks(ticks, [f"{number:,}" for number in ticks], color=ink)
    axes.minorticks_off()
    axes.set_xlabel("instances", color=ink)
    axes.set_ylabel("processors of the server", color=ink)
    axes.tick_params(colors=ink)
    axes.legend(frameon=False, labelcolor=ink)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["bottom", "left"]].set_color(ink)
    return figure


def redraw() -> list[Path]:
    """Bring the pictures in line with the page."""
    return draw(read(PAGE.read_text("utf-8")), PAGE.with_suffix(""))


if __name__ == "__main__":
    sys.stdout.write("".join(f"written: {path}\n" for path in redraw()))
