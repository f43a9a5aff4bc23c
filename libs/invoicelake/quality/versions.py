"""The version of a table that the distributions of a new one are compared with."""

from __future__ import annotations

from py4j.protocol import Py4JJavaError
from pyspark.errors import PySparkException
from pyspark.sql import functions as F

from invoicelake.quality import drift
from invoicelake.quality.drift import Bins
from invoicelake.table_spec import Drift, TableSpec
from invoicelake.tables import Lake

CHECKS = "gold.table_check"
# Operations as `DESCRIBE HISTORY` names them that make a version of the same rows.
SAME_ROWS = (
    "OPTIMIZE",
    "REORG",
    "VACUUM START",
    "VACUUM END",
    "SET TBLPROPERTIES",
    "UNSET TBLPROPERTIES",
    "ADD CONSTRAINT",
    "DROP CONSTRAINT",
    "CHANGE COLUMN",
    "CLUSTER BY",
    "UPGRADE PROTOCOL",
)
GONE = ("DELTA_FILE_NOT_FOUND", "FileNotFoundException", "FILE_NOT_EXIST", "Cannot time travel")


def fit_before(lake: Lake, spec: TableSpec, version: int) -> tuple[dict[str, Bins], str]:
    """Bins of the checks of drift by their names, fitted on the version before; and where none are, why.

    That version is the newest with other rows that was checked, so that a table that was written many times
    between two runs of `check_tables` is compared with what was last looked at; else the one before the last
    commit that changed rows. OPTIMIZE and the like commit, but change none.
    """
    drifts = [check for check in spec.checks if isinstance(check, Drift)]
    if not drifts:
        return {}, ""
    changed = _last_changed(lake, spec.full_name, version)
    older = _last_checked(lake, spec.full_name, changed)
    older = changed - 1 if older is None else older
    if older < 0:
        return {}, "there is no version before"
    try:
        return drift.fit(lake.read(spec.full_name, older), spec, drifts), ""
    except (PySparkException, Py4JJavaError) as error:
        if not any(word in str(error) for word in GONE):
            raise
        return {}, f"version {older} was removed by VACUUM"


def _last_checked(lake: Lake, name: str, version: int) -> int | None:
    if not lake.exists(CHECKS):
        return None
    rows = lake.read(CHECKS).where(F.col("table_name") == name).where(F.col("table_version") < version)
    newest = rows.agg(F.max("table_version")).first()
    return None if newest is None else newest[0]


def _last_changed(lake: Lake, name: str, version: int) -> int:
    """The newest version, up to `version`, whose commit changed rows."""
    commits = lake.history(name).where(F.col("version") <= version)
    newest = commits.where(~F.col("operation").isin(*SAME_ROWS)).agg(F.max("version")).first()
    return version if newest is None or newest[0] is None else int(newest[0])
