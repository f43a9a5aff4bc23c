"""Features of payment delay: what was known on the day of the invoice, and nothing else."""

from __future__ import annotations

import datetime
import random

import pytest
from pyspark.sql import Window, functions as F

from invoicelake import config
from invoicelake.errors import JobError
from invoicelake.transforms.payment_delay.examples import (
    payment_delay_examples,
    payment_delay_features,
    split_days,
)
from invoicelake.transforms.payment_delay.leaks import leaking_features, require_no_leak

DAY = datetime.date
CUT = DAY(2024, 3, 1)
SETTINGS = config.PaymentDelay(validation_from=CUT, test_from=DAY(2024, 4, 1))


def drawn(number: int) -> dict[str, object]:
    """A receivable of one of five customers within half a year; some days fall together on purpose."""
    draw = random.Random(number)
    invoiced = DAY(2024, 1, 1) + datetime.timedelta(days=2 * draw.randrange(75))
    due = invoiced + datetime.timedelta(days=draw.choice((0, 10, 30)))
    settled = invoiced + datetime.timedelta(days=2 * draw.randrange(40)) if draw.random() < 0.85 else None
    return {
        "invoice_number": f"{number:04d}",
        "customer_id": f"C{number % 5}",
        "country": draw.choice(("391", "818", None)),
        "invoice_date": invoiced,
        "due_date": due,
        "settled_date": settled,
        "terms_days": (due - invoiced).days,
        "days_late": max(0, (settled - due).days) if settled else None,
        "days_to_settle": (settled - invoiced).days if settled else None,
        "amount_minor": draw.randrange(100, 9999),
        "is_disputed": draw.random() < 0.3,
        "paperless_since": draw.choice((None, CUT, DAY(2024, 1, 9))),
    }


DRAWN = [drawn(number) for number in range(160)]


@pytest.fixture(scope="module")
def receivables(spark, specs):
    spec = specs["silver.receivable"]
    rows = [tuple(spec.sample_row(source="a", **row).values()) for row in DRAWN]
    frame = spark.createDataFrame(rows, spec.ddl).select(*spec.written).coalesce(2).persist()
    yield frame
    frame.unpersist()


@pytest.fixture(scope="module")
def examples(receivables, specs) -> dict[str, dict[str, object]]:
    frame = payment_delay_examples(receivables, SETTINGS)
    assert sorted(frame.columns) == sorted(specs["gold.payment_delay_example"].written)
    return {row["invoice_number"]: row.asDict() for row in frame.collect()}


def mean(values: list[int]) -> float | None:
    return sum(values) / len(values) if values else None


def known_of(group: str, own: dict[str, object]) -> dict[str, object]:
    """The history of a row by looking at every other row, as slow and plain as can be."""
    day = own["invoice_date"]
    others = [each for each in DRAWN if each[group] == own[group] and own[group] is not None]
    earlier = [each for each in others if each["invoice_date"] < day]
    settled = [each for each in earlier if each["settled_date"] and each["settled_date"] < day]
    open_ones = [each for each in earlier if each not in settled]
    overdue = [each for each in open_ones if each["due_date"] < day]
    last = max(settled, key=lambda each: (each["settled_date"], each["invoice_number"]), default=None)
    name = group.removesuffix("_id")
    found = {
        "invoices": len(earlier),
        "settled": len(settled),
        "mean_days_late": mean([each["days_late"] for each in settled]),
        "most_days_late": max((each["days_late"] for each in settled), default=None),
        "late_share": mean([each["days_late"] > 0 for each in settled]),
        "mean_days_to_settle": mean([each["days_to_settle"] for each in settled]),
    }
    if name == "customer":
        found |= {
            "disputed_share": mean([each["is_disputed"] for each in settled]),
            "last_days_late": last["days_late"] if last else None,
            "days_since_invoice": min(((day - each["invoice_date"]).days for each in earlier), default=None),
            "open": len(open_ones),
            "open_minor": sum(each["amount_minor"] for each in open_ones),
            "overdue": len(overdue),
            "overdue_minor": sum(each["amount_minor"] for each in overdue),
            "mean_days_overdue": mean([(day - each["due_date"]).days for each in overdue]),
        }
    return {f"{name}_{feature}": value for feature, value in found.items()}


@pytest.mark.parametrize("group", ["customer_id", "country"])
def test_history_is_that_of_the_days_before(examples, group):
    assert len(examples) == len(DRAWN)
    for own in DRAWN:
        expected = known_of(group, own)
        found = {name: examples[own["invoice_number"]][name] for name in expected}
        assert found == pytest.approx(expected), own


def test_own_features_labels_and_splits(examples):
    for own in DRAWN:
        row, settled = examples[own["invoice_number"]], own["settled_date"]
        assert row["invoice_weekday"] == own["invoice_date"].isoweekday()
        assert row["is_paperless"] == bool(
            own["paperless_since"] and own["paperless_since"] <= own["invoice_date"]
        )
        assert row["days_late"] == own["days_late"]
        assert row["is_late"] == (own["days_late"] > 0 if settled else None)
        assert row["split"] == expected_split(own["invoice_date"], settled)
    assert {row["split"] for row in examples.values()} == {"train", "validation", "test", "held_back"}


def expected_split(invoiced: datetime.date, settled: datetime.date | None) -> str:
    if settled is None:
        return "held_back"
    if invoiced >= SETTINGS.test_from:
        return "test"
    name, until = ("train", CUT) if invoiced < CUT else ("validation", SETTINGS.test_from)
    return name if settled < until else "held_back"


def test_splits_by_share_begin_on_the_day_by_which_it_is_reached(receivables):
    found = split_days(receivables, config.PaymentDelay(train_share=0.5, validation_share=0.25)).first()
    days = sorted(each["invoice_date"] for each in DRAWN)
    assert (found["validation_from"], found["test_from"]) == (days[79], days[119])


def with_settled_or_not(receivables):
    """A mean over all earlier invoices, whether or not it was known how late they would be."""
    earlier = Window.partitionBy("customer_id").orderBy(F.unix_date("invoice_date"))
    window = earlier.rangeBetween(Window.unboundedPreceding, -1)
    return receivables.withColumn("leaking", F.avg("days_late").over(window))


def with_the_same_day(receivables):
    """What is settled on the day of the invoice is not known on its morning."""
    others = receivables.select(
        F.col("customer_id").alias("of"), F.col("settled_date").alias("then"), "amount_minor"
    )
    agree = (F.col("customer_id") == F.col("of")) & (F.col("then") <= F.col("invoice_date"))
    joined = receivables.drop("amount_minor").join(others, on=agree, how="left")
    return joined.groupBy("source", "invoice_number", "invoice_date").agg(
        F.sum("amount_minor").alias("leaking")
    )


def with_all_invoices(receivables):
    """However many invoices there will have been."""
    return receivables.withColumn("leaking", F.count("*").over(Window.partitionBy("country")))


# A leak of the same day shows only on a day when one is invoiced and another of the customer is settled.
SAME_DAY = min(
    one["invoice_date"]
    for one in DRAWN
    for other in DRAWN
    if one["customer_id"] == other["customer_id"] and one["invoice_date"] == other["settled_date"]
)

# why, how a feature is built, the cut that shows it
LEAKS = [
    ("lateness before it is settled", with_settled_or_not, CUT),
    ("settled on the same day", with_the_same_day, SAME_DAY),
    ("its own dispute", lambda frame: frame.withColumn("leaking", F.col("is_disputed")), CUT),
    ("its own delay", lambda frame: frame.withColumn("leaking", F.col("days_late") > 3), CUT),
    ("that it will be paperless", lambda frame: frame.withColumn("leaking", F.col("paperless_since")), CUT),
    ("later invoices", with_all_invoices, CUT),
    ("open at the end", lambda frame: frame.withColumn("leaking", F.col("settled_date").isNull()), CUT),
]


@pytest.mark.parametrize(("build", "cut"), [case[1:] for case in LEAKS], ids=[case[0] for case in LEAKS])
def test_a_planted_leak_is_found(receivables, build, cut):
    def planted(frame):
        return build(frame).select("source", "invoice_number", "invoice_date", "leaking")

    assert leaking_features(planted, receivables, cut) == ["leaking"]


@pytest.mark.parametrize("cut", [CUT, SAME_DAY])
def test_our_features_do_not_leak(receivables, cut):
    assert leaking_features(payment_delay_features, receivables, cut) == []


def test_labels_of_rows_before_the_cut_do_change(receivables):
    """So it is the features that are steady, and not the future that is the same."""

    def build(frame):
        return payment_delay_examples(frame, SETTINGS)

    found = leaking_features(build, receivables, CUT)
    assert set(found) == {"days_late", "is_late", "settled_date", "split"}


def test_a_leak_is_told():
    require_no_leak([], CUT)
    with pytest.raises(JobError, match=r"leak the future: a, b of receivables up to 2024-03-01"):
        require_no_leak(["a", "b"], CUT)
