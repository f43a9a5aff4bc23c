"""Describe customers: gold.daily_sales to gold.customer_feature, as of analytics.as_of.

Recency, frequency and money, raw, normalised and binned. What is fitted for that is in gold.fitted_parameter,
and is applied again, until analytics.refit asks for new fits.
"""

from invoicelake.job import Run, execute, kept
from invoicelake.transforms.analytics.customers import customer_features
from invoicelake.transforms.analytics.fitted import fitted_rows, stored_fits
from invoicelake.transforms.analytics.fitting import scaling_fits
from invoicelake.transforms.analytics.scaling import scaled_customers


def main(run: Run) -> None:
    """Describe the customers of all sources."""
    settings = run.suite.analytics
    stored = stored_fits(run.lake.read_or_empty("gold.fitted_parameter"))
    with kept(customer_features(run.lake.read("gold.daily_sales"), settings.as_of)) as features:
        fits = scaling_fits(stored, features, settings)
        run.write("gold.fitted_parameter", fitted_rows(run.spark, fits))
        run.write("gold.customer_feature", scaled_customers(features, fits), replaces="true")


if __name__ == "__main__":
    execute(__file__, main)
