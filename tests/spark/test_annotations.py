"""Annotation exports: each line a label or a reject with its reason; of several labels the newest."""

from __future__ import annotations

import json

import pytest

from invoicelake.sources.annotations import LINES, delivered_annotations, label_of, parser
from invoicelake.sources.delivered_files import Line, LineRejected, line_balance, read_delivered
from invoicelake.sources.receivables import rejected_lines
from invoicelake.transforms.annotations import newest_annotations
from invoicelake.transforms.arrow import map_rows

FIELDS = {"total", "date"}
SOUND = {
    "document": "001",
    "source": "sroie",
    "field": "total",
    "value": "9.00",
    "annotator": "ada",
    "annotated_at": "2024-05-31T09:30:00Z",
    "tool": "pen",
}


def line(**changes: object) -> bytes:
    return json.dumps({key: value for key, value in (SOUND | changes).items() if value != "absent"}).encode()


CASES = [
    # why, line, value or reason
    ("sound", line(), "9.00"),
    ("more keys", line(comment="smudged"), "9.00"),
    ("another zone", line(annotated_at="2024-05-31T11:30:00+02:00"), "9.00"),
    ("spaces around", line(value=" 9.00 "), "9.00"),
    ("no value", line(value=None), None),
    ("no tool", line(tool=None), "9.00"),
    ("cut off", line()[:40], "no_json"),
    ("two on a line", line() + line(), "no_json"),
    ("a list", b"[1, 2]", "no_object"),
    ("deep", b"[" * 100_000, "no_json"),
    ("a key is missing", line(annotator="absent"), "missing_keys"),
    ("a number", line(value=9.0), "no_text"),
    ("no annotator", line(annotator=" "), "no_text"),
    ("half a character", line(value="\ud800"), "no_text"),
    ("a field of no document", line(field="colour"), "unknown_field"),
    ("no zone", line(annotated_at="2024-05-31T09:30:00"), "bad_time"),
    ("no time", line(annotated_at="yesterday"), "bad_time"),
    ("31 February", line(annotated_at="2024-02-31T09:30:00Z"), "bad_time"),
    ("before all time", line(annotated_at="0001-01-01T00:00:00+14:00"), "bad_time"),
    ("Latin-1", b"\xe9" + line(), "wrong_encoding"),
]


@pytest.mark.parametrize(
    ("content", "expected"), [case[1:] for case in CASES], ids=[case[0] for case in CASES]
)
def test_a_line_is_a_label_or_has_a_reason(content, expected):
    if expected in (None, "9.00"):
        assert label_of(Line(1, content), FIELDS)["value"] == expected
        return
    with pytest.raises(LineRejected) as caught:
        label_of(Line(1, content), FIELDS)
    assert caught.value.reason == expected
    assert caught.value.detail


# annotator, time, value; the file's name tells their order
LABELS = [
    ("a.jsonl", "ada", "2024-05-31T09:30:00Z", "first"),
    ("a.jsonl", "ada", "2024-05-31T12:00:00+02:00", "newest, 10:00 UTC"),
    ("b.jsonl", "ada", "2024-05-31T09:59:00Z", "second"),
    ("a.jsonl", "grace", "2024-05-31T09:30:00Z", "same moment, first"),
    ("b.jsonl", "grace", "2024-05-31T09:30:00Z", "same moment, last file"),
]


def test_an_export_is_read_whole_and_the_newest_label_wins(spark, specs, tmp_path):
    for file, annotator, moment, value in LABELS:
        with (tmp_path / file).open("ab") as export:
            export.write(line(annotator=annotator, annotated_at=moment, value=value) + b"\n")
    (tmp_path / "c.jsonl").write_bytes(
        b"\xef\xbb\xbf\n" + b"\r\n".join(content for _, content, _ in CASES) + b"\n\n"
    )
    (tmp_path / "d.jsonl").write_bytes(b"")
    (tmp_path / "notes.txt").write_bytes(b"no export")
    files = read_delivered(spark, str(tmp_path), ".jsonl")
    lines = map_rows(files, parser(FIELDS), LINES).persist()
    accepted, rejected = delivered_annotations(lines, "test"), rejected_lines(lines, "test")
    assert sorted(accepted.columns) == sorted(specs["bronze.annotation"].written)
    assert sorted(rejected.columns) == sorted(specs["bronze.annotation_rejected"].written)
    sound = sum(value in (None, "9.00") for _, _, value in CASES)
    balance = line_balance(files, 0, accepted, rejected).first()
    assert tuple(balance) == (25, 5 + sound, 20 - sound)
    found = {(row["file_name"], row["line_number"]): row["reason"] for row in rejected.collect()}
    assert found == {
        ("c.jsonl", number): reason
        for number, (_, _, reason) in enumerate(CASES, 2)
        if reason not in (None, "9.00")
    }
    newest = newest_annotations(accepted.where("value LIKE '%e%' OR value LIKE '%f%'"))
    assert sorted(newest.columns) == sorted(specs["silver.annotation"].written)
    assert {(row["annotator"], row["value"], row["labels"]) for row in newest.collect()} == {
        ("ada", "newest, 10:00 UTC", 3),
        ("grace", "same moment, last file", 2),
    }
    lines.unpersist()
