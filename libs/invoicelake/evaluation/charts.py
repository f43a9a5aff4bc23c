"""Geometry of the report's charts: numbers in, positions out; the template draws them as SVG.

All positions are in SVG units, x to the right and y downwards.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from invoicelake.trust.reliability import Bin

WIDTH, HEIGHT = 520, 260
LEFT, RIGHT, TOP, BOTTOM = 48, 16, 12, 34
MAX_EPOCH_TICKS = 12


@dataclass(frozen=True)
class Tick:
    """A mark on an axis: its position along it and what is written there."""

    position: float
    text: str


@dataclass(frozen=True)
class Curve:
    """A named line; `points` is the value of SVG's attribute of that name, `last` the value at its end."""

    name: str
    points: str
    last: str


@dataclass(frozen=True)
class LineChart:
    """Curves over epochs; `best_x` is where the kept weights come from, None when not known."""

    title: str
    curves: tuple[Curve, ...]
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    best_x: float | None


@dataclass(frozen=True)
class Bar:
    """A horizontal bar: its row's top, its length and the value written behind it."""

    y: float
    length: float
    series: int
    text: str


@dataclass(frozen=True)
class BarChart:
    """Groups of bars over a scale from 0 to 1; `names` are the groups at the height of their middle."""

    height: float
    names: tuple[Tick, ...]
    bars: tuple[Bar, ...]
    x_ticks: tuple[Tick, ...]


@dataclass(frozen=True)
class ReliabilityPoint:
    """Readings of like probability; `top` and `bottom` are the ends of the interval of their share."""

    x: float
    y: float
    top: float
    bottom: float
    radius: float
    text: str


@dataclass(frozen=True)
class ReliabilityChart:
    """Points that lie on the diagonal where probabilities hold."""

    title: str
    points: tuple[ReliabilityPoint, ...]
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]


def line_chart(title: str, values: Mapping[str, Sequence[float]], best_epoch: int | None = None) -> LineChart:
    """Curves of values per epoch, counted from 1; values that are not finite leave a gap at that epoch."""
    finite = [value for series in values.values() for value in series if math.isfinite(value)]
    epochs = max((len(series) for series in values.values()), default=0)
    marks = nice_ticks(min(finite, default=0.0), max(finite, default=1.0))

    def x(epoch: float) -> float:
        return round(LEFT + (epoch - 1) / max(epochs - 1, 1) * (WIDTH - LEFT - RIGHT), 1)

    def y(value: float) -> float:
        share = (value - marks[0]) / (marks[-1] - marks[0])
        return round(HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM), 1)

    def curve(name: str, series: Sequence[float]) -> Curve:
        kept = [(epoch, value) for epoch, value in enumerate(series, start=1) if math.isfinite(value)]
        points = " ".join(f"{x(epoch)},{y(value)}" for epoch, value in kept)
        return Curve(name, points, f"{kept[-1][1]:.3f}" if kept else "")

    step = max(1, math.ceil(epochs / MAX_EPOCH_TICKS))
    return LineChart(
        title,
        tuple(curve(name, series) for name, series in values.items()),
        tuple(Tick(x(epoch), str(epoch)) for epoch in range(1, epochs + 1, step)),
        tuple(Tick(y(mark), f"{mark:g}") for mark in marks),
        None if best_epoch is None else x(best_epoch),
    )


def bar_chart(groups: Mapping[str, Sequence[float]]) -> BarChart:
    """Groups of bars, in the given order; every value in [0, 1]."""
    left, right, thickness, gap = 110, 48, 13, 12
    bars: list[Bar] = []
    names: list[Tick] = []
    top = 4.0
    for name, values in groups.items():
        names.append(Tick(top + len(values) * thickness / 2, name))
        for series, value in enumerate(values):
            length = round(value * (WIDTH - left - right), 1)
            bars.append(Bar(top, length, series, f"{value:.3f}"))
            top += thickness
        top += gap
    shares = (0, 0.25, 0.5, 0.75, 1)
    marks = tuple(Tick(left + share * (WIDTH - left - right), f"{share:g}") for share in shares)
    return BarChart(top + 20, tuple(names), tuple(bars), marks)


def reliability_chart(title: str, bins: Sequence[Bin], outcome: str = "right") -> ReliabilityChart:
    """Probability to the right against the share that came out so upwards, both from 0 to 1."""

    def x(value: float) -> float:
        return round(LEFT + value * (WIDTH - LEFT - RIGHT), 1)

    def y(value: float) -> float:
        return round(HEIGHT - BOTTOM - value * (HEIGHT - TOP - BOTTOM), 1)

    most = max((each.readings for each in bins), default=1)
    points = tuple(
        ReliabilityPoint(
            x(each.probability),
            y(each.share),
            y(each.high),
            y(each.low),
            # By area, so that twice the readings look like twice as many.
            round(3 + 5 * math.sqrt(each.readings / most), 1),
            f"{each.readings} readings at {each.probability:.3f}: {each.share:.3f} {outcome}",
        )
        for each in bins
    )
    marks = (0, 0.25, 0.5, 0.75, 1)
    x_ticks, y_ticks = (tuple(Tick(place(mark), f"{mark:g}") for mark in marks) for place in (x, y))
    return ReliabilityChart(title, points, x_ticks, y_ticks)


def nice_ticks(low: float, high: float, at_most: int = 6) -> list[float]:
    """Round numbers at equal steps of 1, 2 or 5 that enclose low and high: 2 to `at_most` + 2."""
    span = high - low if high > low else max(abs(high), 1.0)
    step = _round_up(span / at_most)
    first = math.floor(low / step)
    last = max(math.ceil(high / step), first + 1)
    return [round(number * step, 10) for number in range(first, last + 1)]


def _round_up(least: float) -> float:
    power = 10.0 ** math.floor(math.log10(least))
    return next((factor * power for factor in (1, 2, 5) if factor * power >= least), 10 * power)
