"""Publish views of stable names over the gold tables: views.duckdb for DuckDB, views.sql for Spark SQL.

Both lie in the lake. The first shows the newest version of each table, or that of views.as_of, until it is
published again; with views.database the second is run in Spark's catalog too.
"""

from pathlib import Path

from invoicelake.job import Run, execute
from invoicelake.serving.view_files import write_database, write_sql
from invoicelake.serving.views import pin_views, spark_statements
from invoicelake.tables import local_path


def main(run: Run) -> None:
    """Write both, each if it would differ from what is there."""
    settings = run.suite.views
    pinned = pin_views(run.lake, settings)
    statements = list(spark_statements(pinned, settings))
    written = [write_sql(Path(run.lake.side_folder("views.sql")), statements)]
    if local_path(run.lake.path):
        written.append(write_database(Path(run.lake.side_folder("views.duckdb")), pinned))
    if settings.database:
        for statement in statements:
            run.spark.sql(statement)
    run.metrics |= {"views": len(pinned), "files_written": sum(written)}


if __name__ == "__main__":
    execute(__file__, main)
