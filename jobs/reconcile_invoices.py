"""Accept what is sure enough: silver.extraction to gold.invoice_field, and the rest to gold.review_item.

What is accepted follows from accept.max_error and the held-out documents in gold.calibration_example; an
invoice that fails a check of its own values (gold.invoice_check) is never accepted. What a person corrected
in review, as silver.annotation has it, is taken as it is.
"""

from invoicelake.job import Run, execute, kept
from invoicelake.promotion.acceptance import acceptance_rows, batch_rules, read_by
from invoicelake.serving.familiarity import unknown_shares
from invoicelake.tracking import open_tracking
from invoicelake.transforms.acceptance import invoice_fields, readings_of, review_items
from invoicelake.transforms.annotations import corrections_of, with_corrected_values
from invoicelake.transforms.invoice_checks import check_rows, checked_invoices
from invoicelake.trust.record import TrustRecord


def main(run: Run) -> None:
    """Check each invoice, judge each field, queue what a person should see."""
    suite, of_source = run.suite, f"source = '{run.suite.input.format}'"
    tracking = open_tracking(suite.tracking, suite.lake.path)
    model = tracking.champion()
    of_model = f"model_name = '{model.name}' AND model_version = {model.version}"
    documents = run.lake.read("silver.document").where(of_source)
    extractions = read_by(run.lake.read("silver.extraction"), documents, model)
    items = run.lake.read_or_empty("silver.extracted_line_item").where(of_model)
    examples = run.lake.read_or_empty("gold.calibration_example").where(of_model)
    annotations = run.lake.read_or_empty("silver.annotation")
    with tracking.bundle(model) as bundle:
        record = TrustRecord.load(bundle, model.name, model.version)
        shares = unknown_shares(documents, bundle)
    corrections = corrections_of(annotations, documents, suite.accept.review_tool)
    corrected = with_corrected_values(extractions, corrections)
    checked = checked_invoices(documents, corrected, items, suite.publish, suite.invoice_checks)
    with kept(checked) as checked, kept(shares) as shares:
        run.write("gold.invoice_check", check_rows(checked), of_source)
        rules = batch_rules(examples, extractions, shares, record, suite.accept)
        readings = readings_of(documents, corrected, checked, shares)
        run.write("gold.invoice_field", invoice_fields(readings, rules, record, suite.accept), of_source)
        fields = run.lake.read("gold.invoice_field").where(of_source)
        alternatives = run.lake.read_or_empty("silver.extraction_alternative")
        run.write("gold.review_item", review_items(fields, checked, alternatives), of_source)
    rows = acceptance_rows(fields, rules, model, suite)
    run.write("gold.field_acceptance", rows, of_source)
    counts = run.lake.read("gold.field_acceptance").where(of_source).collect()
    run.metrics |= {
        f"accepted_share_{row['field']}": round(row["accepted"] / row["documents"], 4) for row in counts
    }


if __name__ == "__main__":
    execute(__file__, main)
