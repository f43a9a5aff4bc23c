"""Build the examples of payment delay: silver.receivable to gold.payment_delay_example.

Each receivable has what was known on the day of its invoice, and how late it was settled. The job alters the
future after the day on which training ends, and fails if any feature of the days before changes with it.
"""

from invoicelake.job import Run, execute, kept
from invoicelake.transforms.payment_delay.examples import (
    payment_delay_examples,
    payment_delay_features,
    split_days,
)
from invoicelake.transforms.payment_delay.leaks import leaking_features, require_no_leak


def main(run: Run) -> None:
    """Build the examples of all receivables of the source, having seen that they do not leak."""
    settings, own = run.suite.payment_delay, f"source = '{run.suite.receivables.source_name}'"
    with kept(run.lake.read("silver.receivable").where(own)) as receivables:
        for row in split_days(receivables, settings).collect():
            cut = row["validation_from"]
            require_no_leak(leaking_features(payment_delay_features, receivables, cut), cut)
        examples = payment_delay_examples(receivables, settings)
        run.write("gold.payment_delay_example", examples, own)


if __name__ == "__main__":
    execute(__file__, main)
