"""The rules of cleaning, by name and version; docs/cleaning.md says what each does."""

from __future__ import annotations

import json

from pyspark.sql import Column, functions as F

# Raise a version when what the rule does changes: the days are then cleaned again.
RULES = {
    "description_from_profile": 1,
    "description_spelling": 1,
    "stock_code_from_description": 1,
    "stock_code_spelling": 1,
    "stock_code_and_description_swapped": 1,
    "quantity_and_price_swapped": 1,
    "customer_from_invoice": 1,
    "country_spelling": 1,
    "country_from_invoice": 1,
    "country_from_customer": 1,
    # These mark or reject and change no cell.
    "kind": 1,
    "outliers": 1,
    "duplicates": 1,
    "rejection": 1,
}


def version_of_rules() -> str:
    """All rules with their versions, as one text."""
    return json.dumps(RULES, sort_keys=True)


def repaired(column: str, before: Column, after: Column, rule: Column) -> Column:
    """What changed in a column, as a struct of silver.repair's columns; null where `rule` is null.

    Args:
        before: as delivered; compared with `after` as text.
        rule: name of the rule that changed it; null where none did.
    """
    versions = F.create_map(*(F.lit(each) for pair in RULES.items() for each in pair))
    found = F.struct(
        F.lit(column).alias("column_name"),
        before.cast("string").alias("before"),
        after.cast("string").alias("after"),
        rule.alias("rule"),
        versions[rule].alias("rule_version"),
    )
    changed = rule.isNotNull() & ~before.cast("string").eqNullSafe(after.cast("string"))
    return F.when(changed, found)
