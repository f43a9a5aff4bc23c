"""Reduce customers' features: select some, and turn gold.daily_sales to gold.customer_component.

What is fitted is in gold.fitted_parameter, and is applied again, until analytics.refit asks for new fits.
How far the answers of named queries move is in gold.reduction_report.
"""

from invoicelake.job import Run, execute, kept
from invoicelake.transforms.analytics.components import customer_components, rebuilt_from_components
from invoicelake.transforms.analytics.customers import FEATURES, TARGET, customer_features, labelled_customers
from invoicelake.transforms.analytics.fitted import fitted_rows, stored_fits
from invoicelake.transforms.analytics.fitting import component_fit, selection_fit
from invoicelake.transforms.analytics.matrices import matrix
from invoicelake.transforms.analytics.reduction import customer_report, explained_variance
from invoicelake.transforms.analytics.selection import rebuilt, selected


def main(run: Run) -> None:
    """Reduce the features of the customers of all sources; the report comes last."""
    settings = run.suite.analytics
    daily_sales = run.lake.read("gold.daily_sales")
    stored = stored_fits(run.lake.read_or_empty("gold.fitted_parameter"))
    earlier = labelled_customers(daily_sales, settings.as_of, settings.target_days)
    selection = selection_fit(stored, matrix(earlier, FEATURES, [TARGET]), settings)
    with kept(customer_features(daily_sales, settings.as_of)) as features:
        customers = matrix(features, FEATURES, ["region"])
        components = component_fit(stored, customers, settings)
        run.write("gold.fitted_parameter", fitted_rows(run.spark, [selection, components]))
        run.write("gold.customer_component", customer_components(features, components), replaces="true")
    names, count = selected(selection), len(components.values("", "explained_share"))
    by_selection = rebuilt(customers, FEATURES, names)
    by_components = rebuilt_from_components(customers, components)
    report = (
        customer_report(run.spark, "feature_selection", customers, by_selection, len(names))
        .unionByName(customer_report(run.spark, "principal_components", customers, by_components, count))
        .unionByName(explained_variance(run.spark, components, len(customers.keys)))
    )
    reductions = "reduction IN ('feature_selection', 'principal_components')"
    run.write("gold.reduction_report", report, replaces=reductions)


if __name__ == "__main__":
    execute(__file__, main)
