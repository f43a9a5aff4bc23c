"""Notebooks run from top to bottom, and are kept without what they showed."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

import small_lake
from invoicelake.table_spec import load_specs

ROOT = Path(__file__).resolve().parents[2]
SPECS = load_specs(ROOT / "conf" / "tables")
NOTEBOOKS = sorted((ROOT / "notebooks_exploration").glob("*.ipynb"))


@pytest.fixture
def lake(tmp_path):
    """Three months of a ledger, in two versions, written without Spark."""
    folder = tmp_path / "a lake"
    amounts = {"sale": 10_000, "cancellation": -2_500, "postage": 77}
    for month in (1, 2, 3):
        sales = [
            {
                "entry_date": date(2024, month, 15),
                "kind": kind,
                "amount_minor": amount * month,
                "customer_id": customer,
                "currency": "GBP",
            }
            for kind, amount in amounts.items()
            for customer in ("", "c1", "c2")
        ]
        small_lake.write(folder, SPECS["gold.daily_sales"], sales)
    for name in ("gold.ledger_reconciliation", "silver.ledger_entry", "gold.invoice"):
        small_lake.write(folder, SPECS[name], small_lake.varied_rows(SPECS[name], range(40)))
    return folder


def outputs(notebook, kind):
    return [
        output["data"][kind]
        for cell in notebook.cells
        for output in cell.get("outputs", [])
        if kind in output.get("data", {})
    ]


@pytest.mark.slow
@pytest.mark.parametrize("file", NOTEBOOKS, ids=lambda file: file.stem)
def test_notebook_runs(file, lake, monkeypatch):
    monkeypatch.setenv("INVOICELAKE_LAKE", str(lake))
    notebook = nbformat.read(file, as_version=4)
    NotebookClient(notebook, timeout=120, kernel_name="python3").execute()
    tables, charts = outputs(notebook, "text/plain"), outputs(notebook, "image/png")
    assert len(charts) == 5
    net_by_month = next(text for text in tables if "amount" in text and "month" in text)
    assert [float(line.split()[-1]) for line in net_by_month.splitlines()[1:]] == [225.0, 450.0, 675.0]
    shares = next(text for text in tables if "cancelled_share" in text)
    assert {float(line.split()[-1]) for line in shares.splitlines()[1:]} == {0.25}
    then_and_now = next(text for text in tables if "days_then" in text).splitlines()[1].split()
    assert [float(number) for number in then_and_now[1:3]] == [1, 3]


@pytest.mark.parametrize("file", NOTEBOOKS, ids=lambda file: file.stem)
def test_notebook_is_kept_without_outputs(file):
    cells = nbformat.read(file, as_version=4).cells
    shown = [cell.id for cell in cells if cell.get("outputs") or cell.get("execution_count") is not None]
    assert shown == [], "run .venv/bin/nbstripout on it"


def test_notebooks_are_numbered_in_order():
    assert [int(file.name[:2]) for file in NOTEBOOKS] == list(range(1, len(NOTEBOOKS) + 1))
