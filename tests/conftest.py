"""What tests share: one Spark session, an empty lake, and where the real data lies."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from invoicelake.table_spec import TableSpec, load_specs

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from invoicelake.tables import Lake

ROOT = Path(__file__).resolve().parents[1]
SHARED_DATA = Path(os.environ.get("INVOICELAKE_DATA", ROOT.parent / "shared" / "data"))


@pytest.fixture(scope="session")
def specs() -> dict[str, TableSpec]:
    """All declared tables."""
    return dict(load_specs(ROOT / "conf" / "tables"))


@pytest.fixture(scope="session")
def spark() -> Iterator[SparkSession]:
    """One session for all tests, set up by the launcher as for any job, but that it interprets its queries.

    There are thousands of them, on a few rows each: to compile one takes longer than to answer it. What is
    compiled is run by the tests that start jobs as commands.
    """
    from invoicelake import session

    with session.started("tests", slots=3) as opened:
        opened.conf.set("spark.sql.codegen.wholeStage", "false")
        opened.conf.set("spark.sql.codegen.factoryMode", "NO_CODEGEN")
        yield opened


@pytest.fixture
def lake(spark: SparkSession, specs: dict[str, TableSpec], tmp_path: Path) -> Lake:
    """An empty lake in a path with a space."""
    from invoicelake.tables import Lake

    written_by = {"job": "test", "git_commit": "abc123", "run": "test-run"}
    return Lake(spark, str(tmp_path / "a lake"), specs, written_by)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data; tests that need it are skipped where it is not."""
    if not SHARED_DATA.is_dir():
        pytest.skip(f"no real data at {SHARED_DATA}; set INVOICELAKE_DATA")
    return SHARED_DATA
