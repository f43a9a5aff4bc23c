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
GONE = ("DELTA_FILE_NOT_FOUND", "FileNotFoundException", "FILE_NOT_EXIST", "Cannot time travel")


def fit_before(lake: Lake, spec: TableSpec, version: int) -> tuple[dict[str, Bins], str]:
    """Bins of the checks of drift by their names, fitted on the version before; and where none are, why.

    That version is the newest of the earlier ones that was checked, so that a table that was written many
    times between two runs of `check_tables` is compared with what was last looked at; else the one before.
    """
    drifts = [check for check in spec.checks if isinstance(check, Drift)]
    if not drifts:
        return {}, ""
    older = _last_checked(lake, spec.full_name, version)
    older = version - 1 if older is None else older
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
