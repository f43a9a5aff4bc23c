"""Which suppliers a model is trained on."""

from __future__ import annotations

from pyspark.sql import DataFrame, functions as F

from invoicelake import config
from invoicelake.errors import JobError

_HASH_DIGITS = 8


def with_split(documents: DataFrame, settings: config.Split, seed: int) -> DataFrame:
    """Add `supplier_hash` and `split`: train, validation or test, the same for all documents of a supplier.

    A document whose supplier is not known counts as a supplier of its own.
    """
    drawn = F.sha2(F.concat(F.lit(f"{seed}:"), F.col("supplier_hash")), 256)
    number = F.conv(F.substring(drawn, 1, _HASH_DIGITS), 16, 10).cast("long")
    share = number / F.lit(16**_HASH_DIGITS)
    split = (
        F.when(share < settings.test_share, "test")
        .when(share < settings.test_share + settings.validation_share, "validation")
        .otherwise("train")
    )
    return with_supplier_hash(documents).withColumn("split", split)


def with_supplier_hash(documents: DataFrame) -> DataFrame:
    """Add `supplier_hash`, SHA-256 of the supplier, or of `document_id` where it is not known."""
    return documents.withColumn("supplier_hash", F.sha2(F.coalesce("supplier", "document_id"), 256))


def with_group(documents: DataFrame, examples: DataFrame) -> DataFrame:
    """Add `document_group`: what a model trained on `examples` knew of each document before it was scored.

    `trained_on` where the document itself was in the train or validation split, else `seen` where its
    supplier was in the train split, else `unseen`. One row per document.
    """
    used = examples.where("split in ('train', 'validation')").select("document_id").distinct()
    suppliers = examples.where("split = 'train'").select("supplier_hash").distinct()
    joined = (
        with_supplier_hash(documents)
        .join(F.broadcast(used.withColumn("is_used", F.lit(True))), on="document_id", how="left")
        .join(F.broadcast(suppliers.withColumn("is_known", F.lit(True))), on="supplier_hash", how="left")
    )
    group = F.when(F.col("is_used"), "trained_on").when(F.col("is_known"), "seen").otherwise("unseen")
    return joined.withColumn("document_group", group).drop("is_used", "is_known", "supplier_hash")


def require_splits(documents: DataFrame) -> None:
    """See that there is something to learn from and something to choose by.

    Raises:
        JobError: the train or validation split has no documents.
    """
    counts = {row["split"]: row["count"] for row in documents.groupBy("split").count().collect()}
    missing = [split for split in ("train", "validation") if not counts.get(split)]
    if missing:
        found = ", ".join(f"{split} {count}" for split, count in sorted(counts.items())) or "none"
        raise JobError(
            f"no annotated documents in the {' and '.join(missing)} split (documents by split: {found}); "
            "bring in documents of more suppliers, or set split.validation_share and split.test_share"
        )
