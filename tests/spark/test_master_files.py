"""Master data from files: brought into one form, what is wrong with it kept and told."""

from __future__ import annotations

from pathlib import Path

import pytest

import clean_master_data
import ingest_master_data
from invoicelake import config
from invoicelake.errors import JobError
from invoicelake.job import Run
from invoicelake.sources.master import TABLES, taken_in

CONF = Path(__file__).resolve().parents[2] / "conf"


def rows_of(run, table, *columns):
    return sorted(map(tuple, run.lake.read(table).select(*columns).collect()), key=str)


# why, content of supplier.csv, what the message must say
BAD_FILES = [
    ("nothing", None, "there is no file .*supplier.csv of master data"),
    ("empty", "", "lacks id, supplier_id"),
    ("another delimiter", "id;supplier_id;name\n1;S1;ACME\n", "lacks id, supplier_id.*separated by commas"),
    ("a head alone", "id,supplier_id,name,address,country,currency,tax_number,iban,updated_at\n", "no rows"),
]


@pytest.mark.parametrize(
    ("text", "message"), [case[1:] for case in BAD_FILES], ids=[case[0] for case in BAD_FILES]
)
def test_a_file_that_cannot_be_read_is_told(spark, specs, tmp_path, text, message):
    if text is not None:
        (tmp_path / "supplier.csv").write_text(text)
    suite = config.load(CONF, overrides=["master.format=files", f"master.path={tmp_path}"])
    with (
        pytest.raises(JobError, match=message),
        taken_in(spark, suite, specs["bronze.supplier"], "", None),
    ):
        pytest.fail("rows were handed over")


SUPPLIERS = b"""id,extra,supplier_id,name,address,country,currency,tax_number,iban,updated_at
1,x,S1,  Acme   Ltd ,"1 High Street,
Leeds",UK,gbp,GB 123 45,,2024-01-01 10:00:00 UTC
2,x,S2,Eire Foods,,EIRE,\xe2\x82\xac,,,2024-01-01 10:00:00 UTC
3,x,,No Number,,,,,,2024-01-01 10:00:00 UTC
4,x,S4,,,,,,,2024-01-01 10:00:00 UTC
5,x,S5,Twice,,,,,,2024-01-01 10:00:00 UTC
6,x,S5,Twice,,,,,,2024-01-01 09:00:00 UTC
7,x,S5,Once,,,,,,soon
,x,S8,No key of the row,,,,,,
9,x,S9,Caf\xe9,,,,,,
9,x,S10,The same key of the row,,Atlantis,XYZ,,,2024-01-01 10:00:00 UTC
11,x,S11,a,b,c,d,e,f,2024-01-01,too,many
"""
COUNTRIES = (
    "id,country_code,name,region,currency,updated_at\n1,,Germany,Europe,EUR,\n2,QQ,Atlantis,Oceania,,\n"
)
CUSTOMERS = "id,customer_id,name,address,country,updated_at\n1,17850,Alice,,United Kingdom,\n"
PRODUCTS = """id,stock_code,description,product_group,unit_price,currency,updated_at
1,85123a,WHITE HEART,GIFT,2.55,GBP,
2,P2,MINUS,GIFT,-1,GBP,
3,P3,WORDS,GIFT,"1,25",GBP,
4,P4,NO PRICE,GIFT,,GBP,
"""


@pytest.fixture(scope="module")
def cleaned(spark, tmp_path_factory):
    folder = tmp_path_factory.mktemp("master")
    (folder / "supplier.csv").write_bytes(SUPPLIERS)
    for name, text in {"country": COUNTRIES, "customer": CUSTOMERS, "product": PRODUCTS}.items():
        (folder / f"{name}.csv").write_text(text)
    settings = ["master.format=files", f"master.path={folder}", "master.max_rejected_share=0.9"]
    suite = config.load(CONF, overrides=[f"lake.path={folder / 'lake'}", *settings])
    run = Run("clean_master_data", suite, spark)
    ingest_master_data.main(run)
    entries = spark.createDataFrame(
        [
            run.lake.specs["silver.ledger_entry"].sample_row(
                entry_id=str(number), kind="sale", currency="GBP", stock_code=code, description=text
            )
            for number, (code, text) in enumerate(SAID)
        ],
        run.lake.specs["silver.ledger_entry"].ddl,
    )
    run.lake.upsert("silver.ledger_entry", entries.drop("cleaned_at"))
    clean_master_data.main(run)
    return run


SAID = [
    ("85123A", "white heart."),
    ("85123A", "RED HEART"),
    ("85123A", "RED HEART"),
    ("POST", "POSTAGE"),
    ("P4", None),
]


def test_suppliers_come_in_one_form(cleaned):
    columns = ("supplier_id", "name", "address", "country_code", "currency", "tax_number")
    assert rows_of(cleaned, "silver.supplier", *columns) == [
        ("S1", "Acme Ltd", "1 High Street, Leeds", "GB", "GBP", "GB12345"),
        ("S10", "The same key of the row", None, None, None, None),
        ("S2", "Eire Foods", None, "IE", "EUR", None),
        ("S5", "Twice", None, None, None, None),
        ("S8", "No key of the row", None, None, None, None),
    ]


def test_rejects_are_kept_with_their_reason(cleaned):
    reasons = [
        (table, row_id.split("/")[0], reason)
        for table in TABLES
        for row_id, reason in rows_of(cleaned, f"silver.{table}_rejected", "row_id", "reason")
    ]
    assert sorted(reasons) == [
        ("country", "2", "unknown_country"),
        ("product", "2", "impossible_price"),
        ("product", "3", "impossible_price"),
        ("supplier", "11", "damaged_line"),
        ("supplier", "3", "no_key"),
        ("supplier", "4", "no_name"),
        ("supplier", "6", "exact_duplicate"),
        ("supplier", "7", "older_duplicate"),
        ("supplier", "9", "invalid_utf8"),
    ]
    content = rows_of(cleaned, "silver.product_rejected", "content")[0][0]
    assert '"stock_code":"P2"' in content


def test_the_master_data_settles_what_a_stock_code_means(cleaned):
    columns = ("stock_code", "description", "decided_by", "ledger_description", "is_disputed", "others")
    assert rows_of(cleaned, "silver.product_description", *columns) == [
        ("85123A", "WHITE HEART", "master", "RED HEART", True, ["RED HEART"]),
        ("P4", "NO PRICE", "master", None, False, []),
        ("POST", "POSTAGE", "ledger", "POSTAGE", False, []),
    ]


def test_a_second_run_changes_nothing_and_too_many_rejects_fail_it(spark, cleaned):
    strict = cleaned.suite.master.model_copy(update={"max_rejected_share": 0.1})
    run = Run("clean_master_data", cleaned.suite.model_copy(update={"master": strict}), spark)
    ingest_master_data.main(run)
    with pytest.raises(JobError, match=r"master\.max_rejected_share"):
        clean_master_data.main(run)
    assert len(run.tables) == 13
    assert {name: found["changed"] for name, found in run.tables.items()} == dict.fromkeys(run.tables, 0)
