"""Encode annotated documents, with their labels and line items, to gold.extractor_example and its vocabulary.

What a person corrected in review counts as the label. Suppliers are divided into train, validation and test
by a hash; vocabulary and known values are those of train alone.
"""

from invoicelake.job import Run, execute, kept
from invoicelake.training.examples import (
    encoded_examples,
    fit_vocabulary,
    known_value_rows,
    vocabulary_rows,
    with_labels,
    with_line_items,
)
from invoicelake.transforms.annotations import corrections_of, with_corrections
from invoicelake.transforms.splits import require_splits, with_split


def main(run: Run) -> None:
    """Split, fit, encode."""
    suite, source = run.suite, f"source = '{run.suite.input.format}'"
    documents = run.lake.read("silver.document").where(source)
    corrections = corrections_of(
        run.lake.read_or_empty("silver.annotation"), documents, suite.accept.review_tool
    )
    names = suite.field_names
    labels = with_corrections(run.lake.read("silver.label"), corrections, names)
    with_fields = with_labels(documents, labels, suite.fields)
    labelled = with_line_items(with_fields, run.lake.read("silver.line_item"))
    with kept(with_split(labelled, suite.split, suite.seed)) as divided:
        require_splits(divided)
        train = divided.where("split = 'train'")
        vocabulary = fit_vocabulary(train, suite.encoding)
        run.write("gold.extractor_vocabulary", vocabulary_rows(run.spark, vocabulary, suite.input.format))
        values = known_value_rows(train, suite.fields, suite.input.format, train.count())
        run.write("gold.extractor_known_value", values, replaces=source)
        spec = run.lake.specs["gold.extractor_example"]
        examples = encoded_examples(divided, vocabulary, suite.fields, suite.encoding, spec)
        run.write("gold.extractor_example", examples, replaces=source)


if __name__ == "__main__":
    execute(__file__, main)
