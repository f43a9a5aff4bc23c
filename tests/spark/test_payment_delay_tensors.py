"""Tensors of payment delay: fitted to the train split alone, equal to the platform's own bins and scales."""

from __future__ import annotations

import datetime

import numpy as np
import pytest
from pyspark.sql import functions as F

from invoicelake import config
from invoicelake.errors import JobError
from invoicelake.models.delay_encoding import BINS, CUSTOMER, LABELS, LOGGED, NUMBERS, TENSORS
from invoicelake.training.delay_examples import (
    delay_encoding,
    delay_fits,
    delay_tensors,
    unseen_from,
)
from invoicelake.transforms.analytics.discretization import bin_number
from invoicelake.transforms.analytics.normalisation import normalised

SETTINGS = config.DelayModel(bins=4, min_receivables=5)
SPLITS = ("train", "train", "train", "validation", "test", "held_back")
DAY = datetime.date(2024, 1, 1)


def example(number: int) -> dict[str, object]:
    """One of 60 receivables: the days from due date to settlement are its number less 30."""
    invoiced, split = DAY + datetime.timedelta(days=number), SPLITS[number // 10]
    settled = invoiced + datetime.timedelta(days=number) if split != "held_back" else None
    rows = {
        "invoice_number": f"{number:03d}",
        "customer_id": f"C{number % 4}" if number < 50 else "new",
        "invoice_date": invoiced,
        "settled_date": settled,
        "terms_days": 30,
        "days_late": max(0, number - 30) if settled else None,
        "is_late": number > 30 if settled else None,
        "split": split,
    }
    history = {
        name: float(number * 3 % 17) if number % 7 else None for name in NUMBERS if name.endswith("share")
    }
    return rows | history | {"amount_minor": 100 * 2 ** (number % 12)}


@pytest.fixture(scope="module")
def examples(spark, specs):
    spec = specs["gold.payment_delay_example"]
    rows = [tuple(spec.sample_row(source="a", **example(number)).values()) for number in range(60)]
    frame = spark.createDataFrame(rows, spec.ddl).select(*spec.written).coalesce(2).persist()
    yield frame
    frame.unpersist()


@pytest.fixture(scope="module")
def fits(examples):
    return delay_fits([], examples.where("split = 'train'"), "a", SETTINGS)


@pytest.fixture(scope="module")
def tensors(examples, fits, specs):
    """By invoice number, the row with its tensors unpacked."""
    spec = specs["gold.payment_delay_tensor"]
    frame = delay_tensors(examples, delay_encoding(*fits), spec)
    assert frame.columns == spec.written
    unpacked = {}
    for row in frame.collect():
        arrays = {
            each.name: np.frombuffer(row[each.name], each.dtype).reshape(each.shape)
            if row[each.name]
            else None
            for each in (*TENSORS, LABELS)
        }
        unpacked[row["invoice_number"]] = row.asDict() | arrays
    return unpacked


def test_numbers_and_bins_are_those_of_the_platform(examples, fits, tensors):
    scales, bins, _ = fits
    scaled = {name: normalised(scales, f"{name}_log" if name in LOGGED else name) for name in NUMBERS}
    logs = {
        f"{name}_log": F.signum(F.col(name).cast("double")) * F.log1p(F.abs(F.col(name))) for name in LOGGED
    }
    expected = examples.withColumns(logs).select(
        "invoice_number",
        F.array(*[F.coalesce(scaled[name], F.lit(0.0)) for name in NUMBERS]).alias("numbers"),
        F.array(*[F.coalesce(bin_number(bins, name) + 1, F.lit(0)) for name in NUMBERS]).alias("bins"),
    )
    for row in expected.collect():
        found = tensors[row["invoice_number"]]
        np.testing.assert_allclose(found["numbers"], np.clip(row["numbers"], -4, 4), rtol=1e-5, atol=1e-6)
        assert found["bins"][: len(NUMBERS)].tolist() == row["bins"]
    assert len({int(each["bins"][BINS.index("amount_minor")]) for each in tensors.values()}) == 4


def test_customers_are_numbered_by_frequency_and_new_ones_are_unknown(fits, tensors):
    assert fits[2].texts(CUSTOMER, "category") == ["C0", "C1", "C2", "C3"]
    assert [int(tensors[number]["customer"][0]) for number in ("000", "003", "055")] == [1, 4, 0]


def test_labels_are_days_from_due_date_and_lateness(tensors):
    assert tensors["000"]["labels"].tolist() == [-30, 0]
    assert tensors["040"]["labels"].tolist() == [10, 1]
    assert tensors["055"]["labels"] is None


def test_what_comes_after_training_teaches_nothing(examples, fits):
    """Another future, other labels: the same fits. Another past: others."""
    later = F.col("split") != "train"
    changed = {"amount_minor": 7, "customer_late_share": 0.5, "customer_id": "C9", "country": "404"}
    future = {name: F.when(later, F.lit(value)).otherwise(F.col(name)) for name, value in changed.items()}
    labels = {"days_late": F.lit(1), "is_late": F.lit(True)}
    for columns in (future, labels):
        again = delay_fits([], examples.withColumns(columns).where("split = 'train'"), "a", SETTINGS)
        assert [fit.fit_id for fit in again] == [fit.fit_id for fit in fits]
    past = examples.withColumn("amount_minor", F.col("amount_minor") * 3).where("split = 'train'")
    assert delay_fits([], past, "a", SETTINGS)[0].fit_id != fits[0].fit_id


def test_the_same_rows_give_the_stored_fits_and_others_a_new_generation(examples, fits):
    train = examples.where("split = 'train'")
    assert delay_fits(fits, train, "a", SETTINGS) == fits
    others = delay_fits(fits, train.where("invoice_number > '004'"), "a", SETTINGS)
    assert [fit.generation for fit in others] == [2, 2, 2]


def test_a_model_knows_nothing_from_the_test_split_on(examples):
    assert unseen_from(examples) == DAY + datetime.timedelta(days=40)
    assert unseen_from(examples.where("split = 'train'")) == DAY + datetime.timedelta(days=30)


def test_nothing_to_fit_to_is_told(examples):
    with pytest.raises(JobError, match=r"the train split of a in gold.payment_delay_example has too few"):
        delay_fits([], examples.where("split = 'train' AND invoice_number < '000'"), "a", SETTINGS)
