"""Encode annotated documents: silver.document and silver.label to gold.extractor_example and its vocabulary.

Suppliers are divided into train, validation and test by a hash; the vocabulary is fitted on train alone.
"""

from invoicelake.job import Run, execute, kept
from invoicelake.training.examples import encoded_examples, fit_vocabulary, vocabulary_rows, with_labels
from invoicelake.transforms.splits import require_splits, with_split


def main(run: Run) -> None:
    """Split, fit, encode."""
    suite, source = run.suite, f"source = '{run.suite.input.format}'"
    documents = run.lake.read("silver.document").where(source)
    labelled = with_labels(documents, run.lake.read("silver.label"), suite.fields)
    with kept(with_split(labelled, suite.split, suite.seed)) as divided:
        require_splits(divided)
        vocabulary = fit_vocabulary(divided.where("split = 'train'"), suite.encoding)
        run.write("gold.extractor_vocabulary", vocabulary_rows(run.spark, vocabulary, suite.input.format))
        spec = run.lake.specs["gold.extractor_example"]
        examples = encoded_examples(divided, vocabulary, suite.fields, suite.encoding, spec)
        run.write("gold.extractor_example", examples, replaces=source)


if __name__ == "__main__":
    execute(__file__, main)
