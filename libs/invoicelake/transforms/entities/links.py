"""Documents to the ledger entries that they were posted as."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pyspark.sql import DataFrame, functions as F

from invoicelake.text.amounts import currency_code, currency_exponent, minor_units
from invoicelake.text.countries import currency_of
from invoicelake.text.dates import parse_date
from invoicelake.transforms.arrow import Row, map_rows
from invoicelake.transforms.entities.assignment import assigned
from invoicelake.transforms.entities.fit import fit, fit_score

_ISSUED = (
    "document_id string, read_from string, company string, day date, total_minor bigint, currency string, "
    "invoice_number string"
)
_WHY = "array<struct<comparison: string, outcome: string, weight: double>>"
_CANDIDATE = (
    "document_id string, currency string, amount_minor bigint, ledger_source string, entry_id string, "
    f"score double, days_after int, why {_WHY}"
)
_LINK = (
    "document_id string, status string, ledger_source string, entry_id string, score double, days_after int, "
    f"why {_WHY}"
)
_FIELDS = ["company", "date", "total", "currency", "invoice_number"]


def issued_documents(
    documents: DataFrame, invoices: DataFrame, labels: DataFrame, currency: str, day_first: bool
) -> DataFrame:
    """What each document says of itself; one row per document.

    Args:
        documents: silver.document.
        invoices: gold.invoice; a document that is not in it is read from its labels.
        labels: silver.label; an invoice number that was not read is taken from them too.
        currency: where a document names none.
        day_first: whether 01/02/2024 is in February.

    Returns:
        `document_id`, `read_from` (extraction or label), `company`, `day`, `total_minor`, `currency`,
        `invoice_number`, null where not known.
    """
    values = F.map_from_entries(F.array_sort(F.collect_list(F.struct("field", "value"))))
    labelled = labels.where(F.col("field").isin(_FIELDS)).groupBy("document_id").agg(values.alias("labels"))
    read = invoices.select(
        "document_id",
        F.struct(
            "company", F.col("invoice_date").alias("day"), "total_minor", "currency", "invoice_number"
        ).alias("read"),
    )
    joined = documents.select("document_id").join(read, on="document_id", how="left")
    told = joined.join(labelled, on="document_id", how="left")

    def typed(rows: Iterator[Row]) -> Iterable[Row]:
        for row in rows:
            values = dict(row["labels"] or [])
            found = row["read"] or _typed(values, currency, day_first)
            yield {
                **found,
                "document_id": row["document_id"],
                "read_from": "extraction" if row["read"] else "label",
                "invoice_number": found.get("invoice_number") or values.get("invoice_number"),
            }

    return map_rows(told, typed, _ISSUED)


def _typed(values: dict[str, str], default_currency: str, day_first: bool) -> Row:
    total, day = values.get("total"), values.get("date")
    currency = currency_of(values.get("currency")) or currency_code(total or "") or default_currency
    return {
        "company": values.get("company"),
        "day": parse_date(day, day_first) if day else None,
        "total_minor": minor_units(total, currency_exponent(currency)) if total else None,
        "currency": currency,
    }


def document_links(issued: DataFrame, entries: DataFrame, link_days: int, link_score: float) -> DataFrame:
    """The columns of silver.document_link; one row per document, no entry twice.

    A purchase is a candidate where currency and amount are the document's and its day lies up to `link_days`
    after the document's. Among documents and purchases of one amount those are linked that together score
    highest.

    Args:
        issued: as from `issued_documents`.
        entries: silver.ledger_entry.
    """
    linked = (
        _candidates(issued, entries, link_days)
        .groupBy("currency", "amount_minor")
        .applyInPandas(lambda group: assigned(group, link_score), _LINK)
    )
    is_incomplete = F.col("day").isNull() | F.col("total_minor").isNull()
    unlinked = F.when(is_incomplete, "incomplete").otherwise("no_candidate")
    joined = issued.join(linked, on="document_id", how="left")
    return joined.select(
        "document_id",
        F.coalesce("status", unlinked).alias("status"),
        "read_from",
        "ledger_source",
        "entry_id",
        "score",
        "days_after",
        F.coalesce("why", F.array().cast(_WHY)).alias("why"),
    )


def _candidates(issued: DataFrame, entries: DataFrame, link_days: int) -> DataFrame:
    """One row per document and purchase that may be its own, with how well they fit."""
    purchases = entries.where(F.col("kind") == "purchase").select(
        F.col("source").alias("ledger_source"),
        "entry_id",
        "entry_date",
        "currency",
        "amount_minor",
        F.col("description").alias("entry_name"),
        F.col("invoice_number").alias("entry_number"),
    )
    owed = issued.where(F.col("total_minor") != 0).select("*", (-F.col("total_minor")).alias("amount_minor"))
    near = F.col("entry_date").between(F.col("day"), F.date_add("day", link_days))
    both = owed.join(purchases, on=["currency", "amount_minor"], how="inner").where(near)

    def judged(rows: Iterator[Row]) -> Iterable[Row]:
        for row in rows:
            days = (row["entry_date"] - row["day"]).days
            why = fit(
                row["company"], row["invoice_number"], row["entry_name"], row["entry_number"], days, link_days
            )
            known = {name: row[name] for name in ("document_id", "currency", "amount_minor", "ledger_source")}
            yield {
                **known,
                "entry_id": row["entry_id"],
                "score": fit_score(why),
                "days_after": days,
                "why": [each._asdict() for each in why],
            }

    return map_rows(both, judged, _CANDIDATE)
