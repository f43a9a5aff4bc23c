"""`benchmark feed` on few rows: every way gives them all, and what it measures is there."""

from __future__ import annotations

import pytest

from invoicelake import config
from running import CONF


@pytest.mark.slow
@pytest.mark.spark
def test_all_ways_give_the_same_rows(spark, tmp_path):
    import feed
    from invoicelake.job import Run

    few = ["benchmark.feed_rows=300", "benchmark.feed_repeats=1", "benchmark.feed_epochs=4"]
    found = feed.measure(
        Run("benchmark", config.load(CONF, overrides=[f"lake.path={tmp_path / 'lake'}", *few]), spark)
    )
    assert found["ratio"] > 0
    assert found["ratio_to_ceiling"] > 0
    assert found["padding_share"] < found["padding_share_by_chance"]
    assert found["threads_left"] == 0
