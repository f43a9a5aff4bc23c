"""Cut customers' features into bins by four methods: gold.daily_sales to gold.customer_bin.

Equal width, equal frequency, k-means and minimum description length. What is fitted for that is in
gold.fitted_parameter, and is applied again, until analytics.refit asks for new fits.
"""

from invoicelake.job import Run, execute, kept
from invoicelake.transforms.analytics.customers import customer_features, labelled_customers
from invoicelake.transforms.analytics.discretization import customer_bins
from invoicelake.transforms.analytics.fitted import fitted_rows, stored_fits
from invoicelake.transforms.analytics.fitting import binning_fits


def main(run: Run) -> None:
    """Cut the features of the customers of all sources."""
    settings = run.suite.analytics
    daily_sales = run.lake.read("gold.daily_sales")
    stored = stored_fits(run.lake.read_or_empty("gold.fitted_parameter"))
    earlier = labelled_customers(daily_sales, settings.as_of, settings.target_days)
    with kept(customer_features(daily_sales, settings.as_of)) as features:
        fits = binning_fits(stored, features, earlier, settings)
        run.write("gold.fitted_parameter", fitted_rows(run.spark, fits))
        run.write("gold.customer_bin", customer_bins(features, fits), replaces="true")


if __name__ == "__main__":
    execute(__file__, main)
