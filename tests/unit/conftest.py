"""What the tests of the launcher share."""

from __future__ import annotations

from pathlib import Path

import pytest

from launcher_clone import Clone


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    return Clone(tmp_path)


@pytest.fixture
def prepared(clone: Clone) -> Clone:
    clone.prepare()
    return clone
