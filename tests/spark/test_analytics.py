"""Aggregates, customers, bins and samples on small ledgers that one can add up by hand."""

from __future__ import annotations

from collections import defaultdict
from datetime import date
from decimal import Decimal

import pytest

from invoicelake.config import Analytics
from invoicelake.transforms.analytics.aggregates import monthly_purchases, monthly_sales, sales_cube
from invoicelake.transforms.analytics.customers import SCALED, customer_features, labelled_customers
from invoicelake.transforms.analytics.discretization import customer_bins
from invoicelake.transforms.analytics.fitted import fitted_rows, stored_fits
from invoicelake.transforms.analytics.fitting import binning_fits, scaling_fits
from invoicelake.transforms.analytics.hierarchies import concept_hierarchy
from invoicelake.transforms.analytics.named_queries import SALES_QUERIES, sales_view
from invoicelake.transforms.analytics.near_duplicates import merged_products
from invoicelake.transforms.analytics.reduction import sales_report
from invoicelake.transforms.analytics.sampling import stratified_sample
from invoicelake.transforms.analytics.scaling import scaled_customers

COLUMNS = (
    "source string, entry_date date, country_code string, customer_id string, stock_code string, "
    "kind string, currency string, "
    "entries bigint, quantity bigint, amount_minor bigint, reporting_amount_minor bigint"
)

# day, country, customer, stock code, kind, currency, entries, quantity, amount, in the reporting currency
LEDGER = [
    ("2011-01-04", "GB", "a", "22386", "sale", "GBP", 2, 10, 1000, 1200),
    ("2011-01-04", "GB", "a", "22386", "cancellation", "GBP", 1, -4, -400, -480),
    ("2011-01-04", "GB", "a", "POST", "fee", "GBP", 1, 1, 500, 600),
    ("2011-02-10", "GB", "a", "84029G", "sale", "GBP", 1, 3, 900, 1080),
    ("2011-02-10", "GB", "", "22386", "sale", "GBP", 1, 7, 700, 840),
    ("2011-02-11", "", "", "", "discount", "GBP", 1, -1, -50, -60),
    ("2011-03-01", "DE", "b", "22386", "sale", "EUR", 1, 5, 2000, 2000),
    ("2011-03-02", "DE", "b", "22386", "sale", "USD", 1, 1, 300, None),
    ("2011-04-30", "FR", "c", "22386", "cancellation", "EUR", 1, -2, -100, -100),
    ("2011-04-30", "US", "d", "22386", "purchase", "USD", 1, 9, 9000, 8000),
]
NET = [row for row in LEDGER if row[4] in ("sale", "cancellation", "discount")]


def frame(spark, rows, source="s"):
    return spark.createDataFrame([(source, date.fromisoformat(row[0]), *row[1:]) for row in rows], COLUMNS)


@pytest.fixture(scope="module")
def ledger(spark):
    return frame(spark, LEDGER)


@pytest.fixture(scope="module")
def cube(ledger):
    return [row.asDict() for row in sales_cube(ledger).collect()]


MEASURES = ("entries", "quantity", "amount_minor", "reporting_amount_minor", "unconverted_entries",
            "cancelled_amount_minor")  # fmt: skip


def test_every_level_of_the_cube_adds_up_to_the_total(cube):
    sums = defaultdict(lambda: [0] * len(MEASURES))
    for cell in cube:
        key = (cell["currency"], cell["period_level"], cell["place_level"], cell["product_level"])
        sums[key] = [total + cell[name] for total, name in zip(sums[key], MEASURES, strict=True)]
    expected = {}
    for currency in ("GBP", "EUR", "USD"):
        rows = [row for row in NET if row[5] == currency]
        expected[currency] = [
            sum(row[6] for row in rows),
            sum(row[7] for row in rows),
            sum(row[8] for row in rows),
            sum(row[9] or 0 for row in rows),
            sum(row[6] for row in rows if row[9] is None),
            sum(row[8] for row in rows if row[4] == "cancellation"),
        ]
    assert len(sums) == 3 * 4 * 4 * 2
    assert {key: total for key, total in sums.items() if total != expected[key[0]]} == {}


LEVELS = ("currency", "period_level", "period", "place_level", "place", "product_level", "product")
# currency, period level, period, place level, place, product level, product, amount, cancelled
CELLS = [
    ("GBP", "all", "all", "all", "all", "all", "all", 2150, -400),
    ("GBP", "month", "2011-01", "country", "GB", "all", "all", 600, -400),
    ("GBP", "quarter", "2011-Q1", "region", "Northern Europe", "product_group", "22…", 1300, -400),
    ("GBP", "year", "2011", "continent", "Unknown", "product_group", "none", -50, 0),
    ("GBP", "month", "2011-02", "country", "Unknown", "all", "all", -50, 0),
    ("EUR", "all", "all", "continent", "Europe", "all", "all", 1900, -100),
    ("EUR", "quarter", "2011-Q2", "region", "Western Europe", "all", "all", -100, -100),
]


def test_cells_of_the_cube(cube):
    found = {
        tuple(cell[name] for name in LEVELS): (cell["amount_minor"], cell["cancelled_amount_minor"])
        for cell in cube
    }
    assert {cell[:7]: found.get(cell[:7]) for cell in CELLS} == {cell[:7]: cell[7:] for cell in CELLS}
    assert len(found) == len(cube)
    assert not any(value is None for cell in cube for value in cell.values())


def test_months_keep_every_kind_and_group_products(spark, ledger):
    products = spark.createDataFrame(
        [("generated", "22386", "WRONG"), ("master", "22386", "BAGS"), ("master", "84029G", None)],
        "source string, stock_code string, product_group string",
    )
    found = monthly_sales(ledger, products).collect()
    months = {
        (row.month.isoformat(), row.stock_code, row.kind, row.currency, row.customer_id): row for row in found
    }
    assert sum(row.entries for row in found) == sum(row[6] for row in LEDGER)
    assert months["2011-01-01", "22386", "cancellation", "GBP", "a"].amount_minor == -400
    assert months["2011-03-01", "22386", "sale", "USD", "b"].unconverted_entries == 1
    assert {row.stock_code: row.product_group for row in found} == {
        "22386": "BAGS", "84029G": "84…", "POST": "other", "": "none",
    }  # fmt: skip


def test_generated_products_count_for_generated_ledgers(spark):
    products = spark.createDataFrame(
        [("generated", "22386", "TOYS")], "source string, stock_code string, product_group string"
    )
    found = monthly_sales(frame(spark, LEDGER[:1], "generated"), products).first()
    assert found.product_group == "TOYS"


def test_concepts(ledger):
    found = {
        (row.hierarchy, row.member, row.level): row.concept for row in concept_hierarchy(ledger).collect()
    }
    expected = {
        ("day", "2011-04-30", "month"): "2011-04",
        ("day", "2011-04-30", "quarter"): "2011-Q2",
        ("day", "2011-04-30", "year"): "2011",
        ("product", "22386", "product_group"): "22…",
        ("country", "IE", "region"): "Northern Europe",
        ("country", "IE", "continent"): "Europe",
        ("country", "", "continent"): "Unknown",
    }
    assert {key: found.get(key) for key in expected} == expected
    assert len(found) == 3 * 6 + 4 + 2 * 250


def test_purchases_by_supplier(spark):
    ddl = (
        "source string, company string, invoice_date date, total_minor bigint, currency string, "
        "lowest_score double"
    )
    day = date(2024, 1, 31)
    rows = [
        ("s", "ACME", day, 1250, "EUR", 0.9), ("s", "ACME", date(2024, 1, 1), -250, "EUR", 0.4),
        ("s", "ACME", day, 700, "USD", 0.9), ("s", "ACME", date(2024, 1, 3), 900, "USD", 0.5),
        ("s", None, day, 1, "EUR", 0.9),
        ("s", "ACME", None, 1, "EUR", 0.9), ("s", "ACME", day, None, "EUR", 0.9),
    ]  # fmt: skip
    quotes = [("EUR", day, Decimal(1), day), ("USD", day, Decimal(2), day)]
    rates = spark.createDataFrame(
        quotes, "currency string, rate_day date, per_euro decimal(18,8), quoted_on date"
    )
    found = monthly_purchases(spark.createDataFrame(rows, ddl), rates, "EUR").collect()
    first = date(2024, 1, 1)
    # The last three: in the reporting currency, invoices that have no rate, the lowest score.
    assert sorted(tuple(row) for row in found) == [
        ("s", "ACME", first, "EUR", 2, 1000, 1000, 0, 0.4),
        ("s", "ACME", first, "USD", 2, 1600, 350, 1, 0.5),
    ]


CUSTOMERS = [
    # customer, what is looked at, expected
    ("a", "recency_days purchase_days net_amount_minor average_basket_minor", (79, 2, 1800, 1140)),
    ("a", "products active_months days_between country_code region", (2, 2, 37.0, "GB", "Northern Europe")),
    ("a", "quantity entries cancelled_amount_minor unconverted_entries", (9, 4, -480, 0)),
    ("a", "cancelled_share rfm_class", (480 / 2280, "454")),
    ("b", "recency_days purchase_days net_amount_minor unconverted_entries", (59, 2, 2000, 1)),
    ("c", "recency_days purchase_days net_amount_minor days_between", (None, 0, -100, None)),
    # Two of three customers have equally many days with sales, and so the same score for them.
    ("b", "rfm_class", ("555",)),
    ("c", "first_sale_date average_basket_minor cancelled_share rfm_class", (None, None, None, "222")),
]


def test_customers(ledger):
    found = {row.customer_id: row for row in customer_features(ledger, None).collect()}
    assert sorted(found) == ["a", "b", "c"]
    assert {row.as_of for row in found.values()} == {date(2011, 4, 30)}
    seen = [(who, what, tuple(found[who][name] for name in what.split())) for who, what, _ in CUSTOMERS]
    assert seen == CUSTOMERS


def test_nothing_after_the_day_is_looked_at(ledger):
    found = {row.customer_id: row for row in customer_features(ledger, date(2011, 1, 31)).collect()}
    assert sorted(found) == ["a"]
    assert (found["a"].recency_days, found["a"].purchase_days, found["a"].net_amount_minor) == (27, 1, 720)


def test_target_is_what_came_later_alone(spark, ledger):
    planted = frame(spark, [*LEDGER, ("2011-04-30", "GB", "a", "x", "sale", "GBP", 1, 1, 10**9, 10**9)])
    before = {row.customer_id: row for row in labelled_customers(ledger, None, 70).collect()}
    after = {row.customer_id: row for row in labelled_customers(planted, None, 70).collect()}
    assert {who: row.has_bought_again for who, row in before.items()} == {"a": False}
    assert {who: row.has_bought_again for who, row in after.items()} == {"a": True}
    assert before["a"].asDict() | {"has_bought_again": True} == after["a"].asDict()


def sales(count, amount):
    """One sale each of `count` customers, on different days."""
    return [
        (f"2011-01-{1 + n % 28:02}", "GB", f"c{n:03}", "22386", "sale", "GBP", 1, n, amount(n), amount(n))
        for n in range(count)
    ]


def test_stored_fits_give_the_same_bits_on_new_data(spark, lake):
    settings = Analytics(target_days=10, bins=4)
    old = frame(spark, sales(40, lambda n: 1000 + 77 * n))
    features = customer_features(old, date(2011, 1, 31)).localCheckpoint()
    labelled = labelled_customers(old, date(2011, 1, 31), settings.target_days)
    fits = [*scaling_fits([], features, settings), *binning_fits([], features, labelled, settings)]
    lake.upsert("gold.fitted_parameter", fitted_rows(spark, fits))
    stored = stored_fits(lake.read("gold.fitted_parameter"))
    assert sorted(fit.fit_id for fit in stored) == sorted({fit.fit_id for fit in fits})
    assert set(stored) == set(fits)

    new = customer_features(frame(spark, sales(60, lambda n: 10**6 - 3 * n)), None).localCheckpoint()
    kept = [*scaling_fits(stored, new, settings), *binning_fits(stored, new, new, settings)]
    assert kept == fits
    again = settings.model_copy(update={"refit": True})
    refitted = scaling_fits(stored, new, again)
    assert {fit.generation for fit in refitted if fit.transform != "log"} == {2}

    before, after = scaled_customers(new, fits[:4]), scaled_customers(new, kept[:4])
    assert sorted(before.collect()) == sorted(after.collect())
    changed = lake.upsert("gold.fitted_parameter", fitted_rows(spark, refitted)).changed
    assert changed == sum(len(fit.parameters) for fit in refitted if fit.generation == 2)
    assert scaling_fits(stored_fits(lake.read("gold.fitted_parameter")), new, settings) == refitted


@pytest.fixture(scope="module")
def binned(spark):
    """Bins fitted to amounts 0 to 990, applied to values inside, outside and missing."""
    settings = Analytics(target_days=10, bins=3)
    features = customer_features(frame(spark, sales(100, lambda n: 10 * n)), None).localCheckpoint()
    fits = binning_fits([], features, labelled_like(features), settings)
    rows = [("s", name, *([value] * len(SCALED))) for name, value in VALUES.items()]
    ddl = "source string, customer_id string, " + ", ".join(f"{name} double" for name in SCALED)
    found = (
        customer_bins(spark.createDataFrame(rows, ddl), fits).where("feature = 'net_amount_minor'").collect()
    )
    return {(row.method, row.customer_id): (row.bin, row.label) for row in found}


VALUES = {"null": None, "nan": float("nan"), "far below": -1e9, "first": 0.0, "edge": 330.0, "far above": 1e9}


def labelled_like(features):
    return features.selectExpr("*", "net_amount_minor >= 500 AS has_bought_again")


# method, value, bin, label
BINS = [
    ("equal_width", "null", -1, "null"),
    ("equal_width", "nan", -1, "null"),
    ("equal_width", "far below", 0, "< 330"),
    ("equal_width", "first", 0, "< 330"),
    ("equal_width", "edge", 1, "[330, 660)"),
    ("equal_width", "far above", 2, ">= 660"),
    ("equal_frequency", "far above", 2, ">= 665"),
    ("k_means", "far above", 2, ">= 655"),
    ("minimum_description_length", "first", 0, "< 495"),
    ("minimum_description_length", "far above", 1, ">= 495"),
]


@pytest.mark.parametrize(("method", "value", "number", "label"), BINS)
def test_bins(binned, method, value, number, label):
    assert binned[method, value] == (number, label)


def test_normalisation_by_hand(spark):
    features = customer_features(frame(spark, sales(5, lambda n: (0, 100, 200, 300, 400)[n])), None)
    fits = scaling_fits([], features, Analytics())
    found = {row.customer_id: row for row in scaled_customers(features, fits).collect()}
    last = found["c004"]
    assert last.net_amount_minor_z_score == pytest.approx(200 / 20000**0.5)
    assert last.net_amount_minor_min_max == 1.0
    assert last.net_amount_minor_log == pytest.approx(5.993961427)
    assert last.net_amount_minor_bin == 4
    # Everybody bought on one day: a constant column is 0 throughout.
    assert {(row.purchase_days_z_score, row.purchase_days_min_max) for row in found.values()} == {(0.0, 0.0)}


CERTAIN = 100_000


def strata(rows):
    counted = defaultdict(int)
    for row in rows:
        counted[row["country_code"], row["entry_date"].month] += 1
    return counted


@pytest.fixture(scope="module")
def sampled(spark):
    """57 British rows and 4 German ones in January, 25 in February; a large order, cancelled."""
    rows = [("2011-01-02", "GB", f"c{n}", "22386", "sale", "GBP", 1, 1, 100 + n, 100 + n) for n in range(57)]
    rows += [("2011-01-03", "DE", f"c{n}", "22386", "sale", "GBP", 1, 1, 100, 100) for n in range(4)]
    rows += [("2011-02-02", "GB", f"c{n}", "22386", "sale", "GBP", 1, 1, 100, 100) for n in range(25)]
    large = [("sale", 7_000_000), ("cancellation", -7_000_000)]
    rows += [("2011-03-02", "GB", "c0", "23166", kind, "GBP", 1, 1, amount, amount) for kind, amount in large]
    return rows


def test_sample_takes_its_share_of_each_stratum(spark, sampled):
    found = stratified_sample(frame(spark, sampled), 0.1, CERTAIN, seed=7).collect()
    assert strata(found) == {("GB", 1): 6, ("DE", 1): 1, ("GB", 2): 3, ("GB", 3): 2}
    assert {(row.country_code, row.entry_date.month): float(row.weight) for row in found} == {
        ("GB", 1): 9.5, ("DE", 1): 4.0, ("GB", 2): 8.333333, ("GB", 3): 1.0,
    }  # fmt: skip


def test_sample_is_the_same_in_any_order_and_without_other_months(spark, sampled):
    whole = {tuple(row) for row in stratified_sample(frame(spark, sampled), 0.1, CERTAIN, 7).collect()}
    shuffled = frame(spark, sampled[::-1]).repartition(5)
    assert {tuple(row) for row in stratified_sample(shuffled, 0.1, CERTAIN, 7).collect()} == whole
    january = frame(spark, [row for row in sampled if row[0] < "2011-02"])
    assert {tuple(row) for row in stratified_sample(january, 0.1, CERTAIN, 7).collect()} < whole
    assert {
        tuple(row) for row in stratified_sample(frame(spark, sampled), 0.1, CERTAIN, 8).collect()
    } != whole


def test_report_says_how_far_answers_move(spark, ledger):
    half = ledger.where("entry_date < '2011-02-11'").selectExpr("*", "CAST(2 AS DECIMAL(18,6)) AS weight")
    rows = sales_report("half", sales_view(ledger), sales_view(half)).collect()
    found = {(row["query"], row["label"]): row for row in rows}
    january = found["monthly_revenue", "2011-01"]
    assert (january.answer_before, january.answer_after, january.relative_change) == (720.0, 1440.0, 1.0)
    march = found["monthly_revenue", "2011-03"]
    assert (march.answer_before, march.answer_after, march.relative_change) == (2000.0, None, None)
    assert found["average_line_value_by_region", "Northern Europe"].relative_change == 0
    assert found["average_basket_by_region", "Northern Europe"].answer_before == (1200 - 480 + 1080) / 2
    assert found["products_sold", "all"].answer_before == 2
    # The best tenth of three customers is one: b, with 2000 of 1800 + 2000 - 100.
    assert found["revenue_share_of_top_decile_customers", "all"].answer_before == 2000 / 3700
    assert {row["query"] for row in rows} == set(SALES_QUERIES)
    assert {(row.rows_before, row.rows_after, row.columns_before) for row in rows} == {(8, 4, 1)}


def test_merged_products_add_up(spark, ledger):
    twins = spark.createDataFrame(
        [("s", "84029G", "22386"), ("other", "POST", "22386")],
        "source string, stock_code string, kept_stock_code string",
    )
    found = merged_products(ledger, twins)
    assert {row.stock_code for row in found.collect()} == {"22386", "POST", ""}
    assert found.selectExpr("sum(amount_minor) AS total").first().total == sum(row[8] for row in LEDGER)
