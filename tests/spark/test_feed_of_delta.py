"""The feed on tables that Spark wrote: every version of a history, row for row."""

import numpy as np
import pytest

from feed_histories import fed, random_rows, stored
from invoicelake.errors import JobError
from invoicelake.tables import pin_files

# Operation, as SQL or as the mode in which random rows are written.
HISTORY = [
    "errorifexists",
    "append",
    "DELETE FROM {table} WHERE example_id < '020'",
    "UPDATE {table} SET labels = X'000102030405' WHERE example_id > '040'",
    "MERGE INTO {table} t USING changes s ON t.example_id = s.example_id WHEN MATCHED AND s.split = 'train' "
    "THEN UPDATE SET * WHEN MATCHED THEN DELETE WHEN NOT MATCHED THEN INSERT *",
    "OPTIMIZE {table}",
    "ALTER TABLE {table} ADD COLUMNS (note string)",
    "append",
    "UPDATE {table} SET note = 'seen' WHERE split = 'train'",
    "overwrite",
    "RESTORE TABLE {table} TO VERSION AS OF 4",
    "append",
]


def written(spark, location, mode, random, has_note):
    rows = spark.createDataFrame(random_rows(random, has_note=has_note).to_pandas()).repartition(3)
    options = {"delta.enableDeletionVectors": "false", "mergeSchema": "true"}
    writer = rows.write.format("delta").partitionBy("split").options(**options)
    writer.mode(mode).save(location)


@pytest.fixture(scope="module")
def location(spark, tmp_path_factory):
    place = str(tmp_path_factory.mktemp("a lake") / "examples")
    random, has_note = np.random.default_rng(0), False
    for operation in HISTORY:
        has_note = has_note or operation.startswith("ALTER")
        if operation in ("errorifexists", "append", "overwrite"):
            written(spark, place, operation, random, has_note)
            continue
        changes = random_rows(random, np.unique(random.integers(1, 80, 20)))
        spark.createDataFrame(changes.to_pandas()).createOrReplaceTempView("changes")
        spark.sql(operation.format(table=f"delta.`{place}`"))
    return place


@pytest.mark.parametrize("version", range(len(HISTORY)))
@pytest.mark.parametrize("split", [None, "train"])
def test_rows_of_an_epoch_are_those_of_the_version(location, version, split):
    expected = stored(location, version, split)
    assert expected
    assert fed(location, version, split, version % 4 + 1, seed=version, is_held=version % 2 == 0) == expected


def test_purging_cures_deletion_vectors(spark, tmp_path):
    place = str(tmp_path / "examples")
    spark.createDataFrame(random_rows(np.random.default_rng(0)).to_pandas()).coalesce(1).write.format(
        "delta"
    ).option("delta.enableDeletionVectors", "true").save(place)
    spark.sql(f"DELETE FROM delta.`{place}` WHERE example_id < '030'")
    with pytest.raises(JobError) as refused:
        pin_files("gold.extractor_example", place, 1, {})
    spark.sql(str(refused.value).partition("run in Spark SQL: ")[2])
    assert fed(place, 2, None, 2, seed=0, is_held=False) == stored(place, 2)


def test_version_that_spark_vacuumed_is_told(spark, tmp_path):
    place, random = str(tmp_path / "examples"), np.random.default_rng(0)
    for mode in ("errorifexists", "overwrite"):
        written(spark, place, mode, random, has_note=False)
    check = "spark.databricks.delta.retentionDurationCheck.enabled"
    spark.conf.set(check, "false")
    try:
        spark.sql(f"VACUUM delta.`{place}` RETAIN 0 HOURS")
    finally:
        spark.conf.unset(check)
    with pytest.raises(JobError, match=r"files of gold.extractor_example version 0 are gone"):
        pin_files("gold.extractor_example", place, 0, {})
    assert fed(place, 1, None, 2, seed=0, is_held=False) == stored(place, 1)
