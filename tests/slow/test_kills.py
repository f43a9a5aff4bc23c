"""One of the moments at which `benchmark kills` kills a job; the benchmark has fifty."""

from __future__ import annotations

import pytest

from invoicelake import config
from running import CONF


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_killed_run_leaves_nothing_that_running_again_does_not_put_right(spark, tmp_path):
    import kills
    from invoicelake.job import Run

    suite = config.load(CONF, overrides=[f"lake.path={tmp_path / 'lake'}"])
    found = kills.killed_and_undisturbed(Run("benchmark", suite, spark), jobs=(), days=1, first_days=4)
    assert found["killed"] == 1
    assert (found["ratio"], found["differing"]) == (1, "")
