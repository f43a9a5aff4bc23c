from __future__ import annotations

import hashlib
import json
import os
import random
import subprocess
import sys
from collections import Counter
from functools import lru_cache

import pytest
from hypothesis import given, strategies as st

from invoicelake.config import Generator
from invoicelake.sources.generated import generate, parse, to_payload
from invoicelake.sources.generated.faults import with_faults
from invoicelake.sources.generated.numbers import has_iban
from invoicelake.sources.generated.sales import Sale, drawn_sale
from invoicelake.sources.generated.suppliers import Supplier, supplier
from invoicelake.sources.generated.wording import LOCALES, locale
from invoicelake.text.amounts import find_amounts, minor_units
from invoicelake.text.dates import find_dates, parse_date
from invoicelake.text.document import Document, DocumentRejected, Line
from invoicelake.text.identifiers import account_holds, tax_number_holds

DEFAULT = Generator()
CLEAN = Generator(poor_scan_share=0)
INDICES = range(300)
CENTS_ROUNDING, RUPIAH_ROUNDING = 2, 5_000  # half of what cash is rounded to
# A change here changes every document ever generated: say so in CHANGELOG.
GOLDEN = "840cdbae6932604f57a21e7a5466b04ed93eccedd6ef3b841fd55e26074856ca"


@lru_cache(maxsize=2)
def documents(settings: Generator) -> tuple[Document, ...]:
    return tuple(generate(index, 0, settings) for index in INDICES)


def digest(found: list[Document]) -> str:
    return hashlib.sha256(b"".join(part for document in found for part in to_payload(document))).hexdigest()


def test_documents_stay_what_they_were() -> None:
    assert digest([generate(index, 7, DEFAULT) for index in range(50)]) == GOLDEN


def test_another_process_makes_the_same() -> None:
    code = (
        "import sys; from invoicelake.config import Generator; from invoicelake.sources.generated import *;"
        "[sys.stdout.buffer.write(p) for i in (9, 3) for p in to_payload(generate(i, 7, Generator()))]"
    )
    environment = {**os.environ, "PYTHONHASHSEED": "12345", "PYTHONPATH": os.pathsep.join(sys.path)}
    made = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, check=True)
    expected = [part for index in (9, 3) for part in to_payload(generate(index, 7, DEFAULT))]
    assert made.stdout == b"".join(expected)


def test_order_does_not_matter() -> None:
    supplier.cache_clear()
    backwards = [generate(index, 0, CLEAN) for index in reversed(range(40))]
    assert tuple(reversed(backwards)) == documents(CLEAN)[:40]


def test_seed_and_index_matter() -> None:
    assert len({generate(index, seed, CLEAN).lines for index in range(5) for seed in range(5)}) == 25


def sales() -> list[tuple[Supplier, Sale]]:
    found = []
    for number in range(200):
        issuer = supplier(number, 3, 0.5)
        found.append((issuer, drawn_sale(random.Random(number), issuer)))
    return found


def test_sales_add_up() -> None:
    for issuer, sale in sales():
        items = sum(item.amount_minor for item in sale.items)
        assert items == (sale.net_minor + sale.tax_minor if sale.tax_included else sale.net_minor)
        assert all(item.quantity * item.unit_price_minor == item.amount_minor for item in sale.items)
        assert sale.net_minor + sale.tax_minor + sale.rounding_minor == sale.total_minor
        for line in sale.tax_lines:
            assert abs(line.net_minor * line.rate / 10_000 - line.tax_minor) <= 1
        assert abs(sale.rounding_minor) <= issuer.locale.cash_step / 2
        assert sale.paid_minor >= sale.total_minor > 0
        if sale.in_cash:
            assert sale.total_minor % issuer.locale.cash_step == 0


def test_printed_amounts_add_up() -> None:
    checked = 0
    for document in documents(CLEAN):
        labels, mark = document.labels, decimal_mark(document.labels["total"])
        if "net" in labels and "tax" in labels:
            net, tax, total = (minor_units(labels[name], 2, mark) for name in ("net", "tax", "total"))
            assert net is not None
            assert tax is not None
            assert total is not None
            assert abs(net + tax - total) <= (RUPIAH_ROUNDING if mark == "#" else CENTS_ROUNDING), labels
            checked += 1
    assert checked > 100


def decimal_mark(amount: str) -> str:
    """Only rupiah have no decimals, and their marks group."""
    return amount[-3] if len(amount) > 2 and amount[-3] in ".," else "#"


def test_labels_are_printed() -> None:
    for document in documents(CLEAN):
        texts = [line.text for line in document.lines]
        for name, value in document.labels.items():
            if name == "address":
                assert is_run_of_lines(value, texts), value
            else:
                assert any(value in text for text in texts), (name, value)
        for name, numbers in document.label_lines.items():
            assert any(document.labels[name] in texts[number] for number in numbers), name
        for item in document.line_items:
            parts = {
                name: getattr(item, name) for name in ("description", "quantity", "unit_price", "amount")
            }
            assert item.part_lines.keys() == {name for name, value in parts.items() if value is not None}
            for name, numbers in item.part_lines.items():
                assert parts[name] in " ".join(texts[number] for number in numbers), name


def is_run_of_lines(value: str, texts: list[str]) -> bool:
    """Whether the value is whole lines, each taken once, joined by single spaces."""
    rest = value
    for text in [*texts, *texts]:  # lines may have changed places, and other blocks may stand beside
        if rest == text:
            return True
        if rest.startswith(f"{text} "):
            rest = rest[len(text) + 1 :]
    return False


def test_dates_and_amounts_are_found_where_printed() -> None:
    for document in documents(CLEAN):
        texts = [line.text for line in document.lines]
        date, total = document.labels["date"], document.labels["total"]
        assert any(match.text == date for text in texts for match in find_dates(text)), date
        assert parse_date(date) is not None
        assert any(match.text == total for text in texts for match in find_amounts(text)), total


def test_numbers_are_those_of_real_suppliers() -> None:
    issuers = [supplier(number, 0, 0.5) for number in range(60)]
    assert all(tax_number_holds(issuer.tax_number, issuer.country) is not False for issuer in issuers)
    assert all(account_holds(issuer.account) == has_iban(issuer.country) for issuer in issuers)
    assert sum(tax_number_holds(issuer.tax_number, issuer.country) is True for issuer in issuers) > 30


def test_lines_lie_on_their_page() -> None:
    for document in documents(CLEAN):
        for line in document.lines:
            assert 0 <= line.x0 < line.x1 <= document.page_width, line
            assert 0 <= line.y0 < line.y1 <= document.page_height, line


def test_a_supplier_keeps_its_habits() -> None:
    seen: dict[str, set[str]] = {}
    for document in documents(CLEAN):
        seen.setdefault(document.labels["company"], set()).add(document.labels["address"])
    assert all(len(addresses) == 1 for addresses in seen.values())
    assert len(seen) > 100


def test_many_languages_currencies_and_forms() -> None:
    issuers = [supplier(number, 0, 0.5) for number in range(DEFAULT.suppliers)]
    languages = Counter(issuer.locale.language for issuer in issuers)
    assert len(languages) == 8
    assert min(languages.values()) >= DEFAULT.suppliers // 20
    assert {issuer.locale.currency for issuer in issuers} >= {"EUR", "USD", "GBP", "CHF", "MYR", "IDR"}
    assert len({issuer.layout.date_format for issuer in issuers}) > 10
    assert len({(issuer.party.name, issuer.party.address) for issuer in issuers}) == len(issuers)
    assert 0.35 < sum(issuer.kind == "invoice" for issuer in issuers) / len(issuers) < 0.65


def test_invoice_share_is_kept() -> None:
    for share in (0.0, 1.0):
        kinds = {supplier(number, 0, share).kind for number in range(30)}
        assert kinds == {"invoice" if share else "receipt"}


def test_most_documents_are_short_and_some_have_two_pages() -> None:
    words = sorted(sum(len(line.text.split()) for line in document.lines) for document in documents(CLEAN))
    assert words[int(0.95 * len(words))] <= 256
    assert max(line.page for document in documents(CLEAN) for line in document.lines) >= 1


def test_poor_scans_spare_nearly_all_labels() -> None:
    kept = broken = 0
    for document in documents(DEFAULT):
        texts = " ".join(line.text for line in document.lines)
        for name in ("company", "date", "total"):
            is_whole = document.labels[name] in texts
            kept, broken = kept + is_whole, broken + (not is_whole)
    assert broken <= 0.025 * (kept + broken)
    assert documents(DEFAULT) != documents(CLEAN)


def test_faults_leave_labels_clean() -> None:
    poor = Generator(poor_scan_share=1, fault_share=0.2)
    for index in range(20):
        faulty, clean = generate(index, 0, poor), generate(index, 0, CLEAN)
        assert faulty.labels == clean.labels
        assert {line.text for line in faulty.lines} != {line.text for line in clean.lines}


@given(st.lists(st.text(min_size=1, max_size=20).map(str.strip).filter(bool), max_size=6), st.integers())
def test_faults_take_any_text(texts: list[str], seed: int) -> None:
    lines = [Line(text, 0, 100.0 * place, 0.0, 100.0 * place + 90, 10.0) for place, text in enumerate(texts)]
    read = with_faults(random.Random(seed), lines, 0.3)
    assert all(line.text and line.x0 <= line.x1 for line in read)


@pytest.mark.parametrize("name", LOCALES)
def test_locale_is_complete(name: str) -> None:
    words, expected = locale(name), locale(LOCALES[0])
    assert words.labels.keys() == expected.labels.keys()
    assert words.trades.keys() == words.goods.keys() == expected.goods.keys()
    assert len(words.months) == len(words.short_months) == 12
    for parts in (*words.labels.values(), *words.trades.values(), *words.goods.values(), words.date_formats):
        assert parts
        assert all(part == part.strip() and "  " not in part for part in parts)


@pytest.mark.parametrize("index", range(0, 300, 30))
def test_payload_round_trip(index: int) -> None:
    document = documents(DEFAULT)[index]
    content, annotation = to_payload(document)
    assert parse(content, annotation) == document
    unlabelled = parse(content, None)
    assert (unlabelled.lines, unlabelled.labels, unlabelled.line_items) == (document.lines, {}, ())


LINE = ["a", 0, 1, 2, 3, 4]
PAGE = {"width": 10, "height": 20}


def dumped(value: object) -> bytes:
    return json.dumps(value).encode()


GOOD = dumped({"page": PAGE, "lines": [LINE]})
MALFORMED = [
    # content                                                           annotation      reason
    (b"\xff\xfe", None, "invalid_utf8"),
    (b"{", None, "content_unreadable"),
    (b"[" * 100_000, None, "content_unreadable"),
    (b"[]", None, "content_unreadable"),
    (b"null", None, "content_unreadable"),
    (dumped({"lines": [LINE]}), None, "content_unreadable"),
    (dumped({"page": PAGE, "lines": 3}), None, "content_unreadable"),
    (dumped({"page": PAGE, "lines": [LINE[:5]]}), None, "content_unreadable"),
    (dumped({"page": PAGE, "lines": [[1, *LINE[1:]]]}), None, "content_unreadable"),
    (dumped({"page": PAGE, "lines": [["a", -1, *LINE[2:]]]}), None, "content_unreadable"),
    (dumped({"page": PAGE, "lines": [["a", 0, "x", 2, 3, 4]]}), None, "content_unreadable"),
    (dumped({"page": PAGE, "lines": [["a", 0, float("nan"), 2, 3, 4]]}), None, "content_unreadable"),
    (dumped({"page": {"width": True, "height": 1}, "lines": [LINE]}), None, "content_unreadable"),
    (dumped({"page": PAGE, "lines": []}), None, "no_lines"),
    (GOOD, b"\xff", "invalid_utf8"),
    (GOOD, b"no", "labels_unreadable"),
    (GOOD, b"[]", "labels_unreadable"),
    (GOOD, dumped({"labels": {"total": 3}, "line_items": []}), "labels_unreadable"),
    (GOOD, dumped({"labels": {}}), "labels_unreadable"),
    (GOOD, dumped({"labels": {}, "line_items": [{"amount": "1"}]}), "labels_unreadable"),
]


@pytest.mark.parametrize(("content", "annotation", "reason"), MALFORMED)
def test_malformed_payload_is_rejected(content: bytes, annotation: bytes | None, reason: str) -> None:
    with pytest.raises(DocumentRejected) as rejection:
        parse(content, annotation)
    assert rejection.value.reason == reason
    assert rejection.value.detail


@given(st.binary(max_size=200))
def test_any_bytes_give_a_document_or_a_reason(content: bytes) -> None:
    with pytest.raises(DocumentRejected):
        parse(content, None)
