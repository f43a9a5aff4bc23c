"""README and docs say what the code does."""

from __future__ import annotations

import ast
import importlib
import re
import shlex
from datetime import UTC, date, datetime
from pathlib import Path

import duckdb
import generate
import pyarrow as pa
import pytest
from deltalake import write_deltalake

import readme
from invoicelake import config
from invoicelake.table_spec import load_specs

ROOT = Path(__file__).resolve().parents[2]
SPECS = load_specs(ROOT / "conf" / "tables")
QUERIED = ("gold.invoice", "silver.extraction", "silver.label")
ARROW_TYPES = {
    "string": pa.string(),
    "int": pa.int32(),
    "bigint": pa.int64(),
    "double": pa.float64(),
    "boolean": pa.bool_(),
    "date": pa.date32(),
    "timestamp": pa.timestamp("us", tz="UTC"),
    "array<int>": pa.list_(pa.int32()),
}
PAGES = {
    name: (ROOT / name).read_text(encoding="utf-8")
    for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")
} | {f"docs/{file.name}": file.read_text(encoding="utf-8") for file in (ROOT / "docs").glob("*.md")}


def arrow_table(name, *rows):
    spec = SPECS[name]
    schema = pa.schema([(column.name, ARROW_TYPES[column.type]) for column in spec.columns])
    return pa.Table.from_pylist([spec.sample_row(**row) for row in rows], schema)


@pytest.fixture(scope="module")
def lake(tmp_path_factory):
    """A small lake, written without Spark."""
    folder = tmp_path_factory.mktemp("home") / "lake"
    invoice = {"company": "ACME", "total_minor": 1250, "currency": "EUR", "invoice_date": date(2024, 1, 31)}
    rows = {
        "gold.invoice": [
            {"document_id": "a", "name": "a", "lowest_score": 0.9, **invoice},
            {"document_id": "b", "name": "b", "lowest_score": 0.4, **invoice},
            {"document_id": "c", "name": "c", "lowest_score": 0.5, "currency": "EUR"},
        ],
        "silver.extraction": [
            {"document_id": "a", "field": "total", "value": "12.50"},
            {"document_id": "b", "field": "total", "value": "12.80"},
        ],
        "silver.label": [
            {
                "document_id": name,
                "field": field,
                "value": "12.50",
                "labelled_at": datetime(2024, 1, 31, tzinfo=UTC),
            }
            for name in "ab"
            for field in ("company", "total")
        ],
    }
    for name in QUERIED:
        write_deltalake(folder / name.replace(".", "/"), arrow_table(name, *rows[name]))
    return folder


@pytest.fixture
def database(lake):
    connection = duckdb.connect()
    for name in QUERIED:
        connection.read_parquet(str(lake / name.replace(".", "/") / "*.parquet")).create_view(
            name.split(".")[1]
        )
    return connection


ANSWERS = [
    [("ACME", "EUR", 2, 2500)],
    [
        ("b", "ACME", date(2024, 1, 31), None, 0.4),
        ("c", None, None, None, 0.5),
        ("a", "ACME", date(2024, 1, 31), None, 0.9),
    ],
    [("company", 2, 0), ("total", 2, 1)],
]


@pytest.mark.parametrize("number", range(3))
def test_readme_queries_answer_their_question(database, number):
    assert database.execute(readme.queries()[number]).fetchall() == ANSWERS[number]


def test_readme_has_no_query_without_an_answer():
    assert len(readme.queries()) == len(ANSWERS)


def test_readme_duckdb_block_runs(lake, monkeypatch, capsys):
    monkeypatch.chdir(lake.parent)
    exec(compile(readme.duckdb_block(), "README.md", "exec"), {})
    assert re.search(r"EUR.*3", capsys.readouterr().out)


def test_readme_makes_every_queried_table_known_to_spark_sql():
    statements = readme.view_statements(Path("/elsewhere/lake"))
    assert [re.findall(r"VIEW (\w+) .*'(.*)'", statement)[0] for statement in statements] == [
        (name.split(".")[1], f"/elsewhere/lake/{name.replace('.', '/')}") for name in QUERIED
    ]


def test_readme_lists_every_job_in_order():
    section = PAGES["README.md"].split("## Jobs")[1].split("## ")[0]
    parts = re.split(r"^`data_pipeline` is|^Payment delay", section, flags=re.MULTILINE)
    listed = [re.findall(r"^\| `(\w+)` \|", part, re.MULTILINE) for part in parts]
    jobs = [generate.PIPELINE[1:], generate.DATA_PIPELINE[1:], generate.PAYMENT_DELAY]
    assert listed == [list(names) for names in jobs]


@pytest.mark.parametrize("names", [generate.PIPELINE, generate.DATA_PIPELINE], ids=lambda names: names[0])
def test_pipelines_run_their_jobs_in_that_order(names):
    steps = importlib.import_module(names[0]).STEPS
    assert [step.__name__ for step in steps] == list(names[1:])


def test_ledger_page_lists_the_steps_of_a_day_in_order():
    listed = re.findall(r"^\| `(\w+)` \|", PAGES["docs/ledger.md"], re.MULTILINE)
    assert listed == [step.__name__ for step in importlib.import_module("daily_ledger").STEPS]


def test_readme_names_every_job():
    jobs = {file.stem for file in (ROOT / "jobs").glob("*.py")}
    assert {name for name in jobs if f"`{name}" not in PAGES["README.md"]} == set()


def test_readme_names_tables_that_there_are():
    section = PAGES["README.md"].split("## Query the tables")[1].split("## ")[0]
    named = set(re.findall(r"`((?:bronze|silver|gold)\.\w+)`", section))
    assert named <= SPECS.keys()
    assert len(named) > 5


def test_readme_settings_have_their_defaults():
    section = PAGES["README.md"].split("## Settings")[1].split("## ")[0]
    rows = re.findall(r"^\| `([\w.]+)` \| (.*?) \|", section, re.MULTILINE)
    assert len(rows) > 5
    defaults = dict(generate._default_leaves(config.Suite, ""))
    assert {key: default.strip("`").replace("none", "null") for key, default in rows} == {
        key: defaults[key] for key, _ in rows
    }


@pytest.mark.parametrize(
    "words",
    [
        pytest.param(shlex.split(line, comments=True), id=f"{page}: {line.strip()}")
        for page, text in PAGES.items()
        for block in re.findall(r"^```bash\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
        for line in block.splitlines()
        if line.startswith("./spark-submit.sh")
    ],
)
def test_commands_name_jobs_and_settings_that_there_are(words):
    job, *given = words[1:]
    if job == "benchmark":
        assert (ROOT / "benchmarks" / f"{given.pop(0)}.py").is_file()
    assert job == "test" or (ROOT / "jobs" / f"{job}.py").is_file()
    if "--as-of" in given:
        del given[given.index("--as-of") : given.index("--as-of") + 2]
    files = []
    if "--conf-file" in given:
        place = given.index("--conf-file")
        files = [ROOT / given[place + 1]]
        del given[place : place + 2]
    if job != "test":
        config.load(ROOT / "conf", files=files, overrides=given)


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_to_files(page):
    text = re.sub(r"```.*?```", "", PAGES[page], flags=re.DOTALL)
    targets = re.findall(r"\]\(([^)#]+)", text)
    folder = (ROOT / page).parent
    missing = [
        target
        for target in targets
        if "://" not in target and "_generated" not in target and not (folder / target).is_file()
    ]
    assert missing == []


TOLD = {"JobError", "SettingsError", "DocumentRejected", "BundleError", "SlotsMissing", "RanksLate"}


def messages():
    """Every reason and message that our own code raises, as the texts between their variable parts."""
    for file in sorted((ROOT / "libs").rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call) and node.exc.args:
                error = ast.unparse(node.exc.func).split(".")[-1]
                if error in TOLD:
                    yield pytest.param(node.exc.args[0], id=f"{file.stem}:{node.lineno} {error}")


def first_text(message):
    """The first fixed piece of a message that is long enough to be looked up."""
    parts = message.values if isinstance(message, ast.JoinedStr) else [message]
    texts = [part.value for part in parts if isinstance(part, ast.Constant) and isinstance(part.value, str)]
    pieces = [piece.strip(" '`(:,") for text in texts for piece in text.split(";")]
    return next((piece for piece in pieces if len(piece) >= 10), max(pieces, key=len, default=""))


@pytest.mark.parametrize("message", list(messages()))
def test_troubleshooting_names_every_message(message):
    assert first_text(message) in PAGES["docs/troubleshooting.md"], (
        "say what to do in docs/troubleshooting.md"
    )


def test_settings_page_lists_every_setting():
    page = generate.settings_page(ROOT / "conf")
    for name, entry in config.Suite.model_fields.items():
        section = generate._section(config.Suite, name)
        for key in section.model_fields if section else ():
            assert f"`{name}.{key}`" in page
        assert section or entry.description in page


@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS.keys())
def test_table_page_says_what_is_declared(spec):
    page = generate.table_page(spec)
    assert all(f"| `{column.name}` |" in page for column in spec.columns)
    assert all(constraint.expression in page for constraint in spec.constraints)
    assert all(query.title in page for query in spec.queries)
    assert spec.grain in page


@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS.keys())
def test_tables_have_three_example_queries_one_of_them_in_the_past(spec):
    assert len(spec.queries) >= 3
    assert any("VERSION AS OF" in query.sql for query in spec.queries)


def test_pages_are_written_once_and_old_ones_removed(tmp_path):
    generate.write_pages(ROOT, tmp_path)
    first = {file: file.stat().st_mtime_ns for file in tmp_path.rglob("*.md")}
    (tmp_path / "tables" / "gold.gone.md").write_text("# gone")
    generate.write_pages(ROOT, tmp_path)
    assert {file: file.stat().st_mtime_ns for file in tmp_path.rglob("*.md")} == first
