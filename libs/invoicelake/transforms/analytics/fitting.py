"""Fits of a frame: from what is stored where there is one, else from summaries of its columns."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache

from pyspark.sql import DataFrame

from invoicelake.config import Analytics
from invoicelake.transforms.analytics.components import component_parameters
from invoicelake.transforms.analytics.customers import FEATURES, SCALED, TARGET
from invoicelake.transforms.analytics.discretization import BINNINGS, bin_parameters
from invoicelake.transforms.analytics.fitted import Fit, Parameter, Request, settled
from invoicelake.transforms.analytics.matrices import Matrix
from invoicelake.transforms.analytics.normalisation import NORMALISATIONS, normalisation_parameters
from invoicelake.transforms.analytics.selection import selection_parameters
from invoicelake.transforms.analytics.summaries import Summary, summarised, value_counts

_SALES = "gold.daily_sales"
_SUPERVISED = "minimum_description_length"


def scaling_fits(stored: Sequence[Fit], features: DataFrame, settings: Analytics) -> list[Fit]:
    """Normalisations and equal-frequency bins of the scaled columns of gold.customer_feature, in this order.

    What is not stored is fitted on the driver, to a summary of bounded size (see `summaries`).
    """
    requests = [Request(name, _SALES, SCALED) for name in NORMALISATIONS]
    requests.append(Request("equal_frequency", _SALES, SCALED, (("bins", settings.bins),)))
    summaries = _summaries(features, None)
    return [
        settled(stored, request, settings.refit, _fitter(request, summaries, settings.bins))
        for request in requests
    ]


def binning_fits(
    stored: Sequence[Fit], features: DataFrame, labelled: DataFrame, settings: Analytics
) -> list[Fit]:
    """Bins of the scaled columns by every method; the supervised one tells buyers from others.

    Args:
        features: customers as they are now.
        labelled: customers as they were `settings.target_days` earlier, with `has_bought_again`.
    """
    plain, supervised = _summaries(features, None), _summaries(labelled, TARGET)
    made = []
    for name in BINNINGS:
        is_supervised = name == _SUPERVISED
        about = (
            (("class", TARGET), ("days", settings.target_days))
            if is_supervised
            else (("bins", settings.bins),)
        )
        request = Request(name, _SALES, SCALED, about)
        summaries = supervised if is_supervised else plain
        made.append(settled(stored, request, settings.refit, _fitter(request, summaries, settings.bins)))
    return made


def _summaries(frame: DataFrame, class_column: str | None) -> Callable[[], dict[str, Summary]]:
    """Summaries of the scaled columns, computed when they are first needed."""
    return cache(lambda: summarised(value_counts(frame, SCALED, class_column), SCALED))


def _fitter(
    request: Request, summaries: Callable[[], dict[str, Summary]], bins: int
) -> Callable[[], list[Parameter]]:
    def fitted() -> list[Parameter]:
        found: list[Parameter] = []
        for name, summary in summaries().items():
            if request.transform in BINNINGS:
                found += bin_parameters(request.transform, name, summary, bins)
            else:
                found += normalisation_parameters(request.transform, name, summary)
        return found

    return fitted


def selection_fit(stored: Sequence[Fit], customers: Matrix, settings: Analytics) -> Fit:
    """Which features to keep for telling who buys again.

    Args:
        customers: as they were `settings.target_days` earlier, with `has_bought_again` in its rest.
    """
    about = (
        ("class", TARGET),
        ("days", settings.target_days),
        ("features", settings.features),
        ("max_correlation", settings.max_correlation),
    )
    request = Request("feature_selection", _SALES, FEATURES, about)
    target = [bool(each) for each in customers.rest[TARGET]]

    def fitted() -> list[Parameter]:
        return selection_parameters(customers, FEATURES, target, settings.features, settings.max_correlation)

    return settled(stored, request, settings.refit, fitted)


def component_fit(stored: Sequence[Fit], customers: Matrix, settings: Analytics) -> Fit:
    """Principal components of the features."""
    about = (("explained_share", settings.explained_share),)
    request = Request("principal_components", _SALES, FEATURES, about)
    share = settings.explained_share
    return settled(stored, request, settings.refit, lambda: component_parameters(customers, FEATURES, share))
