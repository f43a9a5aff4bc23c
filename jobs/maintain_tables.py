"""Keep every table compact and clustered, and remove files of versions that nobody may ask for any more.

How long they are kept is settled by maintenance.retention_hours and by what each table is declared with. Run
publish_views afterwards: views.duckdb reads the files of the version that it was published with.
"""

import logging

from invoicelake.job import Run, execute
from invoicelake.tables.maintenance import maintain

log = logging.getLogger("invoicelake.jobs.maintain_tables")


def main(run: Run) -> None:
    """Look after each table that there is."""
    settings = run.suite.maintenance
    if settings.short_retention_reason:
        log.warning(
            "files are kept for %d hours: %s", settings.retention_hours, settings.short_retention_reason
        )
    for name in run.lake.specs:
        if run.lake.exists(name):
            done = maintain(run.lake, name, settings)
            log.info("%s: %d files, were %d", name, done.after.files, done.before.files)
            run.tables[name] = done.counts


if __name__ == "__main__":
    execute(__file__, main)
