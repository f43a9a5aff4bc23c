"""Suppliers and customers of every source as records that can be matched."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame, functions as F

SOURCES = ("master", "document", "ledger")
"""In the order of their rank: an entity is named after its first record."""


def supplier_records(
    suppliers: DataFrame, labels: DataFrame, invoices: DataFrame, entries: DataFrame
) -> DataFrame:
    """One row per supplier number, per company as documents name it, and per text of a purchase.

    Args:
        suppliers: silver.supplier of one source.
        labels: silver.label.
        invoices: gold.invoice; it counts for documents whose company nobody labelled.
        entries: silver.ledger_entry.

    Returns:
        `kind`, `rank` (place in `SOURCES`), `record_id`, `name`, `address`, `country_code`, `tax_number` and
        `iban`.
    """
    master = suppliers.select(
        F.lit(0).alias("rank"),
        F.col("supplier_id").alias("record_id"),
        "name",
        "address",
        "country_code",
        "tax_number",
        "iban",
    )
    posted = entries.where(F.col("kind") == "purchase").select(
        F.lit(2).alias("rank"), _tidy("description").alias("name"), *_unknown("address", "tax_number", "iban")
    )
    named = _on_documents(labels, invoices).unionByName(posted).where(F.col("name").isNotNull()).distinct()
    known = [F.coalesce(name, F.lit("")) for name in ("name", "address", "tax_number")]
    # Left out where there is none: what is told apart without an account keeps its identity.
    identity = F.concat_ws("\u001f", *known, F.col("iban"))
    others = named.select(
        "rank",
        F.substring(F.sha2(identity, 256), 1, 16).alias("record_id"),
        "name",
        "address",
        *_unknown("country_code"),
        "tax_number",
        "iban",
    )
    return master.unionByName(others).select(F.lit("supplier").alias("kind"), "*")


def customer_records(customers: DataFrame) -> DataFrame:
    """One row per customer number, in the columns of `supplier_records`.

    Args:
        customers: silver.customer of one source.
    """
    return customers.select(
        F.lit("customer").alias("kind"),
        F.lit(0).alias("rank"),
        F.col("customer_id").alias("record_id"),
        "name",
        "address",
        "country_code",
        *_unknown("tax_number", "iban"),
    )


def _on_documents(labels: DataFrame, invoices: DataFrame) -> DataFrame:
    fields = ("company", "address", "tax_number", "iban")
    labelled = (
        labels.where(F.col("field").isin(*fields))
        .groupBy("document_id")
        .pivot("field", list(fields))
        .agg(F.min("value"))
    )
    read = invoices.select("document_id", *(F.col(name).alias(f"read_{name}") for name in fields))
    both = labelled.join(read, on="document_id", how="full")
    is_labelled = F.col("company").isNotNull()

    def number(name: str) -> Column:
        read_number = F.when(~is_labelled, _bare(f"read_{name}"))
        return F.coalesce(_bare(name), read_number).alias(name)

    return both.select(
        F.lit(1).alias("rank"),
        F.coalesce(_tidy("company"), _tidy("read_company")).alias("name"),
        F.when(is_labelled, _tidy("address")).otherwise(_tidy("read_address")).alias("address"),
        number("tax_number"),
        number("iban"),
    )


def _bare(number: str) -> Column:
    """Letters and digits in upper case, as master data has its numbers."""
    return F.nullif(F.upper(F.regexp_replace(number, r"[^\p{L}\p{N}]", "")), F.lit(""))


def _tidy(name: str) -> Column:
    return F.nullif(F.trim(F.regexp_replace(name, r"[\s\u00a0]+", " ")), F.lit(""))


def _unknown(*names: str) -> list[Column]:
    return [F.lit(None).cast("string").alias(name) for name in names]
