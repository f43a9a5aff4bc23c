"""What a rank of `benchmark scaling` measures, on few rows and in this process."""

from __future__ import annotations

import pytest

from invoicelake import config
from invoicelake.training.ranks import Rank
from running import CONF


@pytest.mark.slow
def test_both_ways_train_on_the_same_rows(tmp_path, monkeypatch):
    import scaling
    import scaling_ranks

    # It would bind the tests, too.
    monkeypatch.setattr(scaling_ranks, "on_one_core", lambda rank: None)
    monkeypatch.setattr(scaling, "DOCUMENTS", 40)
    job = scaling.jobs_of(
        config.load(CONF, overrides=["benchmark.scaling_steps=4", "benchmark.scaling_rows=8"]), tmp_path
    )[0]
    inputs, targets = scaling_ranks._arrays(job)
    # A tag for the field and one for the line item of each token.
    assert targets.shape == (4 * 8, scaling.TOKENS, 2)
    assert (inputs["words"] > 0).all()
    times = scaling_ranks.one_rank(Rank(), job, 2)
    assert {name: len(values) for name, values in times.items()} == dict.fromkeys(
        ("plain", "plain_cpu", "path", "path_cpu"), 2
    )
    assert all(min(values) > 0 for values in times.values())
