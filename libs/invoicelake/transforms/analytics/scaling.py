"""The features of customers, raw, normalised and binned, side by side."""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql import DataFrame, functions as F

from invoicelake.transforms.analytics.customers import SCALED
from invoicelake.transforms.analytics.discretization import binned_columns
from invoicelake.transforms.analytics.fitted import Fit
from invoicelake.transforms.analytics.normalisation import normalised_columns


def scaled_customers(features: DataFrame, fits: Sequence[Fit]) -> DataFrame:
    """The columns of gold.customer_feature; one row per customer.

    Args:
        features: what `customer_features` gives.
        fits: normalisations, and the bins last, as `scaling_fits` gives them.
    """
    *normalisations, bins = fits
    used = [F.lit(fit.fit_id).alias(f"{fit.transform}_fit_id") for fit in fits]
    return features.select(
        *features.columns, *normalised_columns(normalisations, SCALED), *binned_columns(bins, SCALED), *used
    )
