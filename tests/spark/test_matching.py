"""Rates by day, entities across sources, documents linked to ledger entries."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from invoicelake.errors import JobError
from invoicelake.sources.rates import quotes_file, read_quotes
from invoicelake.transforms.entities.links import document_links, issued_documents
from invoicelake.transforms.entities.matching import matches, members, parties, scored_pairs
from invoicelake.transforms.entities.measured import agreement, pair_scores
from invoicelake.transforms.entities.records import customer_records, supplier_records
from invoicelake.transforms.rates import daily_rates, with_reporting_amount
from running import run_job

DAY = date(2024, 1, 31)
RATES = "currency string, rate_day date, per_euro decimal(18,8), quoted_on date"
QUOTES = [
    ("EUR", DAY, Decimal(1), DAY),
    ("GBP", DAY, Decimal("0.85435"), DAY),
    ("JPY", DAY, Decimal("160.19"), DAY - timedelta(days=1)),
    ("KWD", DAY, Decimal("0.33"), DAY),
    ("USD", DAY, Decimal(2), DAY),
]
# why, currency, day, minor units, in euro cents, in yen, rate day in euro
AMOUNTS = [
    ("pounds", "GBP", DAY, 1000, 1170, 1875, DAY),
    ("a credit note", "GBP", DAY, -1000, -1170, -1875, DAY),
    ("half a cent goes up", "USD", DAY, 1, 1, 1, DAY),
    ("half a cent less than nothing goes down", "USD", DAY, -1, -1, -1, DAY),
    ("no minor units", "JPY", DAY, 16019, 10000, 16019, DAY - timedelta(days=1)),
    ("three digits of them", "KWD", DAY, 3300, 1000, 1602, DAY),
    ("the same currency", "EUR", DAY, 5, 5, 8, None),
    ("the same currency on no day", "EUR", None, 5, 5, None, None),
    ("as much as there is", "GBP", DAY, 10**15, 1170480482237959, 1874992684496986, DAY),
    ("unknown currency", "XXX", DAY, 5, None, None, None),
    ("no currency", None, DAY, 5, None, None, None),
    ("no amount", "GBP", DAY, None, None, None, None),
    ("a day without a rate", "GBP", DAY + timedelta(days=1), 5, None, None, None),
]


def test_amounts_in_the_reporting_currency(spark):
    frame = spark.createDataFrame(
        [case[:4] for case in AMOUNTS], "why string, currency string, day date, minor long"
    )
    rates = spark.createDataFrame(QUOTES, RATES)
    found = {}
    for reporting in ("EUR", "JPY"):
        for row in with_reporting_amount(frame, rates, reporting, "day", "minor").collect():
            found[row["why"], reporting] = (row["reporting_amount_minor"], row["rate_day"])
            assert row["reporting_currency"] == reporting
    for why, _, _, _, euro_minor, yen, rate_day in AMOUNTS:
        assert found[why, "EUR"] == (euro_minor, rate_day), why
        assert found[why, "JPY"][0] == yen, why


def test_a_rate_stands_in_until_the_next_one_or_until_it_is_too_old(spark):
    friday, monday, later = date(2024, 1, 26), date(2024, 1, 29), date(2024, 2, 9)
    quotes = [("GBP", friday, 1), ("GBP", monday, 2), ("GBP", later, 3), ("USD", monday, 4)]
    frame = spark.createDataFrame(
        [(code, day, Decimal(rate)) for code, day, rate in quotes],
        "currency string, quoted_on date, per_euro decimal(18,8)",
    )
    rows = daily_rates(frame, max_age_days=2).collect()
    found = {(row["currency"], row["rate_day"]): (int(row["per_euro"]), row["quoted_on"]) for row in rows}
    days = {code: sorted(day for one, day in found if one == code) for code in ("GBP", "USD", "EUR")}
    assert [f"{day:%d}" for day in days["GBP"]] == ["26", "27", "28", "29", "30", "31", "09", "10", "11"]
    assert [f"{day:%d}" for day in days["USD"]] == ["29", "30", "31"]
    assert days["EUR"] == days["GBP"]
    assert found["GBP", date(2024, 1, 28)] == (1, friday)
    assert found["GBP", date(2024, 1, 31)] == (2, monday)
    assert found["EUR", date(2024, 1, 28)] == (1, date(2024, 1, 28))


def test_rates_are_read_from_a_file_of_the_users_own(spark, tmp_path):
    file = tmp_path / "rates.csv"
    file.write_text("Date,USD,JPY\n2024-01-31,1.0837,N/A\n")
    assert [tuple(row) for row in read_quotes(spark, quotes_file(spark, str(file))).collect()] == [
        ("USD", DAY, Decimal("1.08370000"))
    ]
    with pytest.raises(JobError, match="no file of exchange rates"):
        quotes_file(spark, str(Path(tmp_path, "none.zip")))


# Each run: why, the rate of the dollar in the file, days that it stands in for, whether the file is taken in.
RUNS = [
    ("a file", "1.08", 1, True),
    ("the same again", "1.08", 1, False),
    ("a correction", "1.09", 1, True),
    ("another setting", "1.09", 0, True),
    ("its rates gone", "1.09", 0, True),
]


def test_a_file_of_rates_is_taken_in_once(spark, tmp_path):
    file, lake = tmp_path / "rates.csv", tmp_path / "lake"
    for why, rate, days, is_taken_in in RUNS:
        file.write_text(f"Date,USD\n2024-01-31,{rate}\n")
        if why == "its rates gone":
            (lake / "silver" / "exchange_rate").rename(tmp_path / "moved away")
        settings = (f"lake.path={lake}", f"rates.path={file}", f"rates.max_age_days={days}")
        run = run_job(spark, "ingest_exchange_rates", *settings)
        assert ("silver.exchange_rate" in run.tables) == is_taken_in, why
        dollars = run.lake.read("silver.exchange_rate").where("currency = 'USD'").collect()
        assert [row.per_euro for row in dollars] == [Decimal(rate)] * (1 + days), why
        assert run.lake.read("silver.exchange_rate_file").count() == 1, why


def frame_of(spark, specs, table, rows):
    spec = specs[table]
    return spark.createDataFrame([spec.sample_row(**row) for row in rows], spec.ddl)


SUPPLIERS = [
    {
        "supplier_id": "S1",
        "name": "Müller Bürobedarf GmbH",
        "address": "Hauptstr. 1, 10115 Berlin",
        "tax_number": "DE1",
    },
    {
        "supplier_id": "S2",
        "name": "BUEROBEDARF MULLER",
        "address": "Hauptstraße 1; 10115 Berlin",
        "tax_number": "DE1",
    },
    {"supplier_id": "S3", "name": "Rossi Pizzeria S.r.l.", "address": "Via Roma 5, 00100 Roma"},
    {"supplier_id": "S4", "name": "Rossi Pizzeria", "address": "Corso Italia 77, 20100 Milano"},
    {"supplier_id": "S5", "name": "Quillfeather Traders", "tax_number": "GB999", "iban": "GB11BANK22"},
]
LABELS = {
    "d1": {
        "company": "Müller  Bürobedarf",
        "address": "Hauptstr. 1 10115 Berlin",
        "total": "1.190,00 €",
        "date": "31.01.2024",
        "invoice_number": "R-17",
    },
    "d2": {
        "company": "Rossi Pizzeria SRL",
        "address": "Via Roma 5 00100 Roma",
        "total": "50,00",
        "date": "30.01.2024",
    },
    "d3": {"company": "Zenith Foods", "total": "7.77", "date": "2024-01-31"},
    "d4": {"company": "Nobody", "date": "2024-01-31"},
    "d5": {"company": "Zenith Foods", "total": "50,00", "date": "30.01.2024"},
    "d8": {"invoice_number": "Z-1"},
}
# What a model read of documents whose companies nobody labelled; the name of one is hardly to be recognized.
READ = [
    {"document_id": "d6", "company": "Zenith Foods", "total_minor": 777, "invoice_date": DAY},
    {
        "document_id": "d7",
        "company": "0uiII",
        "total_minor": 1234,
        "invoice_date": DAY,
        "invoice_number": "Q 7/1",
        "tax_number": "gb 999",
        "iban": "GB11 BANK 22",
    },
    {"document_id": "d8", "company": "Z.", "total_minor": 4321, "invoice_date": DAY},
]
PURCHASES = [
    {
        "entry_id": "e1",
        "description": "MÜLLER BÜROBEDARF",
        "amount_minor": -119000,
        "entry_date": date(2024, 2, 3),
        "invoice_number": "R17",
    },
    {
        "entry_id": "e2",
        "description": "Rossi Pizzeria",
        "amount_minor": -5000,
        "entry_date": date(2024, 1, 30),
        "invoice_number": "P9",
    },
    {
        "entry_id": "e3",
        "description": "Zenith Foods",
        "amount_minor": -777,
        "entry_date": date(2024, 5, 1),
        "invoice_number": "P8",
    },
    {
        "entry_id": "e4",
        "description": "Quillfeather Traders",
        "amount_minor": -1234,
        "entry_date": DAY,
        "invoice_number": "Q71",
    },
    {
        "entry_id": "e5",
        "description": "Zenith Foods",
        "amount_minor": -4321,
        "entry_date": DAY,
        "invoice_number": "Z1",
    },
]


@pytest.fixture(scope="module")
def tables(spark, specs):
    entries = [{**each, "source": "x", "kind": "purchase", "currency": "EUR"} for each in PURCHASES]
    sale = {
        "source": "x",
        "entry_id": "sale",
        "kind": "sale",
        "currency": "EUR",
        "amount_minor": -777,
        "entry_date": DAY,
    }
    labels = [
        {"document_id": document, "field": field, "value": value}
        for document, fields in LABELS.items()
        for field, value in fields.items()
    ]
    invoices = [{"currency": "EUR", **each} for each in READ]
    return {
        "suppliers": frame_of(spark, specs, "silver.supplier", SUPPLIERS),
        "customers": frame_of(
            spark,
            specs,
            "silver.customer",
            [
                {"customer_id": "C1", "name": "Zenith Foods"},
                {"customer_id": "C2", "name": "ZENITH FOODS LTD"},
            ],
        ),
        "labels": frame_of(spark, specs, "silver.label", labels),
        "documents": frame_of(
            spark, specs, "silver.document", [{"document_id": f"d{n}"} for n in range(1, 9)]
        ),
        "invoices": frame_of(spark, specs, "gold.invoice", invoices),
        "entries": frame_of(spark, specs, "silver.ledger_entry", [*entries, sale]),
    }


def test_entities_across_sources(spark, tables):
    given = supplier_records(tables["suppliers"], tables["labels"], tables["invoices"], tables["entries"])
    records = given.unionByName(customer_records(tables["customers"])).persist()
    pairs = scored_pairs(records, 0.4, 300).persist()
    found = members(pairs, 0.9)
    members_of = {}
    for row in parties(records, found).collect():
        members_of.setdefault(row["entity_id"], []).append((row["source"], row["name"]))
    named = {entity: sorted(name for _, name in group) for entity, group in members_of.items()}
    assert named.pop("supplier/master/S1") == [
        "BUEROBEDARF MULLER", "MÜLLER BÜROBEDARF", "Müller Bürobedarf", "Müller Bürobedarf GmbH",
    ]  # fmt: skip
    # The bare name of the ledger joins one of the two companies of that name and does not make them one.
    assert named.pop("supplier/master/S3") == [
        "Rossi Pizzeria",
        "Rossi Pizzeria S.r.l.",
        "Rossi Pizzeria SRL",
    ]
    assert named.pop("supplier/master/S4") == ["Rossi Pizzeria"]
    # Tax number and account tell whose a name is that was misread.
    assert named.pop("supplier/master/S5") == ["0uiII", "Quillfeather Traders", "Quillfeather Traders"]
    # A customer is never one with a supplier.
    assert named.pop("customer/master/C1") == ["ZENITH FOODS LTD", "Zenith Foods"]
    assert sorted(map(tuple, named.values())) == [("Nobody",), ("Z.",), ("Zenith Foods", "Zenith Foods")]
    told = {(row["left_id"], row["right_id"]): row for row in matches(pairs, found, 0.9).collect()}
    assert len(told) == len({tuple(sorted(pair)) for pair in told})
    surest = told["S1", "S2"]
    assert (surest["decision"], surest["entity_id"]) == ("matched", "supplier/master/S1")
    assert {each["comparison"]: each["outcome"] for each in surest["why"]}["tax_number"] == "the same"
    ambiguous = [row for pair, row in told.items() if pair[0] == "S4"]
    assert [row["decision"] for row in ambiguous] == ["review"] * len(ambiguous) != []
    truth = spark.createDataFrame(
        [("supplier", f"S{number}", entity) for number, entity in enumerate("aabcf", start=1)]
        + [("customer", "C1", "d"), ("customer", "C2", "e")],
        "kind string, record_id string, entity string",
    )
    counted = agreement(parties(records, found), truth)
    assert tuple(counted.first()) == (2, 1, 1)
    assert pair_scores(counted) == {"matching_precision": 0.5, "matching_recall": 1.0}
    records.unpersist()
    pairs.unpersist()


NUMBERS = [
    # why, labels, read, name, tax number and account of the record
    ("labelled", {"company": "A", "tax_number": "de 1", "iban": "de-2"}, {}, ("A", "DE1", "DE2")),
    ("read", {}, {"company": "B", "tax_number": "de 1", "iban": "de-2"}, ("B", "DE1", "DE2")),
    ("labels come first", {"tax_number": "de 3"}, {"company": "C", "tax_number": "4"}, ("C", "DE3", None)),
    ("a labelled company's own", {"company": "D"}, {"company": "X", "iban": "5"}, ("D", None, None)),
    ("nothing but signs", {}, {"company": "E", "tax_number": "-", "iban": " "}, ("E", None, None)),
]


def test_numbers_of_companies_as_documents_name_them(spark, specs):
    labels = [
        {"document_id": why, "field": field, "value": value}
        for why, labelled, *_ in NUMBERS
        for field, value in labelled.items()
    ]
    invoices = [{"document_id": why, **read} for why, _, read, _ in NUMBERS if read]
    found = supplier_records(
        frame_of(spark, specs, "silver.supplier", []),
        frame_of(spark, specs, "silver.label", labels),
        frame_of(spark, specs, "gold.invoice", invoices),
        frame_of(spark, specs, "silver.ledger_entry", []),
    )
    rows = found.select("name", "tax_number", "iban").collect()
    assert sorted(map(tuple, rows)) == [expected for *_, expected in NUMBERS]


def test_documents_are_linked_to_their_entries(tables):
    issued = issued_documents(tables["documents"], tables["invoices"], tables["labels"], "EUR", True)
    links = document_links(issued, tables["entries"], link_days=10, link_score=0.6).collect()
    found = {
        row["document_id"]: (row["status"], row["read_from"], row["entry_id"], row["days_after"])
        for row in links
    }
    assert found == {
        "d1": ("linked", "label", "e1", 3),
        "d2": ("linked", "label", "e2", 0),
        "d3": ("no_candidate", "label", None, None),
        "d4": ("incomplete", "label", None, None),
        "d5": ("unlikely", "label", None, None),
        "d6": ("no_candidate", "extraction", None, None),
        "d7": ("linked", "extraction", "e4", 0),
        "d8": ("linked", "extraction", "e5", 0),
    }
    why = {row["document_id"]: {each["comparison"]: each["outcome"] for each in row["why"]} for row in links}
    assert why["d1"] == {
        "amount": "the same", "name": "100% alike", "invoice_number": "the same", "day": "3 days after",
    }  # fmt: skip
    assert why["d3"] == {}
