"""Receivables from files to the books: nothing lost, each repair listed, each reject with its reason."""

from __future__ import annotations

import datetime
from decimal import Decimal

import pytest
from pyspark.sql import functions as F

from invoicelake import config
from invoicelake.errors import JobError
from invoicelake.sources.delivered_files import line_balance, read_delivered, require_all_kept
from invoicelake.sources.receivables import LINES, delivered_receivables, parse_files, rejected_lines
from invoicelake.transforms.arrow import map_rows
from invoicelake.transforms.receivable_books import receivable_balance, receivable_entries, require_balance
from invoicelake.transforms.receivables import (
    accepted_receivables,
    judged_receivables,
    receivable_repairs,
    rejected_receivables,
    typed_receivables,
)

DAY = datetime.date
HEAD = (
    "countryCode,customerID,PaperlessDate,invoiceNumber,InvoiceDate,DueDate,InvoiceAmount,Disputed,"
    "SettledDate,PaperlessBill,DaysToSettle,DaysLate"
)
FIRST = [
    "818,C1,1/5/2012,1,1/6/2012,2/5/2012,47.07,Yes,2/8/2012,Electronic,33,3",
    "818,C1,,2,1/6/2012,2/5/2012,10.00,No,2/3/2012,,28,0",  # paperless filled, sent electronically
    "818,C1,,3,1/5/2012,2/4/2012,20.00,No,,,,",  # unsettled; on the day itself still on paper
    "391,C2,1/5/2012,4,1/6/2012,,30.00,,2/8/2012,Paper,33,3",  # all terms are 30 days; no dispute recorded
    "391,C2,1/7/2012,5,1/6/2012,2/5/2012,5.00,No,2/7/2012,Paper,99,2",  # wrong days
    "391,C2,,6,1/6/2012,2/5/2012,5.00,No,,,12,0",  # settlement by days; paperless dates disagree
    "391,C2,2/30/2012,7,1/6/2012,2/5/2012,5.00,No,2/3/2012,Paper,028.0,0",  # removed; a form of 28
    "391,C2,1/5/2012,8,1/6/2012,2/5/2012,7.00,No,1/5/2012,Paper,,",  # settled before
    "391,C2,1/5/2012,9,2/31/2012,2/5/2012,x,No,1/5/2012,Paper,,",
    "391,C2,1/5/2012",
    "818,C1,1/5/2012,10,1/6/2012,2/5/2012,11.00,No,,Paper,,",  # delivered anew as settled
    "818,C1,1/5/2012,11,1/6/2012,2/5/2012,12.00,No,,Paper,,",  # delivered anew, but that cannot be
]
SECOND = [
    "818,C1,1/5/2012,10,1/6/2012,2/5/2012,11.00,No,2/5/2012,Electronic,30,0",
    "818,C1,1/5/2012,11,1/6/2012,2/5/2012,12.00,No,1/1/2012,Electronic,30,0",
]


class Outcome:
    """What became of the files."""

    def __init__(self, spark, specs, folder) -> None:
        self.specs = specs
        settings = config.Receivables(path=folder)
        self.files = read_delivered(spark, folder, ".csv")
        lines = map_rows(self.files, parse_files, LINES)
        self.delivered = delivered_receivables(lines, "test").persist()
        self.malformed = rejected_lines(lines, "test").persist()
        judged = judged_receivables(typed_receivables(self.delivered, settings)).persist()
        day = DAY(2012, 1, 6)
        rates = spark.createDataFrame([("USD", day, Decimal(2), day), ("EUR", day, Decimal(1), day)], _RATES)
        self.accepted = accepted_receivables(judged, rates, "USD", "EUR").persist()
        self.rejected = rejected_receivables(judged).persist()
        self.repairs = receivable_repairs(judged).persist()


_RATES = "currency string, rate_day date, per_euro decimal(18,8), quoted_on date"


@pytest.fixture(scope="module")
def outcome(spark, specs, tmp_path_factory) -> Outcome:
    folder = tmp_path_factory.mktemp("receivables [of] {all}")
    (folder / "2012-01.csv").write_text("\n".join([HEAD, *FIRST]) + "\n")
    (folder / "2012-02.CSV").write_text("\n".join([HEAD, *SECOND]))
    (folder / "2012-03.csv").write_text("\n".join([HEAD, FIRST[0]]).replace(",", ";"))
    (folder / "empty.csv").write_text("")
    (folder / "README.txt").write_text("no receivables")
    return Outcome(spark, specs, str(folder))


def test_every_line_is_somewhere(outcome):
    malformed = {(row["file_name"], row["line_number"], row["reason"]) for row in outcome.malformed.collect()}
    assert malformed == {
        ("2012-01.csv", 11, "column_count"),
        ("2012-03.csv", 0, "wrong_delimiter"),
        ("2012-03.csv", 2, "wrong_delimiter"),
        ("empty.csv", 0, "empty_file"),
    }
    balance = line_balance(outcome.files, 1, outcome.delivered, outcome.malformed)
    assert tuple(balance.first()) == (15, 13, 2)
    require_all_kept(balance, "bronze.receivable")
    with pytest.raises(JobError, match="15 came, 12 were accepted and 2 rejected"):
        require_all_kept(
            line_balance(outcome.files, 1, outcome.delivered.limit(12), outcome.malformed), "there"
        )


def test_what_cannot_be_has_its_reason(outcome):
    found = {(row["file_name"], row["line_number"]): row["reason"] for row in outcome.rejected.collect()}
    assert found == {
        ("2012-01.csv", 9): "settled_before_invoice",
        ("2012-01.csv", 10): "bad_date",
        ("2012-01.csv", 12): "superseded",
        ("2012-02.CSV", 3): "settled_before_invoice",
    }


def test_rows_and_pennies_add_up(outcome):
    def balance(accepted):
        return receivable_balance(outcome.delivered, accepted, outcome.rejected, "USD")

    row = require_balance(balance(outcome.accepted))
    assert (row["delivered"], row["accepted"], row["rejected"], row["faulty"]) == (13, 9, 4, 3)
    assert row["delivered_amount"] == Decimal("175.07") == row["accepted_amount"] + row["rejected_amount"]
    is_first = (F.col("invoice_number") == "1").cast("int")
    a_penny_more = outcome.accepted.withColumn("amount_minor", F.col("amount_minor") + is_first)
    with pytest.raises(JobError, match=r"do not add up: 13 lines of 175\.0700 came, 13 of 175\.0800"):
        require_balance(balance(a_penny_more))


def test_repairs_are_all_listed(outcome):
    assert sorted(outcome.repairs.columns) == sorted(outcome.specs["silver.repair"].written)
    found = {
        (row["row_key"], row["column_name"], row["before"], row["after"], row["rule"])
        for row in outcome.repairs.collect()
    }
    assert found == {
        ("2", "paperless_since", None, "2012-01-05", "paperless_of_customer"),
        ("2", "bill_format", None, "electronic", "format_by_date"),
        ("3", "paperless_since", None, "2012-01-05", "paperless_of_customer"),
        ("3", "bill_format", None, "paper", "format_by_date"),
        ("4", "due_date", None, "2012-02-05", "usual_terms"),
        ("4", "is_disputed", None, "false", "no_dispute_recorded"),
        ("5", "days_to_settle", "99", "32", "days_recomputed"),
        ("6", "settled_date", None, "2012-01-18", "settled_by_days"),
        ("7", "paperless_since", "2/30/2012", None, "unreadable_removed"),
    }


def test_accepted_rows(outcome):
    assert sorted(outcome.accepted.columns) == sorted(outcome.specs["silver.receivable"].written)
    rows = {row["invoice_number"]: row for row in outcome.accepted.collect()}
    columns = (
        "settled_date",
        "days_to_settle",
        "days_late",
        "amount_minor",
        "reporting_amount_minor",
        "country_code",
    )
    found = {number: tuple(rows[number][name] for name in columns) for number in ("1", "3", "4", "10", "11")}
    assert found == {
        "1": (DAY(2012, 2, 8), 33, 3, 4707, 2354, "EG"),
        "3": (None, None, None, 2000, None, "EG"),
        "4": (DAY(2012, 2, 8), 33, 3, 3000, 1500, None),
        "10": (DAY(2012, 2, 5), 30, 0, 1100, 550, "EG"),
        "11": (None, None, None, 1200, 600, "EG"),
    }
    assert [rows[number]["file_name"] for number in ("10", "11")] == ["2012-02.CSV", "2012-01.csv"]


def test_receivables_are_ledger_entries_too(outcome):
    entries = receivable_entries(outcome.accepted, "USD")
    assert sorted(entries.columns) == sorted(outcome.specs["silver.ledger_entry"].written)
    row = entries.where("invoice_number = '1'").first()
    assert (row["entry_id"], row["kind"], row["unit_price"], row["amount_minor"]) == (
        "2012-01-06/1/1", "receivable", Decimal("47.0700"), 4707,
    )  # fmt: skip


def test_a_folder_without_files_is_told(spark, tmp_path):
    (tmp_path / "receivables.xlsx").write_bytes(b"")
    for place in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(JobError, match=r"no files \*\.csv in .*; expected at least one"):
            read_delivered(spark, str(place), ".csv")
    with pytest.raises(JobError, match="cannot list the files in nosuch://bucket/folder: "):
        read_delivered(spark, "nosuch://bucket/folder", ".csv")


def test_real_receivables_to_the_row_and_the_penny(spark, specs, shared_data):
    real = Outcome(spark, specs, str(shared_data / "accounts_receivable"))
    row = require_balance(receivable_balance(real.delivered, real.accepted, real.rejected, "USD"))
    assert (row["delivered"], row["accepted"], row["delivered_amount"]) == (2586, 2586, Decimal("155658.78"))
    rules = {row["rule"]: row["count"] for row in real.repairs.groupBy("rule").count().collect()}
    assert rules == {"paperless_of_customer": 120, "format_by_date": 120}
