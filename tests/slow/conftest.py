"""What slow tests share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import small_training

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


@pytest.fixture(scope="session")
def undisturbed(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The history of a small training on two ranks that nothing happens to."""
    return small_training.train(small_training.training_job(tmp_path_factory.mktemp("whole"))).history
