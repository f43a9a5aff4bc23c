"""One direction, no way back: a part of the package imports only from those above it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[2] / "libs" / "invoicelake"
LAYERS = (
    "errors",
    "text",
    "pages",
    "config",
    "trust",
    "table_spec",
    "session",
    "tables",
    "sources",
    "quality",
    "transforms",
    "models",
    "training",
    "evaluation",
    "tracking_store",
    "tracking_run",
    "tracking_models",
    "tracking",
    "serving",
    "promotion",
    "cli",
    "job",
    "tracked_training",
)
FILES = sorted(file for file in PACKAGE.rglob("*.py") if file != PACKAGE / "__init__.py")


def layer_of(file: Path) -> str:
    return file.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported(file: Path) -> Iterator[str]:
    """Parts of the package that a file imports, at its top or within functions."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module == "invoicelake":
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("invoicelake."):
            yield node.module.split(".")[1]


def test_every_part_has_its_place():
    assert {layer_of(file) for file in FILES} == set(LAYERS)


@pytest.mark.parametrize("file", FILES, ids=[str(file.relative_to(PACKAGE)) for file in FILES])
def test_imports_only_from_above(file):
    own = LAYERS.index(layer_of(file))
    below = [name for name in imported(file) if LAYERS.index(name) > own]
    assert below == []
