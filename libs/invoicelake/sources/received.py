"""What every source hands over: documents as received, and rejects with their reason."""

from __future__ import annotations

from typing import NamedTuple

from pyspark.sql import Column, DataFrame, functions as F


class Received(NamedTuple):
    """Documents in the columns of bronze.document, rejects in those of bronze.document_rejected."""

    documents: DataFrame
    rejected: DataFrame


def with_identity(documents: DataFrame) -> DataFrame:
    """Add `document_id` and `received_sha256`, which depend on nothing but what was received.

    Neither scan nor annotation is part of the identity: a document is the same with or without them.
    """
    identity = F.sha2(_joined("source", "name", "content"), 256)
    received = F.sha2(_joined("content", "annotation", "image"), 256)
    return documents.select(
        F.substring(identity, 1, 32).alias("document_id"), "*", received.alias("received_sha256")
    )


def rejections(documents: DataFrame) -> DataFrame:
    """The columns of a rejected table; all but the identity are there."""
    identity = F.substring(F.sha2(_joined("source", "name", "reason", "content"), 256), 1, 32)
    return documents.select(
        identity.alias("rejection_id"), "source", "name", "source_uri", "reason", "detail", "content"
    ).dropDuplicates(["rejection_id"])


def _joined(*columns: str) -> Column:
    """The columns as bytes, each with its length before it, so that no two sets of values run into one."""
    parts = []
    for column in columns:
        content = F.coalesce(F.col(column).cast("binary"), F.lit(b""))
        parts += [F.encode(F.concat(F.octet_length(content).cast("string"), F.lit(":")), "UTF-8"), content]
    return F.concat(*parts)
