"""Receivables as delivered to receivables as they are: typed, filled by declared rules, judged."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator

from pyspark.sql import Column, DataFrame, Window, functions as F

from invoicelake import config
from invoicelake.sources.receivables import COLUMNS
from invoicelake.text.amounts import currency_exponent
from invoicelake.text.countries import country_code
from invoicelake.text.receivable import ReceivableRejected, amount_of, read_receivable
from invoicelake.transforms.arrow import Row, map_rows
from invoicelake.transforms.rates import with_reporting_amount

_KEY = "source string, file_name string, line_number int"
_SAID = (
    "said_country string, said_paperless_since string, said_settled_date string, said_days_to_settle string, "
    "said_days_late string, content string, amount decimal(24,4)"
)
_READ = (
    "invoice_number string, customer_id string, invoice_date date, due_date date, settled_date date, "
    "amount_minor bigint, is_disputed boolean, paperless_since date, bill_format string"
)
_TYPED = f"{_KEY}, {_SAID}, {_READ}, reason string, detail string"


def typed_receivables(lines: DataFrame, settings: config.Receivables) -> DataFrame:
    """Read each line of bronze.receivable; one that cannot be has `reason` and `detail`, and no values."""
    exponent = currency_exponent(settings.currency)
    date_format, max_days = settings.date_format, settings.max_days

    def read_all(rows: Iterator[Row]) -> Iterable[Row]:
        for row in rows:
            known = _as_said(row)
            try:
                yield known | read_receivable(row, date_format, exponent, max_days)._asdict()
            except ReceivableRejected as rejected:
                yield known | {"reason": rejected.reason, "detail": rejected.detail}

    return map_rows(lines, read_all, _TYPED)


def judged_receivables(typed: DataFrame) -> DataFrame:
    """Reject lines that were superseded, and add `filled_` columns: due date, paperless since, bill format.

    Of the lines of one invoice that can be read, the last of the last file, by name, is the newest; the
    others get the reason `superseded`. One row per line.
    """
    newest_first = Window.partitionBy("source", "invoice_number", "reason").orderBy(
        F.desc("file_name"), F.desc("line_number")
    )
    rank = F.row_number().over(newest_first)
    is_superseded = F.col("reason").isNull() & (rank > 1)
    newest = F.concat_ws(
        ":", F.first("file_name").over(newest_first), F.first("line_number").over(newest_first)
    )
    judged = typed.select(
        *[name for name in typed.columns if name not in ("reason", "detail")],
        F.when(is_superseded, "superseded").otherwise(F.col("reason")).alias("reason"),
        F.when(is_superseded, F.concat(F.lit("delivered anew in "), newest))
        .otherwise(F.col("detail"))
        .alias("detail"),
    )
    return _filled(judged)


def accepted_receivables(judged: DataFrame, rates: DataFrame, currency: str, reporting: str) -> DataFrame:
    """The columns of silver.receivable; one row per invoice.

    Args:
        judged: of `judged_receivables`.
        rates: silver.exchange_rate.
        currency: of the amounts.
        reporting: currency that amounts are also given in.
    """
    accepted = judged.where("reason IS NULL").withColumn("currency", F.lit(currency))
    coded = accepted.join(F.broadcast(_country_codes(accepted)), on="said_country", how="left")
    return with_reporting_amount(coded, rates, reporting, "invoice_date").select(
        "source",
        "invoice_number",
        "invoice_date",
        "customer_id",
        F.col("said_country").alias("country"),
        "country_code",
        F.col("filled_due_date").alias("due_date"),
        "settled_date",
        "amount_minor",
        "currency",
        "reporting_amount_minor",
        "reporting_currency",
        "rate_day",
        F.coalesce("is_disputed", F.lit(False)).alias("is_disputed"),
        F.col("filled_paperless_since").alias("paperless_since"),
        F.col("filled_bill_format").alias("bill_format"),
        F.datediff("filled_due_date", "invoice_date").alias("terms_days"),
        _days_to_settle().alias("days_to_settle"),
        _days_late().alias("days_late"),
        "file_name",
        "line_number",
    )


def rejected_receivables(judged: DataFrame) -> DataFrame:
    """The columns of silver.receivable_rejected; one row per line that is no receivable."""
    return judged.where("reason IS NOT NULL").select(
        "source", "file_name", "line_number", "reason", "detail", "content", "amount"
    )


def receivable_repairs(judged: DataFrame) -> DataFrame:
    """The columns of silver.repair; one row per cell of silver.receivable that is not as it was delivered."""
    repairs = F.array(
        _repair("due_date", F.lit(None), F.col("filled_due_date"), "usual_terms", F.col("due_date").isNull()),
        _repair(
            "is_disputed", F.lit(None), F.lit(False), "no_dispute_recorded", F.col("is_disputed").isNull()
        ),
        _repair(
            "paperless_since",
            F.col("said_paperless_since"),
            F.col("filled_paperless_since"),
            F.when(F.col("filled_paperless_since").isNull(), "unreadable_removed").otherwise(
                "paperless_of_customer"
            ),
            F.col("paperless_since").isNull(),
        ),
        _repair(
            "bill_format",
            F.lit(None),
            F.col("filled_bill_format"),
            "format_by_date",
            F.col("bill_format").isNull(),
        ),
        _repair(
            "settled_date",
            F.lit(None),
            F.col("settled_date"),
            "settled_by_days",
            F.col("said_settled_date").isNull(),
        ),
        _recomputed("days_to_settle", _days_to_settle()),
        _recomputed("days_late", _days_late()),
    )
    each = judged.where("reason IS NULL").select("*", F.inline(repairs)).where("is_repaired")
    return each.where("NOT (before <=> after)").select(
        F.lit("silver.receivable").alias("table_name"),
        "source",
        F.col("invoice_number").alias("row_key"),
        "column_name",
        F.col("invoice_date").alias("day"),
        "before",
        "after",
        "rule",
        F.lit(1).alias("rule_version"),
    )


def _as_said(row: Row) -> dict[str, object]:
    values = {column: row[column] for column in COLUMNS.values() if row[column] is not None}
    return {
        "source": row["source"],
        "file_name": row["file_name"],
        "line_number": row["line_number"],
        "said_country": row["country"],
        "said_paperless_since": row["paperless_since"],
        "said_settled_date": row["settled_date"],
        "said_days_to_settle": row["days_to_settle"],
        "said_days_late": row["days_late"],
        "content": json.dumps(values, ensure_ascii=False),
        "amount": amount_of(row["amount"]),
    }


def _filled(judged: DataFrame) -> DataFrame:
    """Add `filled_due_date`, `filled_paperless_since` and `filled_bill_format`; one row per line."""
    sound = judged.where("reason IS NULL")
    terms = sound.where("due_date IS NOT NULL").select(
        "source", "customer_id", F.datediff("due_date", "invoice_date").alias("terms")
    )
    joined = (
        judged.join(_most_common(terms, "source", "customer_id"), on=["source", "customer_id"], how="left")
        .join(
            F.broadcast(_most_common(terms, "source").withColumnRenamed("terms", "all_terms")),
            on="source",
            how="left",
        )
        .join(_paperless_since(sound), on=["source", "customer_id"], how="left")
    )
    terms_days = F.coalesce("terms", "all_terms", F.lit(0))
    due_date = F.coalesce("due_date", F.date_add("invoice_date", terms_days))
    paperless_since = F.coalesce("paperless_since", "customer_paperless_since")
    # Bills go out electronically from the day after the customer asked for it.
    by_date = F.when(paperless_since < F.col("invoice_date"), "electronic").when(
        paperless_since.isNotNull(), "paper"
    )
    return joined.select(
        *judged.columns,
        due_date.alias("filled_due_date"),
        paperless_since.alias("filled_paperless_since"),
        F.coalesce("bill_format", by_date).alias("filled_bill_format"),
    )


def _most_common(terms: DataFrame, *by: str) -> DataFrame:
    """The terms that most receivables have, the shorter of two as common; one row per group."""
    counted = terms.groupBy(*by, "terms").agg(F.count(F.lit(1)).alias("count"))
    most = F.max(F.struct("count", (-F.col("terms")).alias("negative")))
    return counted.groupBy(*by).agg(most.alias("most")).select(*by, (-F.col("most.negative")).alias("terms"))


def _paperless_since(sound: DataFrame) -> DataFrame:
    """The one day that the customer's receivables agree on; one row per customer of whom there is one."""
    first, last = F.min("paperless_since"), F.max("paperless_since")
    return (
        sound.groupBy("source", "customer_id")
        .agg(F.when(first == last, first).alias("customer_paperless_since"))
        .where("customer_paperless_since IS NOT NULL")
    )


def _country_codes(receivables: DataFrame) -> DataFrame:
    def coded(rows: Iterator[Row]) -> Iterable[Row]:
        for row in rows:
            yield {**row, "country_code": country_code(row["said_country"])}

    named = receivables.select("said_country").where("said_country IS NOT NULL").distinct()
    return map_rows(named, coded, "said_country string, country_code string")


def _days_to_settle() -> Column:
    return F.datediff("settled_date", "invoice_date")


def _days_late() -> Column:
    """Days from due to settled, 0 when not late; null while unsettled."""
    late = F.datediff("settled_date", "filled_due_date")
    return F.when(late.isNotNull(), F.greatest(late, F.lit(0)))


def _repair(column: str, before: Column, after: Column, rule: str | Column, is_repaired: Column) -> Column:
    return F.struct(
        F.lit(column).alias("column_name"),
        before.cast("string").alias("before"),
        after.cast("string").alias("after"),
        F.lit(rule).alias("rule"),
        is_repaired.alias("is_repaired"),
    )


def _recomputed(column: str, days: Column) -> Column:
    """A repair where the delivered number is another one; `07` and `7.0` are no others than 7."""
    said = F.col(f"said_{column}")
    number = F.when(said.rlike(r"^-?[0-9]{1,9}(\.[0-9]{1,9})?$"), said.cast("double"))
    agrees = F.coalesce(number == days, said.isNull() & days.isNull())
    return _repair(column, said, days, "days_recomputed", ~agrees)
