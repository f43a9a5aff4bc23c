"""Checks of every kind on one small table, and a lake that is checked as the job does."""

from __future__ import annotations

import itertools
import json
from datetime import date, datetime
from decimal import Decimal

import pytest

from invoicelake.errors import JobError
from invoicelake.quality import checking, drift, page
from invoicelake.quality.checks import verify
from invoicelake.quality.distinctness import repeated
from invoicelake.quality.failing_rows import failing_rows
from invoicelake.quality.measuring import Surroundings, measure
from invoicelake.table_spec import TableSpec

COLUMNS = "id int, code string, net bigint, tax bigint, total bigint, price decimal(18,4), share double"
COLUMNS += ", is_open boolean, day date, at timestamp, parent string, other string"
CODE = r"[A-Z]{2}\.\d+(\[x\])?"
NAN = float("nan")


def day(number: int) -> date:
    return date(2024, 1, number)


def at(number: int) -> datetime:
    return datetime(2024, 1, number, 23, 30)


D = Decimal
ROWS = [
    # id code        net   tax   total price       share is_open day      at      parent other
    (1, "AB.1",      1000, 200,  1200, D("1.5000"), 0.5, True,  day(1),  at(1),  "p1",  "a"),
    (2, "AB.2[x]",   -500, -100, -600, D("0.0000"), 0.0, False, day(2),  at(2),  "p1",  "b"),
    (3, None,        None, None, None, None,       None, None,  None,    None,   None,  None),
    (4, "AB.1",      1000, 200,  1203, D("1.0001"), 1.0, True,  day(3),  at(3),  "p9",  "a"),
    (5, "AB1",       1000, None, 1203, D("-0.0001"), NAN, None, day(4),  at(4),  "p2",  None),
    (6, "AB.3\n",    0,    0,    1,    D("9.0000"), 1.5, True,  day(31), at(31), "p2",  "a"),
    (6, "",          5,    0,    7,    D("9.0000"), -.1, True,  day(31), at(31), "p2",  "a"),
]  # fmt: skip

# name, check, ids of the failing rows
CASES = [
    ("code_not_null", {"kind": "not_null", "column": "code"}, [3]),
    ("code_unique", {"kind": "unique", "columns": ["code"]}, [1, 4]),
    ("pair_unique", {"kind": "unique", "columns": ["other", "is_open", "day"]}, [6, 6]),
    ("net_least", {"kind": "range", "column": "net", "min": 0}, [2]),
    ("price_range", {"kind": "range", "column": "price", "min": 0, "max": 1.5}, [5, 6, 6]),
    ("share_least", {"kind": "range", "column": "share", "min": 0}, [5, 6]),
    ("share_most", {"kind": "range", "column": "share", "max": 1}, [5, 6]),
    ("day_range", {"kind": "range", "column": "day", "min": day(2), "max": day(30)}, [1, 6, 6]),
    ("at_range", {"kind": "range", "column": "at", "max": day(31)}, [6, 6]),
    ("other_set", {"kind": "set", "column": "other", "values": ["a"]}, [2]),
    ("open_set", {"kind": "set", "column": "is_open", "values": [True]}, [2]),
    ("id_set", {"kind": "set", "column": "id", "values": [1, 2, 3, 4, 5]}, [6, 6]),
    ("code_pattern", {"kind": "pattern", "column": "code", "pattern": CODE}, [5, 6, 6]),
    ("either_pattern", {"kind": "pattern", "column": "other", "pattern": "a|c"}, [2]),
    ("parent_known", {"kind": "foreign_key", "columns": ["parent"], "table": "silver.parent"}, [4]),
    (
        "pair_known",
        {
            "kind": "foreign_key",
            "columns": ["parent", "other"],
            "table": "silver.parent",
            "references": ["parent", "letter"],
        },
        [4, 6, 6],
    ),
    ("itself_known", {"kind": "foreign_key", "columns": ["other"], "table": "self", "references": ["code"]},
     [1, 2, 4, 6, 6]),
    ("adds_up", {"kind": "sum_rule", "expression": "net + tax", "equals": "total", "tolerance": 2}, [4]),
    ("adds_up_exactly", {"kind": "sum_rule", "expression": "net + tax", "equals": "total"}, [4, 6, 6]),
    (
        "children_add_up",
        {
            "kind": "sum_rule",
            "expression": "total",
            "child": {"table": "silver.item", "expression": "amount", "by": {"id": "invoice"}},
        },
        [2],
    ),
    ("in_an_unmade_table", {"kind": "foreign_key", "columns": ["other"], "table": "silver.unmade"}, None),
    ("fresh", {"kind": "freshness", "column": "day", "max_age_days": 1}, []),
    ("stale", {"kind": "freshness", "column": "at", "max_age_days": 0, "severity": "warning"}, []),
    ("counted", {"kind": "row_count", "equals": [{"table": "silver.parent"}]}, []),
    (
        "counted_with",
        {
            "kind": "row_count",
            "where": "net IS NOT NULL",
            "plus": [{"table": "silver.item", "expression": "sum(amount)", "where": "invoice = 9"}],
            "equals": [{"table": "silver.parent"}, {"table": "silver.item", "where": "invoice < 3"}],
        },
        [],
    ),
    ("shifted", {"kind": "drift", "column": "net", "bins": 4}, []),
]  # fmt: skip
NAMES = [case[0] for case in CASES]
WARNINGS = [{"severity": "warning"}]


def declared(checks, **changes) -> TableSpec:
    columns = [
        {"name": name, "type": kind, "comment": name, "nullable": name != "id"}
        for name, kind in (each.split(" ") for each in COLUMNS.split(", "))
    ]
    words = dict.fromkeys(("description", "grain", "owner", "freshness", "known_gaps"), "of a test")
    table = {"layer": "silver", "name": "checked", "key": ["id"], "queries": [], "columns": columns, **words}
    named = [{"name": name, **check} for name, check, _ in checks]
    constraints = [{"name": "total_holds", "expression": "total >= 0"}]
    return TableSpec.model_validate(table | {"checks": named, "constraints": constraints} | changes)


SPEC = declared(CASES)


@pytest.fixture(scope="module")
def frame(spark):
    return spark.createDataFrame(ROWS, COLUMNS)


@pytest.fixture(scope="module")
def around(spark, frame):
    parents = [("p1", "a"), ("p1", "b"), ("p2", None), ("p2", "c"), (None, "a"), ("p1", "a")]
    items = [(1, 700), (1, 500), (2, -599), (4, 1), (4, None)]
    tables = {
        "self": frame,
        "silver.parent": spark.createDataFrame(parents, "parent string, letter string"),
        "silver.item": spark.createDataFrame(items, "invoice int, amount bigint"),
    }
    before = spark.createDataFrame([(n,) for n in range(1, 101)], "net bigint")
    bins = drift.fit(before, SPEC, [check for check in SPEC.checks if check.kind == "drift"])
    return Surroundings(tables.get, as_of=date(2024, 2, 1), bins=bins)


@pytest.fixture(scope="module")
def findings(frame, around):
    return measure(frame, SPEC, 7, around)


@pytest.fixture(scope="module")
def outcomes(findings):
    return {outcome.check.name: outcome for outcome in findings.outcomes}


@pytest.fixture(scope="module")
def failing(frame, findings, around):
    found: dict[str, list[int]] = {}
    for row in failing_rows(frame, SPEC, findings, around.read).collect():
        assert (row.table_name, row.table_version) == ("silver.checked", 7)
        found.setdefault(row.check_name, []).extend([json.loads(row.row_key)["id"]] * row.copies)
    return {name: sorted(ids) for name, ids in found.items()}


@pytest.mark.parametrize(("name", "ids"), [(case[0], case[2]) for case in CASES], ids=NAMES)
def test_failing_rows_are_counted_and_found_exactly(outcomes, failing, name, ids):
    if ids is None:
        assert (outcomes[name].passed, outcomes[name].failed) == (None, None)
    elif outcomes[name].check.kind not in ("freshness", "row_count", "drift"):
        assert (outcomes[name].failed, outcomes[name].passed) == (len(ids), not ids)
        assert outcomes[name].measured == pytest.approx(len(ids) / 7)
    assert failing.get(name, []) == (ids or [])


def test_what_a_declaration_implies_is_checked_too(outcomes, failing):
    assert outcomes["id_not_null"].passed
    assert failing["key_unique"] == [6, 6]
    # A constraint that is null does not hold.
    assert failing["total_holds"] == [2, 3]


WHOLE = [
    # name, passed, measured, failed, detail
    ("fresh", True, 1.0, None, "newest 2024-01-31, judged on 2024-02-01"),
    ("stale", False, 1.0, None, "newest 2024-01-31, judged on 2024-02-01"),
    ("counted", False, 7.0, 1, "7 here, 6 there"),
    ("counted_with", False, 6.0, 3, "6 here, 9 there"),
    ("in_an_unmade_table", None, None, None, "there is no table silver.unmade"),
]


@pytest.mark.parametrize(("name", "passed", "measured", "failed", "detail"), WHOLE, ids=[w[0] for w in WHOLE])
def test_checks_of_a_table_as_a_whole(outcomes, name, passed, measured, failed, detail):
    found = outcomes[name]
    assert (found.passed, found.measured, found.failed, found.detail) == (passed, measured, failed, detail)


def test_drift_is_the_index_over_bins_fitted_before(outcomes, around):
    bins = around.bins["shifted"]
    assert (bins.edges, bins.before) == ((25.75, 50.5, 75.25), (25, 25, 25, 25, 0))
    expected_index = drift.stability_index(bins.before, (3, 0, 0, 3, 1))
    assert outcomes["shifted"].measured == pytest.approx(expected_index)
    assert outcomes["shifted"].passed is False


def test_nulls_are_counted_for_every_column(findings):
    assert findings.rows == 7
    assert findings.nulls == {
        name: sum(row[place] is None for row in ROWS) for place, name in enumerate(SPEC.column_names)
    }


def test_an_empty_table_passes_what_is_about_rows(frame, around):
    found = {each.check.name: each for each in measure(frame.limit(0), SPEC, 0, around).outcomes}
    wrong = [name for name, each in found.items() if each.passed is False]
    assert wrong == ["counted", "counted_with"]
    assert found["fresh"].detail == "day has no value"
    assert found["shifted"].detail == "one of the two versions has no rows"


def test_a_write_is_stopped_by_errors_that_need_no_other_table(frame):
    softened = {"net_least": {"severity": "warning"}}
    checks = [(name, check | softened.get(name, {}), ids) for name, check, ids in CASES]
    with pytest.raises(JobError) as stopped:
        verify(frame, declared(checks))
    told = str(stopped.value)
    for part in ("code is null: 1 rows", "repeats code: 1 rows", "price_range: 3 rows", "adds_up: 1 rows"):
        assert part in told
    for name in ("net_least", "parent_known", "children_add_up", "fresh", "counted", "shifted"):
        assert name not in told


def test_distinctness_is_exact_whatever_the_digests_say(spark, frame, monkeypatch):
    """Every row gets the digest of every other one; only those that are alike may be counted."""
    from pyspark.sql import functions

    monkeypatch.setattr(functions, "xxhash64", lambda *columns: functions.lit(1).cast("bigint"))
    name, check, ids = CASES[1]
    found = measure(frame, declared([(name, check, ids)]), 0, Surroundings(lambda table: None))
    assert {each.check.name: each.failed for each in found.outcomes}["code_unique"] == 2
    assert repeated(frame, ["code"]) == (2, 1)


LABELS = "document_id string, field string, value string, line_numbers array<int>"


@pytest.fixture(scope="module")
def checked_lake(spark, specs, tmp_path_factory):
    """silver.label, whose values drift, and a table that breaks a check only others can see."""
    from invoicelake.tables import Lake

    extra = [
        {"kind": "drift", "name": "field_drift", "column": "field"},
        {
            "kind": "foreign_key",
            "name": "has_document",
            "columns": ["document_id"],
            "table": "silver.document",
        },
        {
            "kind": "pattern",
            "name": "value_is_word",
            "column": "value",
            "pattern": r"\w+",
            "severity": "warning",
        },
    ]
    label = TableSpec.model_validate(specs["silver.label"].model_dump() | {"checks": extra})
    some = {name: specs[name] for name in ("silver.document", "silver.extraction", *checking.OWN)}
    lake = Lake(
        spark, str(tmp_path_factory.mktemp("a lake")), {**some, "silver.label": label}, {"job": "test"}
    )
    rows = [(str(n), "total" if n < 50 else "date", "1", None) for n in range(100)]
    lake.upsert("silver.label", spark.createDataFrame(rows, LABELS))
    return lake


def run(lake, as_of=None):
    """What the job does, in its order: versions of its tables, what was found, the page."""
    found = checking.check_tables(lake, (), as_of)
    lake.upsert(checking.FAILING, checking.failing(lake, found), checking.of_tables(found))
    lake.upsert(checking.COLUMNS, checking.column_rows(lake, found), checking.of_versions(found))
    lake.upsert(checking.CHECKS, checking.check_rows(lake, found), checking.of_versions(found))
    file = page.write(lake, found)
    return [lake.version(name) for name in checking.OWN], found, file.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def runs(checked_lake, spark):
    """Two runs on the same versions, and one after the labels shifted."""
    lake = checked_lake
    found = [run(lake), run(lake)]
    rows = [(str(n), "total", "1", None) for n in range(100, 600)] + [("x", "total", "<b>&1</b>", None)]
    lake.upsert("silver.label", spark.createDataFrame(rows, LABELS))
    return [*found, run(lake)]


def test_checking_the_same_versions_again_commits_nothing(runs):
    assert runs[0][0] == runs[1][0]
    assert runs[0][2] == runs[1][2]
    assert all(later > earlier for earlier, later in zip(runs[1][0][1:], runs[2][0][1:], strict=True))


def test_a_shift_between_versions_is_told(runs, checked_lake):
    rows = (
        checked_lake.read(checking.CHECKS)
        .where("check_name = 'field_drift'")
        .orderBy("table_version")
        .collect()
    )
    assert [(row.is_passed, row.detail) for row in rows] == [
        (None, "one of the two versions has no rows"),
        (False, None),
    ]
    assert [row.table_version for row in rows] == [1, 2]


def test_tables_that_are_not_there_are_reported(runs):
    found = runs[2][1]
    assert found.missing == ["silver.document", "silver.extraction"]
    assert found.counted() == {
        "tables": 1, "missing": 2, "checks": 9, "failed": 0, "warnings": 2, "not_measured": 1,
    }  # fmt: skip
    checking.require_passed(found)


def test_failing_rows_and_columns_are_kept(runs, checked_lake):
    rows = checked_lake.read(checking.FAILING).collect()
    assert [(row.check_name, json.loads(row.row_key), json.loads(row.failing_value)) for row in rows] == [
        ("value_is_word", {"document_id": "x", "field": "total"}, {"value": "<b>&1</b>"})
    ]
    columns = (
        checked_lake.read(checking.COLUMNS).where("column_name = 'value'").orderBy("table_version").collect()
    )
    assert [(row.row_count, row.null_rows, row.failed_rows) for row in columns] == [(100, 0, 0), (601, 0, 1)]


def test_the_page_shows_checks_trends_and_worst_columns(runs):
    html = runs[2][2]
    assert html.count("<svg") >= 3
    for text in (
        "silver.label",
        "value_is_word",
        "field_drift",
        "has_document",
        "silver.extraction",
        "0.17 %",
    ):
        assert text in html
    assert "<script" not in html


def test_an_error_fails_the_job_and_names_table_and_check(runs):
    found = runs[2][1]
    label = found.tables[0]
    worse = [
        each if each.check.name != "has_value" else type(each)(each.check, 1, 0.1, False)
        for each in label.outcomes
    ]
    failed = checking.Findings([type(label)(label.table, 2, 10, {}, tuple(worse))])
    with pytest.raises(JobError, match=r"tables fail checks that are errors \(silver\.label: has_value\)"):
        checking.require_passed(failed)


def test_only_declared_tables_can_be_wanted(checked_lake):
    with pytest.raises(JobError, match=r"no table silver\.labels is declared"):
        checking.check_tables(checked_lake, ("silver.labels",), None)


def test_a_version_that_was_vacuumed_says_so(runs, checked_lake, spark):
    """The version before loses its files: everything else is still measured."""
    lake = checked_lake
    location = lake.location("silver.label")
    lake.upsert("silver.label", spark.createDataFrame([("y", "total", "2", None)], LABELS))
    spark.sql(f"OPTIMIZE delta.`{location}`")
    setting = "spark.databricks.delta.retentionDurationCheck.enabled"
    spark.conf.set(setting, "false")
    try:
        spark.sql(f"VACUUM delta.`{location}` RETAIN 0 HOURS")
    finally:
        spark.conf.unset(setting)
    found = checking.check_tables(lake, ("silver.label",), None).tables[0]
    outcomes = {each.check.name: each for each in found.outcomes}
    assert outcomes["field_drift"].passed is None
    assert outcomes["field_drift"].detail == "version 2 was removed by VACUUM"
    assert outcomes["value_is_word"].failed == 1


def test_every_declared_check_can_be_measured(spark, specs):
    """All declarations at once, on tables without rows: what is misspelt in SQL fails here."""
    empty = {name: spark.createDataFrame([], spec.ddl) for name, spec in specs.items()}
    checked = [spec for spec in specs.values() if spec.checks]
    assert checked
    for spec in itertools.islice(checked, 0, None):
        found = measure(empty[spec.full_name], spec, 0, Surroundings(empty.get, as_of=date(2024, 1, 1)))
        assert not found.failing
