"""Ledger lines as delivered to entries, rejects and the cells that were repaired."""

from __future__ import annotations

from functools import reduce

from pyspark.sql import Column, DataFrame, functions as F

from invoicelake import config
from invoicelake.transforms.ledger.goods import with_goods
from invoicelake.transforms.ledger.judging import outlier_reason, with_duplicate_mark
from invoicelake.transforms.ledger.kinds import kind
from invoicelake.transforms.ledger.lines import DELIVERED, read_lines
from invoicelake.transforms.ledger.numbers import (
    AMOUNT_LIMIT,
    QUANTITY_LIMIT,
    amount_minor,
    delivered_amount,
    is_number,
)
from invoicelake.transforms.ledger.parties import with_parties
from invoicelake.transforms.ledger.rules import repaired
from invoicelake.transforms.rates import with_reporting_amount

_KEY = ("source", "delivery_day", "line_number")


def judge_lines(
    lines: DataFrame,
    products: DataFrame,
    customers: DataFrame,
    names: dict[str, tuple[str | None, str | None]],
    settings: config.Cleaning,
    currency: str,
) -> DataFrame:
    """Read, mend and judge every line; the other functions here choose from the result.

    Days do not influence each other, so any number of whole days gives the same rows.

    Args:
        lines: bronze.ledger_line.
        products: silver.product_profile of the source.
        customers: silver.customer_profile of the source.
        names: what each country in `lines` stands for, from `country_names`.
        currency: ISO 4217 code of the ledger.

    Returns:
        One row per line: key, `delivered`, the columns of silver.ledger_entry but those in the reporting
        currency, `reason` and `detail` (null: accepted) and `repairs` (structs of silver.repair's columns).
    """
    mended = with_goods(with_parties(read_lines(lines), customers, names), products, settings)
    invoice = F.coalesce("invoice_number", F.lit("?"))
    numbered = mended.select(
        "*",
        F.concat_ws("/", F.col("delivery_day").cast("string"), invoice, F.col("place").cast("string")).alias(
            "entry_id"
        ),
        _problem().alias("problem"),
    ).select("*", "problem.*")
    marked = with_duplicate_mark(numbered)
    reason = outlier_reason(settings)
    return marked.select(
        *_KEY,
        "delivered",
        "entry_id",
        "invoice_number",
        kind(*map(F.col, ("invoice_number", "stock_code", "quantity", "unit_price", "customer_id"))).alias(
            "kind"
        ),
        "booked_at",
        "stock_code",
        "description",
        F.col("quantity").cast("bigint").alias("quantity"),
        "unit_price",
        amount_minor(F.col("quantity"), F.col("unit_price"), currency).alias("amount_minor"),
        F.lit(currency).alias("currency"),
        "customer_id",
        "country",
        "country_code",
        reason.isNotNull().alias("is_outlier"),
        reason.alias("outlier_reason"),
        "duplicate_of",
        "reason",
        "detail",
        F.when(F.col("reason").isNull(), _repairs()).otherwise(F.array()).alias("repairs"),
    )


def accepted_entries(judged: DataFrame, rates: DataFrame, reporting_currency: str) -> DataFrame:
    """The columns of silver.ledger_entry; one row per accepted line."""
    entries = judged.where(F.col("reason").isNull()).withColumn("entry_date", F.col("delivery_day"))
    return with_reporting_amount(entries, rates, reporting_currency, "entry_date").select(
        "source",
        "entry_id",
        "entry_date",
        "line_number",
        "invoice_number",
        "kind",
        "booked_at",
        "stock_code",
        "description",
        "quantity",
        "unit_price",
        "amount_minor",
        "currency",
        "reporting_amount_minor",
        "reporting_currency",
        "rate_day",
        "customer_id",
        "country",
        "country_code",
        "is_outlier",
        "outlier_reason",
        "duplicate_of",
    )


def rejected_lines(judged: DataFrame) -> DataFrame:
    """The columns of silver.ledger_entry_rejected; one row per line that is no entry."""
    return judged.where(F.col("reason").isNotNull()).select(
        *_KEY,
        "reason",
        "detail",
        F.to_json("delivered").alias("content"),
        delivered_amount(F.col("delivered.quantity"), F.col("delivered.unit_price")).alias("amount"),
    )


def repaired_cells(judged: DataFrame) -> DataFrame:
    """The columns of silver.repair; one row per cell of an entry that a rule changed."""
    cells = judged.select("source", "entry_id", "delivery_day", F.explode("repairs").alias("repair"))
    return cells.select(
        F.lit("silver.ledger_entry").alias("table_name"),
        "source",
        F.col("entry_id").alias("row_key"),
        F.col("repair.column_name").alias("column_name"),
        F.col("delivery_day").alias("day"),
        F.col("repair.before").alias("before"),
        F.col("repair.after").alias("after"),
        F.col("repair.rule").alias("rule"),
        F.col("repair.rule_version").alias("rule_version"),
    )


def cleaned_days(judged: DataFrame, made_from: DataFrame) -> DataFrame:
    """The columns of silver.ledger_day; one row per day of `made_from`, lines or not.

    Args:
        made_from: `source`, `delivery_day`, `made_from`.
    """
    counts = judged.groupBy("source", "delivery_day").agg(
        F.count(F.lit(1)).alias("lines"),
        F.count_if(F.col("reason").isNull()).alias("accepted"),
        F.count_if(F.col("reason").isNotNull()).alias("rejected"),
        F.sum(F.size("repairs")).alias("repaired_cells"),
    )
    joined = made_from.join(counts, on=["source", "delivery_day"], how="left")
    return joined.select(
        "source",
        "delivery_day",
        "made_from",
        *(
            F.coalesce(name, F.lit(0)).cast("bigint").alias(name)
            for name in ("lines", "accepted", "rejected", "repaired_cells")
        ),
    )


def _repairs() -> Column:
    """The cells that a rule changed, as delivered and as they are now."""
    rules = {
        "stock_code": F.col("stock_code"),
        "description": F.col("description"),
        "quantity": F.col("quantity").cast("bigint"),
        "unit_price": F.col("unit_price"),
        "customer_id": F.col("customer_id"),
        "country": F.col("country"),
    }
    by_column = {
        "stock_code": "stock_code_rule",
        "description": "description_rule",
        "quantity": "numbers_rule",
        "unit_price": "numbers_rule",
        "customer_id": "customer_rule",
        "country": "country_rule",
    }
    found = [
        repaired(name, F.col(f"delivered.{name}"), after, F.col(by_column[name]))
        for name, after in rules.items()
    ]
    return F.filter(F.array(*found), lambda each: each.isNotNull())


def _problem() -> Column:
    """Why a line is no ledger entry, as a struct of `reason` and `detail`; null: it is one.

    The first that holds is told. Only what cannot be booked is rejected; what is merely unusual is marked.
    """
    quantity, price = F.col("quantity"), F.col("unit_price")
    came = {name: F.col(f"delivered.{name}") for name in DELIVERED}
    amount = quantity * price
    day = F.col("delivery_day")
    problems = [
        (
            "no_invoice_number",
            F.col("invoice_number").isNull(),
            "no invoice number came; an entry needs one",
            (),
        ),
        ("no_time", _is_empty(came["booked_at"]), "no date came; an entry needs one", ()),
        (
            "unreadable_time",
            F.col("booked_at").isNull(),
            "%s is no date; expected YYYY-MM-DD hh:mm:ss of a day that exists",
            (came["booked_at"],),
        ),
        (
            "other_day",
            F.to_date("booked_at") != day,
            "%s is of another day than the file, which is of %s",
            (came["booked_at"], day.cast("string")),
        ),
        *_of_number("quantity", came["quantity"], quantity),
        *_of_number("unit_price", came["unit_price"], price),
        (
            "quantity_not_whole",
            quantity != F.round(quantity, 0),
            "quantity %s is no whole number of pieces",
            (came["quantity"],),
        ),
        (
            "out_of_range",
            (F.abs(quantity) > QUANTITY_LIMIT) | (F.abs(amount) > AMOUNT_LIMIT),
            "quantity %s at price %s is beyond what is booked",
            (came["quantity"], came["unit_price"]),
        ),
    ]
    told = [
        F.when(
            condition,
            F.struct(F.lit(reason).alias("reason"), F.format_string(text, *values).alias("detail")),
        )
        for reason, condition, text, values in problems
    ]
    return F.coalesce(*told)


def _of_number(name: str, came: Column, read: Column) -> list[tuple[str, Column, str, tuple[Column, ...]]]:
    words = name.replace("_", " ")
    return [
        (f"no_{name}", _is_empty(came), f"no {words} came; an entry needs one", ()),
        (
            f"unreadable_{name}",
            read.isNull() & ~is_number(came),
            f"{words} %s is no number; expected digits with a point before decimals",
            (came,),
        ),
        (
            f"{name}_out_of_range",
            read.isNull(),
            f"{words} %s has more than 14 digits before the point or more than 4 after it",
            (came,),
        ),
    ]


def _is_empty(text: Column) -> Column:
    return reduce(lambda left, right: left | right, [text.isNull(), F.trim(text) == ""])
