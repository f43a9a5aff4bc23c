"""Plots of the data-quality page as SVG that is the same for the same numbers."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH_IN, ROW_IN = 5.4, 0.24
COLOURS = ("#0b62a4", "#c2410c", "#0f766e", "#9d2a8d", "#7a5c00", "#4b5563", "#1d4ed8", "#a11d33")
SOFT, LINE = "#5b6570", "#d8dde3"
# Ids within the drawing are made from this and not drawn at random.
SETTINGS: dict[Any, Any] = {
    "svg.hashsalt": "invoicelake",
    "svg.fonttype": "none",
    "font.size": 9,
    "font.family": "sans-serif",
}


def trends(series: Mapping[str, Sequence[tuple[int, float]]], label: str) -> str:
    """Lines of a value over the versions of a table; a line of one point is drawn as a point."""
    from matplotlib.ticker import MaxNLocator

    figure, axes = _figure(2.4)
    for number, (name, points) in enumerate(series.items()):
        versions, values = zip(*points, strict=True)
        colour = COLOURS[number % len(COLOURS)]
        axes.plot(versions, values, marker="o", markersize=3, linewidth=1.5, color=colour, label=name)
    axes.set_xlabel("version of the table", color=SOFT)
    axes.set_ylabel(label, color=SOFT)
    axes.set_ylim(bottom=0)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.grid(axis="y", color=LINE, linewidth=0.8)
    axes.legend(loc="upper left", bbox_to_anchor=(0, -0.24), frameon=False, ncols=1, labelcolor=SOFT)
    return _svg(figure)


def bars(shares: Mapping[str, float], colour: int = 0) -> str:
    """Horizontal bars of shares from 0 to 1, the first on top, each with its value behind it."""
    figure, axes = _figure(ROW_IN * len(shares) + 0.35)
    places = range(len(shares), 0, -1)
    axes.barh(places, list(shares.values()), height=0.62, color=COLOURS[colour])
    axes.set_yticks(places, list(shares), color="#1c2024")
    axes.set_xlim(0, 1.12)
    axes.set_ylim(0.3, len(shares) + 0.7)
    axes.set_xticks([0, 0.25, 0.5, 0.75, 1], ["0", "25 %", "50 %", "75 %", "100 %"])
    axes.grid(axis="x", color=LINE, linewidth=0.8)
    for place, share in zip(places, shares.values(), strict=True):
        axes.text(share + 0.01, place, in_percent(share), va="center", fontsize=8, color="#1c2024")
    return _svg(figure)


def in_percent(share: float) -> str:
    """A share for people; what is not nothing is not told as nothing."""
    return "<0.01 %" if 0 < share < 0.0001 else f"{share:.2%}".replace("%", " %")


def _figure(height_in: float) -> tuple[Figure, Axes]:
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    with rc_context(SETTINGS):
        figure = Figure(figsize=(WIDTH_IN, height_in))
        axes = figure.subplots()
    axes.set_axisbelow(True)
    axes.tick_params(colors=SOFT, length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)
    return figure, axes


def _svg(figure: Figure) -> str:
    """The figure without the XML head, in the fonts of the page, as wide as there is room."""
    from matplotlib import rc_context

    file = io.StringIO()
    with rc_context(SETTINGS):
        figure.savefig(file, format="svg", bbox_inches="tight", transparent=True, metadata={"Date": None})
    text = file.getvalue()
    drawing = text[text.index("<svg") :]
    drawing = re.sub(r"<metadata>.*?</metadata>", "", drawing, flags=re.DOTALL)
    return re.sub(r'(<svg[^>]*?) width="[^"]*"', r'\1 class="plot"', drawing, count=1)
