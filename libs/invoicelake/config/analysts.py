"""Settings of what analysts read: views, and how long the past stays readable."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime

from pydantic import Field as Setting, model_validator

from invoicelake.config.section import Section


class Successor(Section):
    """A table that a view shows in place of the one of its name."""

    table: str = Setting(description="The table, as layer.name")
    columns: Mapping[str, str] = Setting(
        default={}, description="SQL for columns of the view that the table has not, or by another name"
    )


class Views(Section):
    """Views for analysts."""

    silver: tuple[str, ...] = Setting(
        default=("ledger_entry", "receivable", "repair", "customer", "product", "supplier"),
        description="Silver tables that there are views of, beside all gold tables",
    )
    shows: Mapping[str, Successor] = Setting(
        default={},
        description="Views that show another table than that of their name, "
        "such as {invoice: {table: gold.invoice_v2, columns: {total_minor: amount_minor}}}",
    )
    as_of: date | datetime | None = Setting(
        default=None,
        description="Day (its end) or time (UTC) that tables are shown as of; default: the newest versions",
    )
    database: str | None = Setting(
        default=None,
        pattern=r"^[A-Za-z_][A-Za-z0-9_]*$",
        description="Database of Spark's catalog that the views are made in; default: none, views.sql alone",
    )


class Maintenance(Section):
    """How tables are kept compact, and for how long old versions stay readable."""

    retention_hours: int = Setting(
        default=168, ge=0, description="How long files of old versions are kept; a table may ask for longer"
    )
    short_retention_reason: str | None = Setting(
        default=None, description="Why files are kept for less than 168 hours; without a reason they are not"
    )
    target_file_mb: int = Setting(
        default=32, ge=1, description="Size that files are brought together to, in MiB"
    )

    @model_validator(mode="after")
    def _keeps_files_for_a_week(self) -> Maintenance:
        if self.retention_hours < 168 and not (self.short_retention_reason or "").strip():
            raise ValueError(
                f"retention_hours is {self.retention_hours}, less than a week; jobs that still run may "
                "read what is removed: give at least 168, or say why in short_retention_reason"
            )
        return self
