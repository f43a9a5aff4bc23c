"""The ledger from delivered files to reconciled gold tables: late, wrong, corrected, repeated deliveries."""

from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pytest

from invoicelake.errors import JobError
from running import run_job

HEAD = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country"
TABLES = (
    "silver.exchange_rate",
    "silver.exchange_rate_file",
    "bronze.ledger_line",
    "bronze.ledger_line_rejected",
    "bronze.ledger_delivery",
    "silver.ledger_entry",
    "silver.ledger_entry_rejected",
    "silver.ledger_day",
    "silver.cancellation",
    "gold.daily_sales",
    "gold.ledger_reconciliation",
)


def day_file(day: str, *lines: str) -> bytes:
    """A file of that day; each line is `invoice,code,quantity,price[,customer]`, sold at noon."""
    written = [HEAD]
    for line in lines:
        invoice, code, quantity, price, *customer = line.split(",")
        buyer = customer[0] if customer else "17850.0"
        written.append(
            f"{invoice},{code},LAMP {code},{quantity},{day} 12:00:00,{price},{buyer},United Kingdom"
        )
    return "\n".join([*written, ""]).encode()


MONDAY = ("1001,A1,6,2.50", "1001,B2,1,10.00", "1002,A1,2,2.50")
TUESDAY = ("1003,A1,4,2.50", "C1004,B2,-1,10.00")

# Each step: why, files that are delivered, settings, days taken in, days missing of Monday to Wednesday, and
# afterwards lines and rejects by day.
STEPS: list[tuple[Any, ...]] = [
    (
        "two days",
        {"2024-01-01": day_file("2024-01-01", *MONDAY), "2024-01-02": day_file("2024-01-02", *TUESDAY)},
        [], 2, 0, {"01": 3, "02": 2}, {},
    ),
    (
        "a day again without changes",
        {"2024-01-02": day_file("2024-01-02", *TUESDAY)},
        [], 0, 0, {"01": 3, "02": 2}, {},
    ),
    (
        "a correction, one line less, and a later day, the one between missing; one is cut off",
        {
            "2024-01-01": day_file("2024-01-01", "1001,A1,6,2.75", "1001,B2,1,10.00"),
            "2024-01-04": day_file("2024-01-04", "1010,A1,1,2.50"),
            "2024-01-05": day_file("2024-01-05", "1011,A1,1,2.50") + b"1012,A1,LAMP A1,1,2024-01-",
        },
        ["ledger.max_rejected_share=1"],
        3, 1, {"01": 2, "02": 2, "04": 1, "05": 1}, {"05": 1},
    ),
    (
        "the late day, after the one that follows it; and the whole of the one that was cut off",
        {
            "2024-01-03": day_file("2024-01-03", "1008,A1,10,2.50"),
            "2024-01-05": day_file("2024-01-05", "1011,A1,1,2.50", "1012,A1,1,2.50"),
        },
        ["ledger.since=2024-01-03", "ledger.until=2024-01-05"],
        2, 0, {"01": 2, "02": 2, "03": 1, "04": 1, "05": 2}, {},
    ),
    (
        "empty, with semicolons, without sales; impossible and other days, no number, a stock count, parts",
        {
            "2024-01-06": b"",
            "2024-01-07": day_file("2024-01-07", "1013,A1,1,2.50").replace(b",", b";"),
            "2024-01-08": f"{HEAD}\n".encode(),
            "2024-01-09": day_file("2024-01-09", "1014,A1,1,2.50", "1015,A1,many,2.50", "1016,A1,-3,0.0,")
            + b"1017,A1,LAMP A1,1,2024-02-31 12:00:00,2.50,17850.0,United Kingdom\n"
            + b"1018,A1,LAMP A1,1,2024-01-10 12:00:00,2.50,17850.0,United Kingdom\n",
            "2024-01-10": day_file("2024-01-10", "1019,A1,0.3333,2.5555", "1020,A1,0.3333,2.5555"),
        },
        ["ledger.max_rejected_share=1"],
        5, 0, {"01": 2, "02": 2, "03": 1, "04": 1, "05": 2, "09": 5, "10": 2}, {"06": 1, "07": 1},
    ),
]  # fmt: skip
RATES = "Date,GBP\n2024-01-05,0.85\n2024-01-01,0.86\n"
# The whole way is gone after the first step, and after the last: amount by day in pence.
AMOUNTS = [
    {"01": 3000, "02": 0},
    {"01": 2650, "02": 0, "03": 2500, "04": 250, "05": 500, "09": 250},
]


def by_day(frame: Any, day: str, value: str) -> dict[str, int]:
    rows = frame.groupBy(day).agg({value: "count" if value == "*" else "sum"}).collect()
    return {row[0].strftime("%d"): int(row[1]) for row in rows}


@dataclass
class History:
    """What the deliveries left behind."""

    lake: Any
    folder: str
    seen: dict[str, tuple[Any, ...]]
    amounts: list[dict[str, int]]
    ties: list[dict[str, str]]
    reconciled: list[list[bool]]
    again: tuple[dict[str, int], dict[str, int]]


@pytest.fixture(scope="module")
def history(spark, tmp_path_factory) -> History:
    folder = tmp_path_factory.mktemp("ledger by day")
    where = [f"lake.path={tmp_path_factory.mktemp('a lake')}", f"ledger.path={folder}"]
    rates = tmp_path_factory.mktemp("rates") / "rates.csv"
    rates.write_text(RATES)
    where += ["ledger.max_rejected_share=1", "ledger.delivered_on=[mon,tue,wed]", f"rates.path={rates}"]
    found = History(None, str(folder), {}, [], [], [], ({}, {}))
    for number, (why, files, settings, *_) in enumerate(STEPS):
        for day, content in files.items():
            (folder / f"{day}.csv").write_bytes(content)
        run = run_job(spark, "ingest_ledger", *where, *settings)
        lake = found.lake = run.lake
        found.seen[why] = (
            run.metrics["days_taken_in"],
            run.metrics["days_missing"],
            by_day(lake.read("bronze.ledger_line"), "delivery_day", "*"),
            by_day(lake.read("bronze.ledger_line_rejected"), "delivery_day", "*"),
        )
        if number in (0, len(STEPS) - 1):
            run_job(spark, "daily_ledger", *where)
            proof = lake.read("gold.ledger_reconciliation").collect()
            ties = lake.read("silver.cancellation").collect()
            found.amounts.append(by_day(lake.read("gold.daily_sales"), "entry_date", "amount_minor"))
            found.reconciled.append([row.is_reconciled for row in proof])
            found.ties.append({row.entry_id: row.cancels_entry_id for row in ties})
    before = {name: lake.version(name) for name in TABLES}
    run_job(spark, "daily_ledger", *where)
    found.again = before, {name: lake.version(name) for name in TABLES}
    return found


@pytest.mark.parametrize("step", STEPS, ids=[step[0] for step in STEPS])
def test_each_delivery_is_taken_in_as_an_accountant_expects(history, step):
    assert history.seen[step[0]] == step[3:]


def test_amounts_follow_the_deliveries_and_reconcile(history):
    assert history.amounts == AMOUNTS
    assert [len(days) for days in history.reconciled] == [2, 10]
    assert all(map(all, history.reconciled))


def test_every_amount_is_in_the_reporting_currency_too(history):
    entries = history.lake.read("silver.ledger_entry")
    assert entries.where("reporting_amount_minor IS NULL").isEmpty()
    in_cents = by_day(history.lake.read("gold.daily_sales"), "entry_date", "reporting_amount_minor")
    assert in_cents == {"01": 3082, "02": 0, "03": 2907, "04": 291, "05": 588, "09": 294}


def test_running_everything_again_commits_nothing(history):
    before, after = history.again
    assert before == after


def test_lines_that_are_no_entries_are_kept_with_their_reason(history):
    rejected = history.lake.read("silver.ledger_entry_rejected").where("delivery_day = '2024-01-09'")
    reasons = {row.line_number: row.reason for row in rejected.collect()}
    assert sorted(reasons) == [3, 5, 6]
    assert len(set(reasons.values())) == 3


def test_a_negative_quantity_that_is_no_cancellation_is_an_entry_without_money(history):
    entries = history.lake.read("silver.ledger_entry")
    counted = entries.where("entry_date = '2024-01-09' AND quantity < 0").collect()
    assert [(row.kind, row.amount_minor) for row in counted] == [("stock_adjustment", 0)]


def test_a_cancellation_is_tied_to_what_it_cancels_after_the_correction_too(history):
    assert history.ties == [{"2024-01-02/C1004/1": "2024-01-01/1001/2"}] * 2


WRONG = [
    # why, folder (None: the one that is there), settings, message
    ("a day that was not delivered", None, ["ledger.since=2024-01-20"], "no ledger file of 2024-01-20"),
    ("no folder", "nowhere", [], "expected a folder at ledger.path="),
    ("no days in it", "empty", [], "no ledger files in "),
]


@pytest.mark.parametrize(("folder", "settings", "message"), [c[1:] for c in WRONG], ids=[c[0] for c in WRONG])
def test_wrong_folders_are_told(spark, tmp_path, history, folder, settings, message):
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "2024-02-31.csv").write_text(HEAD)
    path = history.folder if folder is None else str(tmp_path / folder)
    with pytest.raises(JobError, match=message):
        run_job(spark, "ingest_ledger", f"lake.path={tmp_path / 'lake'}", f"ledger.path={path}", *settings)


def test_too_many_rejects_fail_the_job_after_they_are_kept(spark, tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "2024-01-05.csv").write_bytes(day_file("2024-01-05", "1,A,1,1.00") + b"x\n")
    where = [f"lake.path={tmp_path / 'lake'}", f"ledger.path={tmp_path / 'in'}"]
    with pytest.raises(
        JobError, match=r"1 of 2 rows for bronze\.ledger_line were rejected, at most .* 0\.05"
    ):
        run_job(spark, "ingest_ledger", *where)
    assert (tmp_path / "lake" / "bronze" / "ledger_delivery").is_dir()


@pytest.fixture(scope="module")
def alone(spark, tmp_path_factory) -> tuple[Any, str]:
    """The lake after one run on two days, and the folder of these days."""
    folder = tmp_path_factory.mktemp("two days")
    (folder / "2024-01-01.csv").write_bytes(day_file("2024-01-01", *MONDAY))
    (folder / "2024-01-02.csv").write_bytes(day_file("2024-01-02", *TUESDAY))
    where = [f"lake.path={tmp_path_factory.mktemp('one run') / 'lake'}", f"ledger.path={folder}"]
    return run_job(spark, "daily_ledger", *where).lake, str(folder)


def rows_of(lake: Any) -> dict[str, list[tuple[Any, ...]]]:
    found = {}
    for name in TABLES:
        spec = lake.specs[name]
        found[name] = lake.read(name).select(*spec.key, *spec.compared).orderBy(*spec.key).collect()
    return found


# What is done to gold.daily_sales: why, statement, and by day lines and pence that gold has too many.
DAMAGE = [
    (
        "a row lost",
        "DELETE FROM {} WHERE entry_date = '2024-01-01' AND stock_code = 'B2'",
        {"01": (-1, -1000)},
    ),
    (
        "a penny too many",
        "UPDATE {} SET amount_minor = amount_minor + 1 WHERE stock_code = 'B2'",
        {"01": (0, 1), "02": (0, 1)},
    ),
]


@pytest.mark.parametrize(("statement", "expected"), [c[1:] for c in DAMAGE], ids=[c[0] for c in DAMAGE])
def test_what_does_not_agree_fails_the_job_and_is_put_right(spark, tmp_path, alone, statement, expected):
    sound, folder = alone
    shutil.copytree(sound.path, tmp_path / "lake")
    where = [f"lake.path={tmp_path / 'lake'}", f"ledger.path={folder}"]
    sales, proof = (f"{tmp_path}/lake/gold/{name}" for name in ("daily_sales", "ledger_reconciliation"))
    spark.sql(statement.format(f"delta.`{sales}`"))
    # As if a run had been cut short before its last step.
    spark.sql(f"DELETE FROM delta.`{proof}`")
    with pytest.raises(
        JobError, match=f"^{len(expected)} of 2 days do not reconcile, the first is 2024-01-01; "
    ):
        run_job(spark, "reconcile_ledger", *where)
    found = spark.read.format("delta").load(proof).where("NOT is_reconciled").collect()
    assert {
        row.entry_date.strftime("%d"): (
            row.gold_lines - row.accepted_lines,
            row.gold_amount_minor - row.accepted_amount_minor,
        )
        for row in found
    } == expected
    assert rows_of(run_job(spark, "daily_ledger", *where).lake) == rows_of(sound)


def test_two_runs_at_once_agree_with_one(spark, tmp_path, alone):
    sound, folder = alone
    where = [f"lake.path={tmp_path / 'lake'}", f"ledger.path={folder}"]
    with ThreadPoolExecutor(2) as pool:
        runs = [pool.submit(run_job, spark, "daily_ledger", *where) for _ in range(2)]
    assert [rows_of(run.result().lake) for run in runs] == [rows_of(sound)] * 2
