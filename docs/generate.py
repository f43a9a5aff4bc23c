"""Pages that are made from the code: settings, jobs and tables."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import NoneType
from typing import Any, Literal, get_args, get_origin, get_type_hints

from pydantic.fields import FieldInfo

from invoicelake import config
from invoicelake.table_spec import LAYERS, TableSpec, load_specs

INPUT_FORMATS: tuple[str, ...] = get_args(config.InputFormat)
PIPELINE = (
    "pipeline",
    "ingest_documents",
    "clean_text",
    "build_training_set",
    "train_extractor",
    "evaluate_extractor",
    "extract_fields",
    "reconcile_invoices",
    "publish_invoices",
)
DATA_PIPELINE = (
    "data_pipeline",
    "ingest_exchange_rates",
    "ingest_master_data",
    "ingest_ledger",
    "clean_ledger",
    "tie_cancellations",
    "build_daily_sales",
    "reconcile_ledger",
    "clean_master_data",
    "ingest_documents",
    "clean_text",
    "ingest_receivables",
    "clean_receivables",
    "build_payment_delay_set",
    "ingest_annotations",
    "match_entities",
    "link_documents",
    "build_sales_cube",
    "build_customer_features",
    "discretize_features",
    "reduce_features",
    "reduce_sales",
    "check_tables",
    "publish_views",
)
PAYMENT_DELAY = (
    "build_payment_delay_tensors",
    "train_payment_delay",
    "evaluate_payment_delay",
    "predict_payment_delay",
)
SYMBOLS = {"ge": "≥", "gt": ">", "le": "≤", "lt": "<"}
LAKE = "/path/to/lake"


def write_pages(root: Path, folder: Path) -> None:
    """Write the pages of the project at `root` to `folder`; a page that is unchanged is not touched."""
    specs = load_specs(root / "conf" / "tables")
    pages = {"settings.md": settings_page(root / "conf"), "jobs.md": jobs_page(root / "jobs")}
    pages["tables.md"] = tables_page(specs.values())
    pages |= {f"tables/{spec.full_name}.md": table_page(spec) for spec in specs.values()}
    for name, text in pages.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        if not file.is_file() or file.read_text(encoding="utf-8") != text:
            file.write_text(text, encoding="utf-8")
    for file in folder.rglob("*.md"):
        if file.relative_to(folder).as_posix() not in pages:
            file.unlink()


def settings_page(conf: Path) -> str:
    """Every setting with type, default and meaning, and the values that the files in `conf` change."""
    parts = [
        "# Settings",
        "Given as `key=value` on the command line, or in a YAML file (`--conf-file FILE`). "
        "An unknown key and a value of another type are errors before Spark starts (exit code 2).",
        "Merged in this order, later ones win: `conf/base.yaml`, `conf/input/FORMAT.yaml`, "
        "`conf/env/ENV.yaml`, the files given with `--conf-file`, the command line.",
    ]
    for name, entry in config.Suite.model_fields.items():
        section = _section(config.Suite, name)
        rows = _section_rows(section, f"{name}.") if section else [_row(config.Suite, name, entry, "")]
        meaning = (section.__doc__ or "").splitlines()[0] if section else (entry.description or "")
        parts += [f"## {name}", meaning, _table(("key", "type", "default", "meaning"), rows)]
    parts += ["## Values set in conf", _conf_values(conf)]
    return "\n\n".join(part for part in parts if part) + "\n"


def jobs_page(folder: Path) -> str:
    """Every job with the docstring of its file; the pipeline and its steps first."""
    found = {file.stem: ast.get_docstring(ast.parse(file.read_text("utf-8"))) for file in folder.glob("*.py")}
    in_order = dict.fromkeys((*PIPELINE, *DATA_PIPELINE, *PAYMENT_DELAY))
    ordered = [name for name in in_order if name in found] + sorted(found.keys() - in_order.keys())
    parts = [
        "# Jobs",
        "```text\n./spark-submit.sh JOB [--env NAME] [--conf-file FILE] [--dry-run] [key=value ...]\n```",
        "`--help` and `--dry-run` do not start Spark. The last line of standard output is one JSON object: "
        "`job`, `status`, `tables`, `metrics` and `seconds`, and `error` when it failed. Everything else "
        "goes to standard error. Exit codes: 0 done, 1 failed, 2 usage, 130 interrupted.",
    ]
    for name in ordered:
        parts += [f"## {name}", found[name] or ""]
    return "\n\n".join(part for part in parts if part) + "\n"


def tables_page(specs: Iterable[TableSpec]) -> str:
    """All tables by layer, with links to their pages."""
    listed = list(specs)
    parts = [
        "# Tables",
        "A table `LAYER.NAME` is the Delta table in `LAKE/LAYER/NAME`. Analysts read gold; silver and bronze "
        "are there to look things up. Every commit carries the job, the git commit and the run that made it "
        "(`userMetadata`, see `DESCRIBE HISTORY`). How to query them is said in [](../queries.md).",
    ]
    for layer in LAYERS:
        rows = [
            (f"[{spec.full_name}](tables/{spec.full_name}.md)", spec.grain, spec.description)
            for spec in listed
            if spec.layer == layer
        ]
        parts += [f"## {layer}", _table(("table", "grain", "what it holds"), rows)]
    toctree = "\n".join(f"tables/{spec.full_name}" for spec in listed)
    parts.append(f"```{{toctree}}\n:hidden:\n\n{toctree}\n```")
    return "\n\n".join(parts) + "\n"


def table_page(spec: TableSpec) -> str:
    """One table: what it is for, its columns, what always holds, and example queries."""
    facts = [
        ("grain", spec.grain),
        ("key", ", ".join(f"`{name}`" for name in spec.key)),
        *_layout(spec),
        ("owner", spec.owner),
        ("freshness", spec.freshness),
        ("known gaps", spec.known_gaps),
    ]
    columns = [
        (f"`{column.name}`", f"`{column.type}`", "yes" if column.nullable else "no", column.full_comment)
        for column in spec.columns
    ]
    parts = [
        f"# {spec.full_name}",
        spec.description,
        _table(("", ""), [(f"**{name}**", value) for name, value in facts]),
        "## Columns",
        _table(("column", "type", "may be null", "meaning [unit]"), columns),
        *_tensors(spec),
        *_constraints(spec),
        *_checks(spec),
        "## Example queries",
        f"Replace `{LAKE}` by the absolute path of the lake.",
    ]
    for query in spec.queries:
        statement = query.sql.format(table=f"delta.`{LAKE}/{spec.layer}/{spec.name}`")
        parts.append(f"{query.title}:\n\n```sql\n{_folded(statement)}\n```")
    return "\n\n".join([*parts, *_past(spec)]) + "\n"


def _layout(spec: TableSpec) -> list[tuple[str, str]]:
    """How the files lie, and how long old ones do."""
    kept = spec.properties.get("delta.deletedFileRetentionDuration", "interval 7 days")
    has_changes = spec.properties.get("delta.enableChangeDataFeed") == "true"
    columns = {"partitioned by": spec.partition_by, "clustered by": spec.cluster_by}
    return [
        *((name, ", ".join(f"`{column}`" for column in found)) for name, found in columns.items() if found),
        ("old versions", f"can be read for {kept.removeprefix('interval ')} at least"),
        ("change data feed", "yes" if has_changes else "no"),
    ]


def _past(spec: TableSpec) -> list[str]:
    """How to read another version."""
    folder = f"{LAKE}/{spec.layer}/{spec.name}"
    sql = (
        f"DESCRIBE HISTORY delta.`{folder}`;\n"
        f"SELECT * FROM delta.`{folder}` VERSION AS OF 0;\n"
        f"SELECT * FROM delta.`{folder}` TIMESTAMP AS OF '2026-01-31 23:59:59';"
    )
    python = (
        "from datetime import UTC, datetime\n\nfrom deltalake import DeltaTable\n\n"
        f'table = DeltaTable("{folder}", version=0)\n'
        "table.load_as_version(datetime(2026, 1, 31, 23, 59, 59, tzinfo=UTC))"
    )
    return ["## Other versions", f"```sql\n{sql}\n```", f"```python\n{python}\n```"]


def _checks(spec: TableSpec) -> list[str]:
    """Declared checks, beside what always holds."""
    if not spec.checks:
        return []
    rows = []
    for check in spec.checks:
        rule = check.model_dump(mode="json", exclude={"kind", "name", "severity"}, exclude_defaults=True)
        said = "; ".join(f"{key}: {_inline(value)}" for key, value in rule.items())
        rows.append((f"`{check.name}`", check.kind.replace("_", " "), said, check.severity))
    return ["## What is checked", _table(("check", "kind", "rule", "severity"), rows)]


def _inline(value: object) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(map(_inline, value))
    if isinstance(value, dict):
        return "(" + "; ".join(f"{key}: {_inline(part)}" for key, part in value.items()) + ")"
    return f"`{value}`"


def _tensors(spec: TableSpec) -> list[str]:
    rows = [
        (f"`{column.name}`", f"`{column.tensor.dtype}`", " × ".join(map(str, column.tensor.shape)))  # noqa: RUF001
        for column in spec.columns
        if column.tensor
    ]
    if not rows:
        return []
    meaning = "Binary columns hold tensors, packed little-endian in C order. A name in a shape is a setting."
    return ["## Tensors", meaning, _table(("column", "dtype", "shape"), rows)]


def _constraints(spec: TableSpec) -> list[str]:
    if not spec.constraints:
        return []
    rows = [(f"`{constraint.name}`", f"`{constraint.expression}`") for constraint in spec.constraints]
    return ["## What always holds", _table(("constraint", "condition"), rows)]


def _section(owner: type[config.Section], name: str) -> type[config.Section] | None:
    annotation = owner.model_fields[name].annotation
    if isinstance(annotation, type) and issubclass(annotation, config.Section):
        return annotation
    members = [member for member in get_args(annotation) if isinstance(member, type)]
    return next((member for member in members if issubclass(member, config.Section)), None)


def _section_rows(section: type[config.Section], prefix: str) -> list[tuple[str, ...]]:
    return [_row(section, name, entry, prefix) for name, entry in section.model_fields.items()]


def _row(owner: type[config.Section], name: str, entry: FieldInfo, prefix: str) -> tuple[str, ...]:
    kind = _type_name(get_type_hints(owner)[name])
    limits = [
        f"{SYMBOLS[rule]} {getattr(item, rule)}"
        for item in entry.metadata
        for rule in SYMBOLS
        if hasattr(item, rule)
    ]
    patterns = [f"`{item.pattern}`" for item in entry.metadata if getattr(item, "pattern", None)]
    default = "required" if entry.is_required() else f"`{_yaml(entry.get_default())}`"
    return (f"`{prefix}{name}`", ", ".join([kind, *limits, *patterns]), default, entry.description or "")


def _type_name(annotation: Any) -> str:
    if get_origin(annotation) is Literal:
        return " or ".join(f"`{choice}`" for choice in get_args(annotation))
    if get_args(annotation):
        members = [member for member in get_args(annotation) if member not in (NoneType, Ellipsis)]
        return " or ".join(_type_name(member) for member in members)
    names = {str: "text", int: "whole number", float: "number", bool: "true or false"}
    return names.get(annotation, getattr(annotation, "__name__", str(annotation)))


def _yaml(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return "null" if value is None else str(value)


def _conf_values(conf: Path) -> str:
    """What the files in `conf` set to something else than the default, for each input format."""
    suites = {name: dict(_leaves(_loaded(conf, name), "")) for name in INPUT_FORMATS}
    defaults = dict(_default_leaves(config.Suite, ""))
    keys = dict.fromkeys(key for values in suites.values() for key in values)
    rows = [
        (f"`{key}`", *(f"`{values.get(key)}`" for values in suites.values()))
        for key in keys
        if any(values.get(key) != defaults.get(key) for values in suites.values())
    ]
    return _table(("key", *(f"input.format={name}" for name in INPUT_FORMATS)), rows)


def _loaded(conf: Path, input_format: str) -> dict[str, Any]:
    return config.load(conf, overrides=[f"input.format={input_format}"]).model_dump()


def _leaves(values: dict[str, Any], prefix: str) -> Iterator[tuple[str, str]]:
    for name, value in values.items():
        if isinstance(value, dict):
            yield from _leaves(value, f"{prefix}{name}.")
        elif isinstance(value, tuple | list) and value and isinstance(value[0], dict):
            yield f"{prefix}{name}", ", ".join(str(next(iter(item.values()))) for item in value)
        else:
            yield f"{prefix}{name}", _yaml(value)


def _default_leaves(owner: type[config.Section], prefix: str) -> Iterator[tuple[str, str]]:
    for name, entry in owner.model_fields.items():
        annotation = entry.annotation
        if isinstance(annotation, type) and issubclass(annotation, config.Section):
            yield from _default_leaves(annotation, f"{prefix}{name}.")
        elif not entry.is_required():
            yield f"{prefix}{name}", _yaml(entry.get_default())


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", r"\|") for cell in line) + " |" for line in lines)


def _folded(statement: str) -> str:
    """The statement with each clause on a line of its own."""
    for clause in (" FROM ", " WHERE ", " GROUP BY ", " ORDER BY ", " LIMIT ", " JOIN "):
        statement = statement.replace(clause, f"\n{clause.lstrip()}")
    return statement
