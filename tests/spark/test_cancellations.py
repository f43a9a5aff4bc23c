"""The jobs that clean the ledger and tie cancellations: days in any order, corrected, none done twice."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

import clean_ledger
import tie_cancellations
from invoicelake import config
from invoicelake.errors import JobError
from invoicelake.job import Run
from invoicelake.transforms.ledger.chunks import digest

CONF = Path(__file__).resolve().parents[2] / "conf"
FIRST = date(2024, 1, 1)


def run_in(spark, folder, *overrides):
    return Run("test", config.load(CONF, overrides=[f"lake.path={folder}", *overrides]), spark)


# day, invoice, quantity; all of one product, customer and price
ENTRIES = [
    (0, "100", 10),
    (2, "101", 4),
    (2, "C102", -4),
    (5, "C103", -5),
    (20, "104", 2),
    (40, "C105", -9),
    (41, "C106", -1),
]
# In one go, nothing late: sale, quantity, how
TIED = [
    ("C102", "101", -4, "exact"),
    ("C103", "100", -5, "partial"),
    ("C105", "104", -2, "several"),
    ("C105", None, -7, "none"),
    ("C106", None, -1, "none"),
]


def add_days(run, days):
    """Entries as clean_ledger writes them, on these days."""
    specs, entries = run.lake.specs, []
    for day, invoice, quantity in ENTRIES:
        if day in days:
            entry_date = FIRST + timedelta(days=day)
            row = specs["silver.ledger_entry"].sample_row(
                source="generated",
                entry_id=f"{entry_date}/{invoice}/1",
                entry_date=entry_date,
                invoice_number=invoice,
                kind="cancellation" if quantity < 0 else "sale",
                booked_at=datetime(2024, 1, 1) + timedelta(days=day, minutes=int(invoice[-3:])),
                stock_code="85123A",
                customer_id="17850",
                quantity=quantity,
                unit_price=Decimal("2.55"),
                amount_minor=255 * quantity,
                reporting_amount_minor=301 * quantity,
                currency="GBP",
                reporting_currency="EUR",
            )
            entries.append({name: row[name] for name in specs["silver.ledger_entry"].written})
    marks = [
        specs["silver.ledger_day"].sample_row(
            source="generated", delivery_day=FIRST + timedelta(days=day), lines=1, accepted=1, rejected=0
        )
        for day in days
    ]
    for name, rows in (("silver.ledger_entry", entries), ("silver.ledger_day", marks)):
        written = specs[name].written
        frame = run.spark.createDataFrame(
            [tuple(row[column] for column in written) for row in rows], specs[name].ddl_of(*written)
        )
        run.lake.upsert(name, frame, rows=len(rows))


def tied_in(run):
    columns = ("entry_id", "part", "cancels_entry_id", "quantity", "amount_minor", "how", "lag_days")
    rows = run.lake.read("silver.cancellation").select(*columns, "reporting_amount_minor")
    found = rows.orderBy("entry_id", "part").collect()
    return [tuple(row) for row in found]


def test_days_in_any_order_give_what_all_at_once_give(spark, tmp_path):
    window = "ledger.cancellation_window_days=35"
    whole = run_in(spark, tmp_path / "whole", window)
    add_days(whole, {0, 2, 5, 20, 40, 41})
    tie_cancellations.main(whole)
    found = [
        (row[0].split("/")[1], row[2] and row[2].split("/")[1], row[3], row[5]) for row in tied_in(whole)
    ]
    assert found == TIED
    assert sum(row[4] for row in tied_in(whole)) == -19 * 255
    assert sum(row[7] for row in tied_in(whole)) == -19 * 301

    # Day 20 comes late; the first run works on its days in two parts.
    parts = run_in(spark, tmp_path / "parts", window, "cleaning.lines_at_a_time=3")
    for days in ({0, 2, 5, 40, 41}, {20}):
        add_days(parts, days)
        tie_cancellations.main(parts)
    assert parts.metrics["days_tied"] == 3
    assert tied_in(parts) == tied_in(whole)
    marks = [run.lake.read("silver.cancellation_day").drop("tied_at") for run in (whole, parts)]
    assert marks[0].exceptAll(marks[1]).isEmpty()

    names = ("silver.cancellation", "silver.cancellation_day")
    versions = [parts.lake.version(name) for name in names]
    tie_cancellations.main(parts)
    assert parts.metrics["days_tied"] == 0
    assert [parts.lake.version(name) for name in names] == versions


def deliver(run, day, lines, sha256):
    """A day of bronze, as ingest_ledger writes it."""
    rows = [
        ("generated", day, number, *line[:4], f"{day} 09:00:00", *line[4:], "United Kingdom", "file")
        for number, line in enumerate(lines, 2)
    ]
    spec = run.lake.specs["bronze.ledger_line"]
    run.write(
        "bronze.ledger_line",
        run.spark.createDataFrame(rows, spec.ddl_of(*spec.written)),
        f"source = 'generated' AND delivery_day = DATE'{day}'",
    )
    spec = run.lake.specs["bronze.ledger_delivery"]
    row = spec.sample_row(
        source="generated",
        delivery_day=day,
        delivery_sha256=digest(sha256),
        lines=len(lines),
        accepted=len(lines),
        rejected=0,
    )
    written = [tuple(row[name] for name in spec.written)]
    run.write("bronze.ledger_delivery", run.spark.createDataFrame(written, spec.ddl_of(*spec.written)))


SILVER = ("silver.ledger_entry", "silver.ledger_entry_rejected", "silver.repair", "silver.ledger_day")


def test_days_are_cleaned_once_and_again_when_they_are_corrected(spark, tmp_path):
    run = run_in(spark, tmp_path / "lake", "ledger.max_rejected_share=0.3")
    sound = ("100", "85123A", "WHITE HANGING HEART", "6", "2.55", "17850.0")
    deliver(run, FIRST, [sound, ("100", "85123A", None, "2", "2.55", None)], "a")
    deliver(run, date(2024, 1, 2), [sound, sound, sound, ("101", "85123A", "", "x", "2.55", "")], "b")
    clean_ledger.main(run)
    assert (run.metrics["days_cleaned"], run.metrics["days_without_rate"]) == (2, 2)
    entries = run.lake.read("silver.ledger_entry")
    assert [tuple(row) for row in entries.groupBy("entry_date").count().orderBy("entry_date").collect()] == [
        (FIRST, 2),
        (date(2024, 1, 2), 3),
    ]
    repaired = run.lake.read("silver.repair").orderBy("column_name").collect()
    assert [(row.row_key, row.column_name, row.after) for row in repaired] == [
        ("2024-01-01/100/2", "customer_id", "17850"),
        ("2024-01-01/100/2", "description", "WHITE HANGING HEART"),
    ]
    versions = [run.lake.version(name) for name in SILVER]
    again = run_in(spark, tmp_path / "lake")
    clean_ledger.main(again)
    assert again.metrics["days_cleaned"] == 0
    assert [run.lake.version(name) for name in SILVER] == versions

    # The first day comes again, with one line less and another that is no entry: too many of two lines.
    deliver(run, FIRST, [sound, ("102", "85123A", "", "6", "free", "")], "corrected")
    with pytest.raises(JobError, match=r"1 of 2 rows for silver\.ledger_entry were rejected.*max_rejected"):
        clean_ledger.main(run_in(spark, tmp_path / "lake"))
    of_first = f"entry_date = DATE'{FIRST}'"
    assert run.lake.read("silver.ledger_entry").where(of_first).count() == 1
    assert run.lake.read("silver.repair").count() == 0
    reasons = run.lake.read("silver.ledger_entry_rejected").orderBy("delivery_day").collect()
    assert [row.reason for row in reasons] == ["unreadable_unit_price", "unreadable_quantity"]
    day = run.lake.read("silver.ledger_day").where(f"delivery_day = DATE'{FIRST}'").first()
    assert (day.lines, day.accepted, day.rejected, day.repaired_cells) == (2, 1, 1, 0)
