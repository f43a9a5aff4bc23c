from __future__ import annotations

import pytest

from invoicelake import config
from invoicelake.models.known_values import KnownValue, KnownValues, known_values
from invoicelake.text.document import Line

PANAS = "NO 290, JALAN AIR PANAS, SETAPAK"
BUKIT = "LOT 1851-A, JALAN KPB 6, BALAKONG"
TESCO = "NO.3, JALAN BESAR"
KNOWN = KnownValues(
    (
        # Annotators of this one put a point behind it; those of the other copied what is printed.
        KnownValue("address", PANAS, f"{PANAS}.", 3),
        KnownValue("address", f"{PANAS},", f"{PANAS},", 1),
        KnownValue("address", BUKIT, BUKIT, 5),
        KnownValue("address", TESCO, TESCO, 1),
        KnownValue("company", "POPULAR BOOK SDN BHD", "POPULAR BOOK SDN BHD", 4),
        KnownValue("date", "", "", 10),
        KnownValue("total", "", "", 7),
    ),
    10,
)

CASES = [
    # why                             field      printed                              corrected
    ("as annotators wrote it", "address", PANAS, f"{PANAS}."),
    ("printed and copied once", "address", f"{PANAS},", f"{PANAS},"),
    ("misread in a letter", "address", "NO 290, JALAN AIR PAMAS, SETAPAK", f"{PANAS}."),
    ("misread in a digit: elsewhere", "address", "NO 291, JALAN AIR PAMAS, SETAPAK", None),
    ("copied, so other marks stay", "address", "LOT 1851-A JALAN KPB 6, BALAKONG", None),
    ("but for a space before a comma", "address", "LOT 1851-A , JALAN KPB 6, BALAKONG", BUKIT),
    ("known from one document only", "address", "NO.3, JALAN BESAN", None),
    ("letters for letters", "company", "POPULAR BOOL SDN BHD", "POPULAR BOOK SDN BHD"),
    ("without digits, no other length", "company", "POPULAR BOOKS SDN BHD", None),
    ("nothing alike", "company", "ACME", None),
    ("no letters", "company", "--", None),
    ("empty", "company", "", None),
    ("a field of another kind", "total", "9.00", None),
    ("an unknown field", "number", "17", None),
]


@pytest.mark.parametrize(
    ("field", "printed", "corrected"), [case[1:] for case in CASES], ids=[case[0] for case in CASES]
)
def test_corrected(field: str, printed: str, corrected: str | None) -> None:
    assert KNOWN.corrected(field, printed) == (printed if corrected is None else corrected)


NAMES = KnownValues(
    tuple(KnownValue("company", f"SHOP {letter}", f"SHOP {letter}", 1) for letter in "ABCDEFGHIJKLMNOPQRSTU"),
    21,
)
NUMBERED = [
    # why                         printed                       corrected
    ("in brackets", "ACME SDN BHD (CO. NO: 20154-T)", "ACME SDN BHD"),
    ("brackets of the name stay", "ACME (M) BHD (20154-T)", "ACME (M) BHD"),
    ("a word behind it", "ACME S/B 273500-U (KSB)", "ACME S/B"),
    ("before it", "#000002 ACME (M) BHD", "ACME (M) BHD"),
    ("nothing else", "273500-U", "273500-U"),
    ("a short number", "ACME 99", "ACME 99"),
]


@pytest.mark.parametrize(
    ("printed", "corrected"), [case[1:] for case in NUMBERED], ids=[c[0] for c in NUMBERED]
)
def test_a_long_number_is_left_out_of_names_where_none_has_one(printed: str, corrected: str) -> None:
    assert NAMES.corrected("company", printed) == corrected
    assert KNOWN.corrected("company", printed) == printed


def test_a_field_is_expected_where_nearly_all_documents_have_it() -> None:
    assert KNOWN.expected_fields == {"address", "date"}
    assert KnownValues().expected_fields == frozenset()


def test_what_is_read_is_what_was_written() -> None:
    again = KnownValues.from_json(KNOWN.to_json())
    assert again == KNOWN
    assert again.identifier == KNOWN.identifier


def test_values_are_counted_as_printed_and_as_annotated() -> None:
    fields = (config.Field(name="company", kind="text"), config.Field(name="total", kind="amount"))
    lines = [Line("ACME  SDN", 0, 0, 0, 90, 10), Line("TOTAL 9.00", 0, 0, 12, 90, 22)]
    labels = {"company": "Acme Sdn.", "total": "9.00"}
    assert known_values([(lines, labels)] * 2 + [(lines, {"company": "Other"})], fields) == [
        KnownValue("company", "", "Other", 1),
        KnownValue("company", "ACME SDN", "Acme Sdn.", 2),
        KnownValue("total", "", "", 2),
    ]
