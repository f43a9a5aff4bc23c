"""Stock codes, descriptions, quantities and prices of ledger lines, mended by what is usual for it."""

from __future__ import annotations

from functools import reduce

from pyspark.sql import DataFrame, functions as F

from invoicelake import config
from invoicelake.transforms.ledger.kinds import is_product


def with_goods(lines: DataFrame, profiles: DataFrame, settings: config.Cleaning) -> DataFrame:
    """Mend what was sold, and add the product's profile.

    Args:
        lines: as from `read_lines`.
        profiles: silver.product_profile of this source.

    Returns:
        `lines` with `stock_code`, `description`, `quantity` and `unit_price` changed, the rules that did so
        (`stock_code_rule`, `description_rule`, `numbers_rule`; null: unchanged), and `profile`, a struct of
        silver.product_profile (null: no goods, or a product that was never seen).
    """
    coded = _with_code(lines, profiles, settings)
    product = F.struct(*profiles.columns).alias("profile")
    known = F.broadcast(profiles.select(F.col("stock_code").alias("profile_code"), product))
    profiled = coded.join(known, on=F.col("stock_code") == F.col("profile_code"), how="left")
    return _with_numbers(_with_description(profiled.drop("profile_code"), settings), settings)


def _with_code(lines: DataFrame, profiles: DataFrame, settings: config.Cleaning) -> DataFrame:
    """Mend stock codes by the description: missing, misspelt, or each in the other's column."""
    is_well_known = F.col("lines") >= settings.min_profile_lines
    # A code is a misspelt one only if hardly any line has it: rare products have neighbours of the same name.
    is_in_use = F.col("lines") >= settings.level_min_lines
    known = profiles.where(is_in_use).select(
        F.col("stock_code").alias("known_code"), F.col("lines").alias("known_lines")
    )
    joined = lines.join(F.broadcast(known), on=F.col("stock_code") == F.col("known_code"), how="left").join(
        F.broadcast(_keys(profiles.where(is_well_known))),
        on=F.upper("description") == F.col("key"),
        how="left",
    )
    code, named = F.col("stock_code"), F.col("named_code")
    # Services have no profile and yet are no misspelt products.
    is_strange = code.isNull() | (F.col("known_code").isNull() & is_product(code))
    # Where swaps are frequent, a description is itself the code of some lines; most lines are right.
    is_its_name = (code == F.col("named_description")) & (F.col("named_lines") > F.col("known_lines"))
    is_near = F.levenshtein(code, named) <= settings.max_typo_edits
    rule = (
        F.when(F.col("key_is_code") & (is_strange | is_its_name), "stock_code_and_description_swapped")
        .when(~is_strange | named.isNull() | F.col("key_is_code"), F.lit(None))
        .when(code.isNull(), "stock_code_from_description")
        .when(is_near, "stock_code_spelling")
    )
    is_swapped = F.col("stock_code_rule") == "stock_code_and_description_swapped"
    ruled = joined.withColumn("stock_code_rule", rule)
    # The code came in upper case from where a description's letters were perhaps not all capitals.
    other = F.trim(F.col("delivered.stock_code"))
    description = F.when(F.coalesce(is_swapped, F.lit(False)), other).otherwise(F.col("description"))
    return ruled.select(
        *(name for name in lines.columns if name not in ("stock_code", "description")),
        F.when(F.col("stock_code_rule").isNotNull(), named).otherwise(code).alias("stock_code"),
        description.alias("description"),
        "stock_code_rule",
    )


def _keys(profiles: DataFrame) -> DataFrame:
    """What may stand in the column of descriptions: one row per description of one product, and per code."""
    described = (
        profiles.where(F.col("description").isNotNull())
        .groupBy(F.upper("description").alias("key"))
        .agg(
            F.max("lines").alias("named_lines"),
            F.min("stock_code").alias("named_code"),
            F.count(F.lit(1)).alias("codes"),
        )
        .where(F.col("codes") == 1)
        .select("key", "named_lines", F.lit(False).alias("key_is_code"), "named_code")
        .withColumn("named_description", F.col("key"))
    )
    codes = profiles.select(
        F.col("stock_code").alias("key"),
        F.col("lines").alias("named_lines"),
        F.lit(True).alias("key_is_code"),
        F.col("stock_code").alias("named_code"),
        F.upper("description").alias("named_description"),
    )
    # A text may be both where swaps are frequent; it is what more lines have it for.
    best = F.max(F.struct("named_lines", "key_is_code", "named_code", "named_description")).alias("best")
    return codes.unionByName(described).groupBy("key").agg(best).select("key", "best.*")


def _with_description(lines: DataFrame, settings: config.Cleaning) -> DataFrame:
    """Fill a missing description, and mend one that is nearly the product's own."""
    text, usual = F.col("description"), F.col("profile.description")
    typed, meant = F.upper(text), F.upper(usual)
    edits = F.levenshtein(typed, meant, settings.max_typo_edits)
    longest = F.greatest(F.length(typed), F.length(meant))
    is_similar = (edits >= 0) & (1 - edits / longest >= settings.min_typo_similarity)
    # Two sizes or numbers of one article differ by a digit, and that is no slip of the pen.
    has_same_digits = F.regexp_replace(typed, r"\D", "") == F.regexp_replace(meant, r"\D", "")
    in_use = F.array_contains("profile.other_descriptions", text)
    is_typo = is_similar & has_same_digits & ~in_use
    rule = F.when(usual.isNull() | (text == usual), F.lit(None)).when(
        text.isNull(), "description_from_profile"
    )
    rule = rule.when(is_typo, "description_spelling")
    swapped = F.col("stock_code_rule") == "stock_code_and_description_swapped"
    mended = lines.withColumn("rule", rule)
    return mended.select(
        *(name for name in lines.columns if name != "description"),
        F.when(F.col("rule").isNotNull(), usual).otherwise(text).alias("description"),
        F.coalesce(F.when(swapped, F.col("stock_code_rule")), F.col("rule")).alias("description_rule"),
    )


def _with_numbers(lines: DataFrame, settings: config.Cleaning) -> DataFrame:
    """Exchange a quantity and a price that stand in each other's column; their product stays what it is."""
    quantity, price = F.col("quantity"), F.col("unit_price")
    levels = F.col("profile.price_levels")
    is_judged = F.col("profile.sales") >= settings.min_profile_lines
    conditions = [
        is_judged,
        price != 0,
        price == F.round(price, 0),
        F.array_contains(levels, F.abs(quantity)),
        ~F.array_contains(levels, F.abs(price)),
        F.abs(price) < 10**9,
    ]
    is_swapped = F.coalesce(reduce(lambda left, right: left & right, conditions), F.lit(False))
    # A credit note's sign belongs to the quantity.
    was_negative = F.when(quantity * price < 0, F.lit(-1)).otherwise(F.lit(1))
    ruled = lines.withColumn("is_swapped", is_swapped)
    return ruled.select(
        *(name for name in lines.columns if name not in ("quantity", "unit_price")),
        F.when(F.col("is_swapped"), (F.abs(price) * was_negative).cast("decimal(18,4)"))
        .otherwise(quantity)
        .alias("quantity"),
        F.when(F.col("is_swapped"), F.abs(quantity)).otherwise(price).alias("unit_price"),
        F.when(F.col("is_swapped"), F.lit("quantity_and_price_swapped")).alias("numbers_rule"),
    )
