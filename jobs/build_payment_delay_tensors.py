"""Encode the examples of payment delay: gold.payment_delay_example to gold.payment_delay_tensor.

Scales, bins and known customers are fitted to the train split alone, and kept in gold.fitted_parameter.
"""

from invoicelake.job import Run, execute
from invoicelake.training.delay_examples import (
    EXAMPLES,
    TENSORS_TABLE,
    delay_encoding,
    delay_fits,
    delay_tensors,
)
from invoicelake.transforms.analytics.fitted import fitted_rows, stored_fits


def main(run: Run) -> None:
    """Fit, encode."""
    source = run.suite.receivables.source_name
    own = f"source = '{source}'"
    examples = run.lake.read(EXAMPLES).where(own)
    stored = stored_fits(run.lake.read_or_empty("gold.fitted_parameter").where(f"input_table = '{EXAMPLES}'"))
    fits = delay_fits(stored, examples.where("split = 'train'"), source, run.suite.delay_model)
    run.write("gold.fitted_parameter", fitted_rows(run.spark, fits))
    tensors = delay_tensors(examples, delay_encoding(*fits), run.lake.specs[TENSORS_TABLE])
    run.write(TENSORS_TABLE, tensors, replaces=own)


if __name__ == "__main__":
    execute(__file__, main)
