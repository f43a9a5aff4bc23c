"""Code blocks of README, so that tests can run what README tells users to run."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def blocks(language: str) -> list[str]:
    """The fenced blocks of a language, in order."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL)


def queries() -> list[str]:
    """The SELECT statements; they name tables by their last part, as the views and the DuckDB block do."""
    return [block.strip().rstrip(";") for block in blocks("sql") if block.startswith("SELECT")]


def view_statements(lake: Path) -> list[str]:
    """The statements that make the tables of `lake` known to Spark SQL by name."""
    created = "".join(block for block in blocks("sql") if block.startswith("CREATE"))
    statements = [statement.strip() for statement in created.split(";")]
    return [statement.replace("'lake/", f"'{lake}/") for statement in statements if statement]


def duckdb_block() -> str:
    """The Python block for DuckDB; it expects `lake` in the working folder."""
    return next(block for block in blocks("python") if "duckdb" in block)
