"""Take in exchange rates: the ECB's file to silver.exchange_rate.

Days without a quote, such as week-ends, have the last known rate, if it is not older than rates.max_age_days.
A file that was taken in before is left alone.
"""

import logging

from invoicelake.job import Run, execute
from invoicelake.sources.rates import quotes_file, read_quotes
from invoicelake.transforms.ledger.chunks import digest
from invoicelake.transforms.rates import daily_rates

log = logging.getLogger("invoicelake.jobs.ingest_exchange_rates")

_VERSION = "1"
"""Of what is made from a file; when it differs, the file is taken in again."""


def main(run: Run) -> None:
    """Read a file that is new, and write what changed; which one it was comes last."""
    settings = run.suite.rates
    file = quotes_file(run.spark, settings.path)
    made_from = digest(_VERSION, file.sha256, str(settings.max_age_days))
    if _is_taken_in(run, made_from):
        log.info("%s was taken in before", file.name)
        return
    quotes = read_quotes(run.spark, file)
    rates = run.write("silver.exchange_rate", daily_rates(quotes, settings.max_age_days), replaces="true")
    mark = [(made_from, rates, file.name)]
    columns = run.lake.specs["silver.exchange_rate_file"].ddl_of("made_from", "rates", "source_uri")
    run.write("silver.exchange_rate_file", run.spark.createDataFrame(mark, columns), replaces="true")


def _is_taken_in(run: Run, made_from: str) -> bool:
    """Whether the table has what this file gives; one that was moved away or emptied has not."""
    known = run.lake.read_or_empty("silver.exchange_rate_file").first()
    if known is None or known.made_from != made_from or not run.lake.exists("silver.exchange_rate"):
        return False
    return run.lake.read("silver.exchange_rate").count() == int(known.rates)


if __name__ == "__main__":
    execute(__file__, main)
