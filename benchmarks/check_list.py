"""The generated invoices of the benchmark of checks, and the 40 checks on them."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

from invoicelake.table_spec import TableSpec

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

ROWS = 1_000_000
AS_OF = date(2024, 12, 31)
COUNTRIES = ("AT", "BE", "CH", "DE", "ES", "FR", "GB", "IT", "NL", "NO")

# Column, type, and how it is made from the row's number; every fault is planted on purpose.
COLUMNS = (
    ("booking_id", "bigint", "id"),
    ("invoice_id", "string", "concat('INV-', lpad(if(id % 50021 = 7, 7, id), 8, '0'))"),
    ("supplier_id", "string", "concat('S', lpad(cast(id % 5000 AS string), 5, '0'))"),
    ("document_number", "bigint", "id DIV 5000"),
    ("customer_id", "string", "if(id % 3 = 0, null, concat('C', cast(id % 40000 AS string)))"),
    ("country", "string", f"if(id % 70001 = 5, 'XX', array{COUNTRIES}[id % 10])"),
    ("currency", "string", "split('EUR,GBP,CHF,NOK', ',')[id % 4]"),
    ("kind", "string", "split('sale,credit_note,fee', ',')[id % 3]"),
    ("status", "string", "if(id % 90001 = 3, 'lost', split('open,paid,overdue', ',')[id % 3])"),
    ("channel", "string", "if(id % 11 = 0, null, split('post,mail,portal', ',')[id % 3])"),
    ("invoice_date", "date", "date_add('2024-01-01', cast(id % 366 AS int))"),
    ("due_date", "date", "date_add('2024-01-01', cast(id % 366 + if(id % 60013 = 9, -1, 30) AS int))"),
    ("net_minor", "bigint", "abs(hash(id)) % 1000000"),
    ("tax_minor", "bigint", "abs(hash(id)) % 1000000 DIV 5"),
    ("total_minor", "bigint", "abs(hash(id)) % 1000000 + abs(hash(id)) % 1000000 DIV 5"),
    ("debit_minor", "bigint", "abs(hash(id, 1)) % 1000"),
    ("credit_minor", "bigint", "-(abs(hash(id, 1)) % 1000) + if(id % 80021 = 2, 1, 0)"),
    ("goods_pct", "int", "cast(id % 60 AS int)"),
    ("services_pct", "int", "cast(id % 40 AS int)"),
    ("freight_pct", "int", "cast(100 - id % 60 - id % 40 AS int)"),
    ("quantity", "int", "if(id % 30011 = 1, -1, cast(id % 500 AS int))"),
    ("discount_share", "double", "if(id % 13 = 0, null, (id % 100) / 100.0D)"),
    ("score", "double", "(id % 1000) / 999.0D"),
    ("is_paid", "boolean", "id % 3 = 1"),
    ("email", "string", "concat('s', id % 5000, if(id % 40009 = 8, ' at ', '@'), 'example.com')"),
    ("iban", "string", "concat('DE', lpad(cast(abs(hash(id)) AS string), 20, '0'))"),
    ("vat_number", "string", "concat(split('DE,AT', ',')[id % 2], lpad(cast(id AS string), 9, '0'))"),
    ("postcode", "string", "if(id % 20011 = 4, '1234', lpad(cast(id % 90000 AS string), 5, '0'))"),
)  # fmt: skip

NOT_NULL = ("customer_id", "channel", "country", "status", "total_minor", "quantity", "email", "iban",
            "vat_number", "discount_share")  # fmt: skip
UNIQUE = (("booking_id",), ("invoice_id",), ("supplier_id", "document_number"))
RANGES: tuple[tuple[str, Any, Any], ...] = (
    ("net_minor", 0, 1_000_000),
    ("tax_minor", 0, 200_000),
    ("total_minor", 0, 1_100_000),
    ("quantity", 0, 500),
    ("discount_share", 0, 1),
    ("score", 0, 1),
    ("document_number", 0, 199),
    ("goods_pct", 0, 100),
    ("freight_pct", 2, 100),
)
SETS: tuple[tuple[str, tuple[str | bool, ...]], ...] = (
    ("country", COUNTRIES),
    ("currency", ("EUR", "GBP", "CHF", "NOK")),
    ("kind", ("sale", "credit_note", "fee")),
    ("status", ("open", "paid", "overdue")),
    ("channel", ("post", "mail", "portal")),
    ("is_paid", (True, False)),
)
PATTERNS = (
    ("invoice_id", "INV-[0-9]{8}"),
    ("supplier_id", "S[0-9]{5}"),
    ("email", r"[a-z0-9.]+@[a-z]+\.com"),
    ("iban", "DE[0-9]{20}"),
    ("vat_number", "(DE|AT)[0-9]{9}"),
    ("postcode", "[0-9]{5}"),
)
SUMS = (
    (("goods_pct", "services_pct", "freight_pct"), 100),
    (("debit_minor", "credit_minor"), 0),
)
ORDERED = (("due_date", "invoice_date"), ("total_minor", "net_minor"))
MAX_AGE_DAYS = 7


def declared_checks() -> list[dict[str, Any]]:
    """The checks as a table declares them, all but the constraints on order and the unique key."""
    return [
        *({"kind": "not_null", "name": f"{name}_not_null", "column": name} for name in NOT_NULL),
        *({"kind": "unique", "name": f"{names[0]}_unique", "columns": names} for names in UNIQUE[1:]),
        *(
            {"kind": "range", "name": f"{name}_range", "column": name, "min": least, "max": most}
            for name, least, most in RANGES
        ),
        *({"kind": "set", "name": f"{name}_set", "column": name, "values": values} for name, values in SETS),
        *(
            {"kind": "pattern", "name": f"{name}_pattern", "column": name, "pattern": pattern}
            for name, pattern in PATTERNS
        ),
        *(
            {
                "kind": "sum_rule",
                "name": f"{names[0]}_sum",
                "expression": " + ".join(names),
                "equals": str(total),
            }
            for names, total in SUMS
        ),
        {"kind": "freshness", "name": "is_fresh", "column": "invoice_date", "max_age_days": MAX_AGE_DAYS},
        {"kind": "row_count", "name": "is_whole", "equals": [{"table": "bronze.source"}]},
    ]


def invoice_table() -> TableSpec:
    """The table as declared, with 40 checks in all: what a declaration implies is counted among them."""
    return TableSpec.model_validate(
        {
            "layer": "silver",
            "name": "benchmark_invoice",
            **dict.fromkeys(("description", "grain", "owner", "freshness", "known_gaps"), "of the benchmark"),
            "key": UNIQUE[0],
            # Declared as nullable, so that the checks are those of the list and no more.
            "columns": [{"name": name, "type": kind, "comment": name} for name, kind, _ in COLUMNS],
            "constraints": [
                {"name": f"{later}_order", "expression": f"{later} >= {earlier}"}
                for later, earlier in ORDERED
            ],
            "checks": declared_checks(),
            "queries": [],
        }
    )


INVOICES = invoice_table()


def invoices(spark: SparkSession, rows: int) -> DataFrame:
    """Generated invoices, the same ones each time."""
    return spark.range(rows).selectExpr(
        *(f"cast({made} AS {kind}) AS {name}" for name, kind, made in COLUMNS)
    )
