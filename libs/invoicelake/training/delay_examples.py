"""Receivables to the tensors that payment delay is learnt from, by what was fitted to the training split."""

from __future__ import annotations

import datetime
import hashlib
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

from pyspark.sql import Column, DataFrame, functions as F

from invoicelake import config
from invoicelake.errors import JobError
from invoicelake.models.delay_encoding import (
    CATEGORIES,
    CUSTOMER,
    INPUTS,
    LABELS,
    LOGGED,
    NUMBERS,
    Category,
    DelayEncoding,
    ScaledNumber,
)
from invoicelake.table_spec import TableSpec
from invoicelake.transforms.analytics.discretization import bin_parameters
from invoicelake.transforms.analytics.fitted import Fit, Parameter, Request, settled
from invoicelake.transforms.analytics.normalisation import normalisation_parameters
from invoicelake.transforms.analytics.summaries import summarised, value_counts
from invoicelake.transforms.arrow import Row, map_rows

EXAMPLES, TENSORS_TABLE = "gold.payment_delay_example", "gold.payment_delay_tensor"
_KNOWN = (*CATEGORIES, CUSTOMER)
_SCALED = tuple(f"{name}_log" if name in LOGGED else name for name in NUMBERS)
_ROWS_AT_A_TIME = 2048


def delay_fits(
    stored: Sequence[Fit], train: DataFrame, source: str, settings: config.DelayModel
) -> tuple[Fit, Fit, Fit]:
    """Scales, bins and categories of the training split, fitted anew; the same rows give the stored fits.

    Args:
        stored: all fits that there are.
        train: rows of gold.payment_delay_example, those of the train split alone.
        source: of these.
        settings: number of bins, and from how many receivables on a value is known.

    Raises:
        JobError: there are no such rows.
    """
    scaled = summarised(value_counts(train.select(*_scaled_columns()), _SCALED), _SCALED)
    raw = summarised(value_counts(train, NUMBERS), NUMBERS)
    known = _frequent(train, settings.min_receivables)
    if not known:
        raise JobError(
            f"the train split of {source} in {EXAMPLES} has too few receivables to fit to; bring in more, or "
            "set payment_delay.validation_from later"
        )
    scales = [p for name in _SCALED for p in normalisation_parameters("z_score", name, scaled[name])]
    bins = [p for name in NUMBERS for p in bin_parameters("equal_frequency", name, raw[name], settings.bins)]
    requests = delay_requests(source, settings)
    first, second, third = (
        settled(stored, request, True, parameters.copy)
        for request, parameters in zip(requests, (scales, bins, known), strict=True)
    )
    return first, second, third


def delay_requests(source: str, settings: config.DelayModel) -> tuple[Request, Request, Request]:
    """What scales, bins and categories of a source are stored as."""
    about = (("source", source), ("split", "train"))
    return (
        Request("z_score", EXAMPLES, _SCALED, about),
        Request("equal_frequency", EXAMPLES, NUMBERS, (*about, ("bins", settings.bins))),
        Request("category", EXAMPLES, _KNOWN, (*about, ("min_rows", settings.min_receivables))),
    )


def delay_encoding(scales: Fit, bins: Fit, categories: Fit) -> DelayEncoding:
    """The fits as what encodes receivables."""
    numbers = tuple(
        ScaledNumber(
            name,
            scales.values(scaled, "mean")[0],
            scales.values(scaled, "deviation")[0],
            tuple(bins.values(name, "edge")),
        )
        for name, scaled in zip(NUMBERS, _SCALED, strict=True)
    )
    found = {name: Category(name, tuple(categories.texts(name, "category"))) for name in _KNOWN}
    return DelayEncoding(numbers, tuple(found[name] for name in CATEGORIES), found[CUSTOMER])


def delay_tensors(examples: DataFrame, encoding: DelayEncoding, spec: TableSpec) -> DataFrame:
    """The columns of gold.payment_delay_tensor; one row per receivable.

    Args:
        examples: gold.payment_delay_example.
        encoding: fitted to the train split.
        spec: of gold.payment_delay_tensor.
    """
    identifier = encoding.identifier

    def encode_all(rows: Iterator[Row]) -> Iterable[Row]:
        while some := list(islice(rows, _ROWS_AT_A_TIME)):
            tensors = encoding.encode({name: [row[name] for row in some] for name in INPUTS})
            for number, row in enumerate(some):
                packed = {name: values[number].tobytes() for name, values in tensors.items()}
                packed[LABELS.name] = _label(row)
                yield {
                    **{name: row[name] for name in ("source", "invoice_number", "invoice_date", "split")},
                    "encoder_id": identifier,
                    "tensors_sha256": hashlib.sha256(
                        b"".join(v or b"-" for v in packed.values())
                    ).hexdigest(),
                    **packed,
                }

    wanted = examples.select("source", "invoice_number", "invoice_date", "split", *INPUTS, *_LABEL_COLUMNS)
    return map_rows(wanted, encode_all, spec.ddl_of(*spec.written))


def unseen_from(examples: DataFrame) -> datetime.date:
    """The first invoice day of the test split; the day after the last one where there is none.

    Args:
        examples: gold.payment_delay_example, of one source.
    """
    day = F.coalesce(
        F.min(F.when(F.col("split") == "test", F.col("invoice_date"))), F.date_add(F.max("invoice_date"), 1)
    )
    found = examples.agg(day.alias("day")).first()
    assert found is not None
    first: datetime.date = found["day"]
    return first


_LABEL_COLUMNS = ("settled_date", "is_late")


def _label(row: Row) -> bytes | None:
    import numpy as np

    if row["settled_date"] is None:
        return None
    due = row["invoice_date"] + datetime.timedelta(days=row["terms_days"])
    return np.array([(row["settled_date"] - due).days, row["is_late"]], LABELS.dtype).tobytes()


def _scaled_columns() -> list[Column]:
    return [
        (_logged(name) if name in LOGGED else F.col(name)).alias(scaled)
        for name, scaled in zip(NUMBERS, _SCALED, strict=True)
    ]


def _logged(name: str) -> Column:
    return F.signum(F.col(name).cast("double")) * F.log1p(F.abs(F.col(name)))


def _frequent(train: DataFrame, at_least: int) -> list[Parameter]:
    """Values that so many rows have, the most frequent first."""
    entries = [
        F.struct(F.lit(name).alias("name"), F.col(name).cast("string").alias("text")) for name in _KNOWN
    ]
    cells = train.select(F.explode(F.array(*entries)).alias("cell")).where("cell.text IS NOT NULL")
    counted = cells.groupBy("cell.name", "cell.text").agg(F.count("*").alias("rows"))
    rows = counted.where(F.col("rows") >= at_least).orderBy("name", F.desc("rows"), "text").collect()
    by_name = {name: [row["text"] for row in rows if row["name"] == name] for name in _KNOWN}
    return [
        Parameter(name, "category", place, None, text)
        for name, texts in by_name.items()
        for place, text in enumerate(texts)
    ]
