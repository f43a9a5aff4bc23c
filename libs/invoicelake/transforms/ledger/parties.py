"""Customers and countries of ledger lines: gaps filled, spellings mended."""

from __future__ import annotations

import json
from collections.abc import Iterable

from pyspark.sql import Column, DataFrame, Window, WindowSpec, functions as F
from rapidfuzz import process
from rapidfuzz.distance import OSA

from invoicelake import config
from invoicelake.text.countries import country_code

_INVOICE = ("source", "delivery_day", "invoice_number")
_NAMED = "map<string, struct<country: string, country_code: string>>"


def known_countries(usual: Iterable[str], regions: Iterable[str]) -> tuple[str, ...]:
    """The names that a misspelt one may stand for: customers' usual ones that name a country, and regions."""
    named = {name.strip() for name in regions}
    return tuple(sorted(named | {name for name in usual if country_code(name) is not None}))


def country_names(
    found: Iterable[str], known: Iterable[str], regions: Iterable[str], max_edits: int
) -> dict[str, tuple[str | None, str | None]]:
    """What each name stands for: the country as it is to be written, and its ISO 3166-1 alpha-2 code.

    Args:
        found: names as read from lines.
        known: names that a misspelt one is compared with.
        regions: names that are no single country and yet mean something.
        max_edits: letters that may be wrong, missing, added or exchanged; at most a quarter of the name.

    Returns:
        By name in upper case. A name that is neither a country nor a region nor near to a known one is kept
        as it is, without a code; so is one that is equally near to two.
    """
    regions_by_name = {name.upper(): name for name in regions}
    by_name = {name.upper(): name for name in known} | regions_by_name
    meant: dict[str, tuple[str | None, str | None]] = {}
    for name in sorted(set(found)):
        code = country_code(name)
        if code is not None or name.upper() in regions_by_name:
            spelt = by_name.get(name.upper(), name)
        else:
            spelt = _nearest(name, by_name, max_edits) or name
        meant[name.upper()] = (spelt, code or country_code(spelt))
    return meant


def _nearest(name: str, by_name: dict[str, str], max_edits: int) -> str | None:
    allowed = min(max_edits, len(name) // 4)
    near = process.extract(name.upper(), list(by_name), scorer=OSA.distance, score_cutoff=allowed, limit=2)
    is_one = len(near) == 1 or (len(near) == 2 and near[0][1] < near[1][1])
    return by_name[near[0][0]] if is_one else None


def with_parties(
    lines: DataFrame, customers: DataFrame, names: dict[str, tuple[str | None, str | None]]
) -> DataFrame:
    """Mend `customer_id` and `country`, and add `country_code`, `place` and what rule changed which.

    A customer that is missing is that of the invoice's other lines, if they name one and the same. So is a
    country; failing that, it is the customer's usual one.

    Args:
        lines: as from `read_lines`.
        customers: silver.customer_profile of this source.
        names: as from `country_names`, for every name in `lines`.

    Returns:
        `lines` with the columns changed, and `place` (the line's among those of its invoice on that day),
        `customer_rule`, `country_rule` (null: unchanged) and `country_code`.
    """
    named = F.from_json(F.lit(json.dumps(_as_structs(names))), _NAMED)
    invoice = Window.partitionBy(*_INVOICE)
    in_order = invoice.orderBy("line_number").rowsBetween(Window.unboundedPreceding, Window.currentRow)
    spelt = lines.withColumn("spelt", named[F.upper("country")]["country"])
    filled = spelt.select(
        "*",
        F.row_number().over(in_order).alias("place"),
        _of_all(F.col("customer_id"), invoice).alias("invoice_customer"),
        _of_all(F.col("spelt"), invoice).alias("invoice_country"),
    ).withColumn("customer", F.coalesce("customer_id", "invoice_customer"))
    usual = customers.select(F.col("customer_id").alias("customer"), F.col("country").alias("usual_country"))
    joined = filled.join(F.broadcast(usual), on="customer", how="left")
    usual_country = named[F.upper("usual_country")]["country"]
    country = F.coalesce("spelt", "invoice_country", usual_country)
    return joined.select(
        *(name for name in lines.columns if name not in ("customer_id", "country")),
        "place",
        F.col("customer").alias("customer_id"),
        _rule({"customer_from_invoice": F.col("customer_id").isNull() & F.col("customer").isNotNull()}).alias(
            "customer_rule"
        ),
        country.alias("country"),
        named[F.upper(country)]["country_code"].alias("country_code"),
        _rule(
            {
                "country_spelling": F.col("spelt") != F.col("country"),
                "country_from_invoice": F.col("spelt").isNull() & F.col("invoice_country").isNotNull(),
                "country_from_customer": F.col("spelt").isNull() & usual_country.isNotNull(),
            }
        ).alias("country_rule"),
    )


def _as_structs(names: dict[str, tuple[str | None, str | None]]) -> dict[str, dict[str, str | None]]:
    return {name: {"country": spelt, "country_code": code} for name, (spelt, code) in names.items()}


def _of_all(value: Column, invoice: WindowSpec) -> Column:
    """What all lines of an invoice that have a value agree on; null where they do not or none has one."""
    return F.when(F.min(value).over(invoice) == F.max(value).over(invoice), F.min(value).over(invoice))


def _rule(conditions: dict[str, Column]) -> Column:
    return F.coalesce(*(F.when(condition, F.lit(rule)) for rule, condition in conditions.items()))


def names_of_countries(
    lines: DataFrame, customers: DataFrame, settings: config.Cleaning
) -> dict[str, tuple[str | None, str | None]]:
    """`country_names` of bronze.ledger_line and silver.customer_profile, whose few names are collected."""
    tidy = F.trim(F.regexp_replace("country", r"[\s\u00a0]+", " ")).alias("country")
    rows = lines.select(tidy, F.lit(False).alias("is_usual")).unionByName(
        customers.select(tidy, F.lit(True).alias("is_usual"))
    )
    distinct = rows.where(F.length("country") > 0).distinct().collect()
    known = known_countries((row.country for row in distinct if row.is_usual), settings.regions)
    found = {row.country for row in distinct}
    return country_names(found, known, settings.regions, settings.max_typo_edits)
