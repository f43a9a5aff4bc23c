"""The ledger in DuckDB: the like of what our jobs do, in SQL, on as many threads as Spark has."""

from __future__ import annotations

from pathlib import Path

import duckdb

from invoicelake.job import Run
from invoicelake.sources.rates import quotes_file, read_quotes
from invoicelake.transforms.ledger.kinds import SERVICES
from invoicelake.transforms.rates import daily_rates


def run_job(run: Run, files: Path, lake: Path) -> dict[str, tuple[int, int]]:
    """Entries and amount in minor units by kind."""
    lake.mkdir(parents=True)
    with duckdb.connect(str(lake / "scratch.duckdb")) as database:
        database.execute(f"SET threads = {run.workers}")
        rates = daily_rates(
            read_quotes(run.spark, quotes_file(run.spark, None)), run.suite.rates.max_age_days
        )
        pounds = rates.where(f"currency = '{run.suite.ledger.currency}'").toPandas()
        database.register("quoted", pounds)
        database.execute("CREATE TABLE rate AS SELECT * FROM quoted")
        values = {"files": files, "kind": _kind(), "window": run.suite.ledger.cancellation_window_days}
        sql = Path(__file__).with_suffix(".sql").read_text(encoding="utf-8")
        for each, value in values.items():
            sql = sql.replace("{" + each + "}", str(value))
        database.execute(sql)
        for name in ("line", "entry", "cancellation", "sales"):
            database.execute(f"COPY {name} TO '{lake}/{name}.parquet' (COMPRESSION snappy)")
        rows = database.execute(
            "SELECT kind, sum(entries), sum(amount_minor) FROM sales GROUP BY kind"
        ).fetchall()
    return {kind: (int(entries), int(amount)) for kind, entries, amount in rows}


def _kind() -> str:
    codes = " ".join(f"WHEN line.stock_code = '{code}' THEN '{kind}'" for code, kind in SERVICES.items())
    return (
        f"CASE WHEN upper(invoice_number) LIKE 'A%' THEN 'bad_debt' {codes} "
        "WHEN line.unit_price = 0 AND quantity > 0 AND customer IS NOT NULL THEN 'sample' "
        "WHEN line.unit_price = 0 THEN 'stock_adjustment' "
        "WHEN upper(invoice_number) LIKE 'C%' THEN 'cancellation' "
        "WHEN quantity > 0 AND line.unit_price > 0 THEN 'sale' ELSE 'other' END"
    )
