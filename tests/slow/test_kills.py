"""Two of the moments at which `benchmark kills` kills the daily job; the benchmark has fifty."""

from __future__ import annotations

import pytest

from invoicelake import config
from running import CONF


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_killed_run_leaves_nothing_that_running_again_does_not_put_right(spark, tmp_path):
    import kills
    from invoicelake.job import Run

    settings = [f"lake.path={tmp_path / 'lake'}", "benchmark.kills=2"]
    found = kills.measure(Run("benchmark", config.load(CONF, overrides=settings), spark))
    assert found["killed"] > 0
    assert (found["ratio"], found["differing"]) == (1, "")
