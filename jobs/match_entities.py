"""Match suppliers and customers across sources: silver.party and silver.entity_match.

Sources are the master data, what documents are labelled with or read as, and the purchases in ledgers.
"""

from invoicelake.job import Run, execute, kept
from invoicelake.sources.master import true_records
from invoicelake.transforms.entities.matching import matches, members, parties, scored_pairs
from invoicelake.transforms.entities.measured import agreement, pair_scores
from invoicelake.transforms.entities.records import customer_records, supplier_records


def main(run: Run) -> None:
    """Match all of them anew, and write what changed."""
    lake, settings = run.lake, run.suite.matching
    this_source = f"source = '{run.suite.master.source_name}'"
    labels, invoices, entries = (
        lake.read_or_empty(name) for name in ("silver.label", "gold.invoice", "silver.ledger_entry")
    )
    suppliers = supplier_records(lake.read("silver.supplier").where(this_source), labels, invoices, entries)
    customers = customer_records(lake.read("silver.customer").where(this_source))
    records = suppliers.unionByName(customers)
    with kept(scored_pairs(records, settings.review_from, settings.max_block)) as pairs:
        found = members(pairs, settings.matched_from)
        run.write("silver.entity_match", matches(pairs, found, settings.matched_from), replaces="true")
        run.write("silver.party", parties(records, found), replaces="true")
    if run.suite.master.format == "generated":
        truth = true_records(run.spark, run.suite)
        run.metrics |= pair_scores(agreement(lake.read("silver.party"), truth))


if __name__ == "__main__":
    execute(__file__, main)
