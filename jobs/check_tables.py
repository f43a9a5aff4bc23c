"""Check every table as its declaration says, and write the data-quality page.

Results go to gold.table_check and gold.column_quality, failing rows to gold.failing_row. The job fails when a
check fails that is an error, after all of it has been written.
"""

from invoicelake.job import Run, execute
from invoicelake.quality import checking, page


def main(run: Run) -> None:
    """Check the newest version of each table."""
    suite, lake = run.suite, run.lake
    findings = checking.check_tables(lake, suite.quality.tables, suite.quality.as_of or suite.ledger.until)
    run.write(checking.FAILING, checking.failing(lake, findings), replaces=checking.of_tables(findings))
    run.write(checking.COLUMNS, checking.column_rows(lake, findings), replaces=checking.of_versions(findings))
    run.write(checking.CHECKS, checking.check_rows(lake, findings), replaces=checking.of_versions(findings))
    run.metrics |= findings.counted() | {"page": str(page.write(lake, findings))}
    checking.require_passed(findings)


if __name__ == "__main__":
    execute(__file__, main)
