"""What a table's log says without a Spark job."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def newest_version(spark: SparkSession, location: str) -> int:
    """The number of the newest commit, found by asking for the ones after the last checkpoint.

    `DESCRIBE HISTORY` would tell too, as a Spark job over the log. (Delta protocol, "Last Checkpoint File".)
    """
    java = spark._jvm
    assert java is not None
    path = java.org.apache.hadoop.fs.Path
    log = path(location, "_delta_log")
    system = log.getFileSystem(spark._jsparkSession.sessionState().newHadoopConf())
    version, hint = 0, path(log, "_last_checkpoint")
    if system.exists(hint):
        stream = system.open(hint)
        try:
            version = int(json.loads(java.org.apache.commons.io.IOUtils.toString(stream, "UTF-8"))["version"])
        finally:
            stream.close()
    while system.exists(path(log, f"{version + 1:020d}.json")):
        version += 1
    return version
