"""Take in exchange rates: the ECB's file to silver.exchange_rate.

Days without a quote, such as week-ends, have the last known rate, if it is not older than rates.max_age_days.
"""

from invoicelake.job import Run, execute
from invoicelake.sources.rates import read_quotes
from invoicelake.transforms.rates import daily_rates


def main(run: Run) -> None:
    """Read the file anew, and write what changed."""
    settings = run.suite.rates
    quotes = read_quotes(run.spark, settings.path)
    run.write("silver.exchange_rate", daily_rates(quotes, settings.max_age_days), replaces="true")


if __name__ == "__main__":
    execute(__file__, main)
