"""What reports have in common: templates, the charts of a training, and a file that is whole or not there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from invoicelake.evaluation import charts


def rendered(template: str, **values: Any) -> str:
    """A page of HTML, to which `chart` is the module of charts."""
    environment = Environment(
        loader=PackageLoader("invoicelake.evaluation"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(template).render(chart=charts, **values)


def write_page(page: str, file: Path) -> Path:
    """Write a page to `file`, whole or not at all; its folder is made when missing."""
    file.parent.mkdir(parents=True, exist_ok=True)
    unfinished = file.with_name(f".{file.name}.unfinished")
    unfinished.write_text(page, encoding="utf-8")
    return unfinished.replace(file)


def line_charts(history: Mapping[str, Sequence[float]], best_epoch: int | None) -> list[charts.LineChart]:
    """Losses and validation scores per epoch, as far as there are any.

    Args:
        history: metric name to its value in each epoch; names that end in `loss` and those of the validation
            split (`val_…`) are drawn, the rest is left out.
        best_epoch: the epoch, from 1, whose weights were kept; None when not known.
    """
    losses = {name: values for name, values in history.items() if name.endswith("loss")}
    scores = {name: values for name, values in history.items() if name.startswith("val_")}
    scores = {name: values for name, values in scores.items() if name not in losses}
    named = (("Loss per epoch", losses), ("Validation scores per epoch", scores))
    return [charts.line_chart(title, values, best_epoch) for title, values in named if values]
