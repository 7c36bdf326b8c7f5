"""The picture on the page of benchmarks: bars of speeds, once for light and once for dark pages."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

#: Text and lines, bars of csvpipe, bars of others, on pages of each kind.
_COLOURS = {"light": ("#1f2328", "#1a66c2", "#9aa4b2"), "dark": ("#e6e6e6", "#58a6ff", "#68737f")}
_WIDTH_INCHES = 8.5
_BAR_INCHES = 0.27
_PANEL_INCHES = 0.55
_FONT_POINTS = 10


def draw(panels: Mapping[str, Sequence[tuple[str, float]]], stem: Path) -> list[Path]:
    """Write `STEM-light.svg` and `STEM-dark.svg`.

    Args:
        panels: By their title, the bars: each way's name, and its speed relative to the first.
        stem: The start of the paths.
    """
    if not panels:
        return []
    return draw_both(stem, _COLOURS, lambda *colours: _figure(panels, *colours))


def draw_both(stem: Path, colours: Mapping[str, Sequence[str]], figure_in: Callable[..., Figure]) -> list[Path]:
    """Write a figure as `STEM-light.svg` and `STEM-dark.svg`, the same bytes for the same figures.

    Args:
        stem: The start of the paths.
        colours: On pages of each kind.
        figure_in: Makes the figure in these colours.
    """
    paths = []
    for page, on_page in colours.items():
        path = stem.with_name(f"{stem.name}-{page}.svg")
        # Letters as shapes, since an embedded picture has no say in fonts.
        with mpl.rc_context({"svg.hashsalt": "csvpipe", "svg.fonttype": "path", "font.size": _FONT_POINTS}):
            figure_in(*on_page).savefig(path, transparent=True, bbox_inches="tight", metadata={"Date": None})
        path.write_text("".join(f"{line.rstrip()}\n" for line in path.read_text("utf-8").splitlines()), "utf-8")
        paths.append(path)
    return paths


def _figure(panels: Mapping[str, Sequence[tuple[str, float]]], ink: str, ours: str, others: str) -> Figure:
    sizes = [len(bars) for bars in panels.values()]
    height = sum(sizes) * _BAR_INCHES + len(sizes) * _PANEL_INCHES
    figure = Figure(figsize=(_WIDTH_INCHES, height), layout="constrained")
    grid = figure.subplots(len(panels), 1, squeeze=False, height_ratios=sizes)
    for (title, bars), axes in zip(panels.items(), grid[:, 0], strict=True):
        _panel(axes, title, bars, ink=ink, ours=ours, others=others)
    figure.supxlabel("speed relative to the first of each group: longer is faster", color=ink, fontsize=_FONT_POINTS)
    return figure


def _panel(axes: Axes, title: str, bars: Sequence[tuple[str, float]], *, ink: str, ours: str, others: str) -> None:
    axes.set_facecolor("none")
    names, speeds = zip(*bars, strict=True)
    drawn = axes.barh(
        range(len(bars)), speeds, height=0.7, color=[ours if name.startswith("csvpipe") else others for name in names]
    )
    axes.bar_label(drawn, fmt="%.2f", padding=3, color=ink)
    axes.axvline(1, color=ink, linewidth=0.8, linestyle=":")
    axes.set_yticks(range(len(bars)), names, color=ink)
    axes.invert_yaxis()
    axes.set_title(title, color=ink, loc="left", fontweight="bold", fontsize=_FONT_POINTS + 1)
    axes.set_xlim(0, 1.12 * max(*speeds, 1))
    axes.tick_params(axis="x", colors=ink)
    axes.tick_params(axis="y", length=0)
    axes.spines[["top", "right", "left"]].set_visible(False)  # matplotlib's signature
    axes.spines["bottom"].set_color(ink)
