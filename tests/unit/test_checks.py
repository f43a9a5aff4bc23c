"""Declared checks: what a declaration may say, and what is computed without Spark."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import ValidationError

from invoicelake.quality import plots
from invoicelake.quality.drift import stability_index
from invoicelake.quality.outcomes import expected
from invoicelake.table_spec import TableSpec, load_specs

ROOT = Path(__file__).resolve().parents[2]
SPECS = load_specs(ROOT / "conf" / "tables")
ALL_CHECKS = [(spec, check) for spec in SPECS.values() for check in spec.checks]
EVERY_CHECK = pytest.mark.parametrize(
    ("spec", "check"), ALL_CHECKS, ids=[f"{spec.full_name} {check.name}" for spec, check in ALL_CHECKS]
)

# why, check on silver.label, what the error must say
WRONG = [
    ("unknown kind", {"kind": "magic"}, "'magic' found using 'kind' does not match"),
    ("unknown column", {"kind": "not_null", "column": "valeu"}, "check it is on valeu, which is no column"),
    ("unknown key", {"kind": "not_null", "column": "value", "limit": 1}, "Extra inputs are not permitted"),
    ("no name", {"kind": "not_null", "column": "value", "name": "Not A Name"}, "String should match pattern"),
    ("no columns", {"kind": "unique", "columns": []}, "at least 1 item"),
    ("no bound", {"kind": "range", "column": "value"}, "it: give min, max or both"),
    ("Norway as a Boolean", {"kind": "set", "column": "value", "values": [False]}, "False is no string"),
    (
        "no regular expression",
        {"kind": "pattern", "column": "value", "pattern": "("},
        "no regular expression",
    ),
    (
        "fewer references",
        {"kind": "foreign_key", "columns": ["field", "value"], "table": "x", "references": ["a"]},
        "as many as columns, 2",
    ),
    ("one side of a sum", {"kind": "sum_rule", "expression": "1"}, "it: give equals or child"),
    (
        "sum joined by no column",
        {
            "kind": "sum_rule",
            "expression": "1",
            "child": {"table": "x", "expression": "y", "by": {"document": "document_id"}},
        },
        "on document, which is no column",
    ),
    (
        "negative age",
        {"kind": "freshness", "column": "labelled_at", "max_age_days": -1},
        "greater than or equal",
    ),
    (
        "the name of another",
        {"kind": "not_null", "column": "value", "name": "key_unique"},
        "more than one check",
    ),
]


@pytest.mark.parametrize(("check", "message"), [case[1:] for case in WRONG], ids=[case[0] for case in WRONG])
def test_a_wrong_check_is_an_error(check, message):
    declared = SPECS["silver.label"].model_dump() | {"checks": [{"name": "it", **check}]}
    with pytest.raises(ValidationError, match=message):
        TableSpec.model_validate(declared)


@EVERY_CHECK
def test_checks_name_tables_and_columns_that_there_are(spec, check):
    if check.kind == "foreign_key":
        assert set(check.referenced) <= set(SPECS[check.table].column_names)
    if check.kind == "sum_rule" and check.child:
        assert set(check.child.by.values()) <= set(SPECS[check.child.table].column_names)
    if check.kind == "row_count":
        assert {each.table for each in (*check.plus, *check.equals)} <= set(SPECS)


@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)
def test_every_check_says_in_words_what_it_expects(spec):
    assert all(expected(check) for check in spec.all_checks)


# why, rows per bin before, rows per bin after, index; worked out by hand from sum (q - p) ln(q / p)
INDEXES = [
    ("the same", [10, 20, 30], [10, 20, 30], 0.0),
    ("the same shares", [10, 20, 30], [1, 2, 3], 0.0),
    ("half moved", [50, 50], [75, 25], 0.274653),
    ("a bin emptied", [50, 50], [100, 0], 4.604318),
    ("a bin empty in both", [50, 50, 0], [50, 50, 0], 0.0),
    ("nothing before", [0, 0], [1, 2], None),
    ("nothing now", [1, 2], [0, 0], None),
]


@pytest.mark.parametrize(
    ("before", "after", "index"), [case[1:] for case in INDEXES], ids=[case[0] for case in INDEXES]
)
def test_stability_index(before, after, index):
    found = stability_index(before, after)
    assert found is None if index is None else found == pytest.approx(index, abs=1e-6)


SHARES = [(0.0, "0.00 %"), (0.00001, "<0.01 %"), (0.0001, "0.01 %"), (0.5, "50.00 %"), (1.0, "100.00 %")]


@pytest.mark.parametrize(("share", "text"), SHARES)
def test_a_share_that_is_not_nothing_is_not_told_as_nothing(share, text):
    assert plots.in_percent(share) == text


def test_the_same_numbers_give_the_same_drawing_with_names_escaped():
    drawings = {plots.bars({"a<b": 0.5, "c": 0.25}) for _ in range(2)}
    assert len(drawings) == 1
    drawing = drawings.pop()
    assert "a&lt;b" in drawing
    assert 'class="plot"' in drawing
    assert len({plots.trends({"rows": [(0, 1.0), (2, 3.0)]}, "rows") for _ in range(2)}) == 1


# why, arguments, exit code, what is said
BENCHMARKS = [
    ("unknown", ["chekcs"], 2, "there is no benchmark 'chekcs'; the benchmarks are acceptance, checks,"),
    ("none", [], 2, "there is no benchmark ''; the benchmarks are acceptance, checks,"),
    ("a helper is none", ["check_list"], 2, "there is no benchmark 'check_list'"),
    ("help", ["--help"], 0, "./spark-submit.sh benchmark"),
    ("only planned", ["checks", "--dry-run", "seed=7"], 0, "seed: 7"),
    ("a wrong setting", ["checks", "sed=7"], 2, "unknown setting 'sed'"),
]


@pytest.mark.parametrize(
    ("arguments", "code", "message"), [case[1:] for case in BENCHMARKS], ids=[case[0] for case in BENCHMARKS]
)
def test_a_benchmark_is_named_first(arguments, code, message):
    done = subprocess.run(
        [sys.executable, "jobs/benchmark.py", *arguments],
        capture_output=True,
        text=True,
        env={"PYTHONPATH": str(ROOT / "libs"), "INVOICELAKE_HOME": str(ROOT), "PATH": ""},
        cwd=ROOT,
        timeout=60,
        check=False,
    )
    assert done.returncode == code
    assert message in done.stdout + done.stderr
    assert "Traceback" not in done.stderr
