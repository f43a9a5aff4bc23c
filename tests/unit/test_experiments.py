"""An experiment is a file of settings whose head says how to run it, how long it takes and what to expect."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from invoicelake import config
from running import CONF

FILES = sorted((CONF / "experiments").glob("*.yaml"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_an_experiment_changes_settings(file: Path) -> None:
    overrides = ["input.format=sroie", "input.path=somewhere"]
    usual = config.load(CONF, overrides=overrides)
    assert config.load(CONF, files=[file], overrides=overrides) != usual


@pytest.mark.parametrize(
    ("what", "pattern"),
    [
        ("the command", r"^#   \./spark-submit\.sh .*--conf-file conf/experiments/{name}$"),
        ("the time", r"\d (s|min)\b"),
        ("the score to expect", r"F1 exact 0\.\d{{3}}"),
        ("where more is said", r"docs/[a-z_]+\.md"),
    ],
)
@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_its_head_says(file: Path, what: str, pattern: str) -> None:
    head = "".join(re.findall(r"^#.*\n", file.read_text(encoding="utf-8"), re.MULTILINE))
    found = re.search(pattern.format(name=re.escape(file.name)), head, re.MULTILINE)
    assert found, f"{file.name} does not say {what}"
