"""The ledger from delivered files to reconciled gold tables: late, wrong, corrected, repeated deliveries."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from invoicelake.errors import JobError
from running import run_job

HEAD = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country"
TABLES = (
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

# Each step: why, files that are delivered, settings, days taken in, and afterwards
# lines by day as taken in, rejected by day, and amount by day in pence.
STEPS: list[tuple[Any, ...]] = [
    (
        "two days",
        {"2024-01-01": day_file("2024-01-01", *MONDAY), "2024-01-02": day_file("2024-01-02", *TUESDAY)},
        [], 2, {"01": 3, "02": 2}, {}, {"01": 3000, "02": 0},
    ),
    ("the same again", {}, [], 0, {"01": 3, "02": 2}, {}, {"01": 3000, "02": 0}),
    (
        "a day again without changes",
        {"2024-01-02": day_file("2024-01-02", *TUESDAY)},
        ["ledger.since=2024-01-02"], 0, {"01": 3, "02": 2}, {}, {"01": 3000, "02": 0},
    ),
    (
        "a correction: one price, one line less",
        {"2024-01-01": day_file("2024-01-01", "1001,A1,6,2.75", "1001,B2,1,10.00")},
        [], 1, {"01": 2, "02": 2}, {}, {"01": 2650, "02": 0},
    ),
    (
        "a later day, the one between missing",
        {"2024-01-04": day_file("2024-01-04", "1010,A1,1,2.50")},
        ["ledger.since=2024-01-04", "ledger.until=2024-01-04"],
        1, {"01": 2, "02": 2, "04": 1}, {}, {"01": 2650, "02": 0, "04": 250},
    ),
    (
        "the late day, after the one that follows it",
        {"2024-01-03": day_file("2024-01-03", "1008,A1,10,2.50")},
        [], 1, {"01": 2, "02": 2, "03": 1, "04": 1}, {}, {"01": 2650, "02": 0, "03": 2500, "04": 250},
    ),
    (
        "a day cut off",
        {"2024-01-05": day_file("2024-01-05", "1011,A1,1,2.50") + b"1012,A1,LAMP A1,1,2024-01-"},
        ["ledger.max_rejected_share=1"],
        1,
        {"01": 2, "02": 2, "03": 1, "04": 1, "05": 1},
        {"05": 1},
        {"01": 2650, "02": 0, "03": 2500, "04": 250, "05": 250},
    ),
    (
        "the whole of it, delivered the next day",
        {"2024-01-05": day_file("2024-01-05", "1011,A1,1,2.50", "1012,A1,1,2.50")},
        [],
        1,
        {"01": 2, "02": 2, "03": 1, "04": 1, "05": 2},
        {},
        {"01": 2650, "02": 0, "03": 2500, "04": 250, "05": 500},
    ),
    (
        "empty, with semicolons, and without sales",
        {
            "2024-01-06": b"",
            "2024-01-07": day_file("2024-01-07", "1013,A1,1,2.50").replace(b",", b";"),
            "2024-01-08": f"{HEAD}\n".encode(),
        },
        ["ledger.max_rejected_share=1"],
        3,
        {"01": 2, "02": 2, "03": 1, "04": 1, "05": 2},
        {"06": 1, "07": 1},
        {"01": 2650, "02": 0, "03": 2500, "04": 250, "05": 500},
    ),
    (
        "an impossible date, a day that is not the file's, a word for a number, a stock count",
        {
            "2024-01-09": day_file("2024-01-09", "1014,A1,1,2.50", "1015,A1,many,2.50", "1016,A1,-3,0.0,")
            + b"1017,A1,LAMP A1,1,2024-02-31 12:00:00,2.50,17850.0,United Kingdom\n"
            + b"1018,A1,LAMP A1,1,2024-01-10 12:00:00,2.50,17850.0,United Kingdom\n"
        },
        ["ledger.max_rejected_share=1"],
        1,
        {"01": 2, "02": 2, "03": 1, "04": 1, "05": 2, "09": 5},
        {"06": 1, "07": 1},
        {"01": 2650, "02": 0, "03": 2500, "04": 250, "05": 500, "09": 250},
    ),
]  # fmt: skip


@dataclass
class Seen:
    """What a step left behind."""

    days_taken_in: float | str
    lines: dict[str, int]
    rejected: dict[str, int]
    amounts: dict[str, int]
    reconciled: list[bool]
    versions: dict[str, int] = field(default_factory=dict)


def by_day(frame: Any, day: str, value: str) -> dict[str, int]:
    rows = frame.groupBy(day).agg({value: "count" if value == "*" else "sum"}).collect()
    return {row[0].strftime("%d"): int(row[1]) for row in rows}


@pytest.fixture(scope="module")
def history(spark, tmp_path_factory) -> tuple[dict[str, Seen], Callable[..., Any], str]:
    folder = tmp_path_factory.mktemp("ledger by day")
    where = [f"lake.path={tmp_path_factory.mktemp('a lake')}", f"ledger.path={folder}"]
    seen = {}
    for why, files, settings, *_ in STEPS:
        for day, content in files.items():
            (folder / f"{day}.csv").write_bytes(content)
        run = run_job(spark, "daily_ledger", *where, *settings)
        lake = run.lake
        known = lake.read("gold.ledger_reconciliation")
        seen[why] = Seen(
            run.metrics["days_taken_in"],
            by_day(lake.read("bronze.ledger_line"), "delivery_day", "*"),
            by_day(lake.read("bronze.ledger_line_rejected"), "delivery_day", "*"),
            by_day(lake.read("silver.ledger_entry"), "entry_date", "amount_minor"),
            [row.is_reconciled for row in known.collect()],
            {name: lake.version(name) for name in TABLES},
        )
    return seen, lake, str(folder)


@pytest.mark.parametrize("step", STEPS, ids=[step[0] for step in STEPS])
def test_each_delivery_leaves_what_an_accountant_expects(history, step):
    seen = history[0][step[0]]
    assert (seen.days_taken_in, seen.lines, seen.rejected, seen.amounts) == step[3:]
    assert seen.reconciled
    assert all(seen.reconciled)


def test_what_was_taken_in_before_commits_nothing(history):
    versions = {why: seen.versions for why, seen in history[0].items()}
    assert versions["two days"] == versions["the same again"] == versions["a day again without changes"]


def test_lines_that_are_no_entries_are_kept_with_their_reason(history):
    rejected = history[1].read("silver.ledger_entry_rejected").where("delivery_day = '2024-01-09'")
    reasons = {row.line_number: row.reason for row in rejected.collect()}
    assert sorted(reasons) == [3, 5, 6]
    assert len(set(reasons.values())) == 3


def test_a_negative_quantity_that_is_no_cancellation_is_an_entry_without_money(history):
    entries = history[1].read("silver.ledger_entry")
    counted = entries.where("entry_date = '2024-01-09' AND quantity < 0").collect()
    assert [(row.kind, row.amount_minor) for row in counted] == [("stock_adjustment", 0)]


def test_a_cancellation_is_tied_to_what_it_cancels_after_the_correction_too(history):
    ties = {row.entry_id: row.cancels_entry_id for row in history[1].read("silver.cancellation").collect()}
    assert ties == {"2024-01-02/C1004/1": "2024-01-01/1001/2"}


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
    path = history[2] if folder is None else str(tmp_path / folder)
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
