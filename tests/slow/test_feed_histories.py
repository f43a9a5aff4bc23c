"""The feed gives exactly the rows of a version, whatever happened to the table before and after."""

from collections import Counter

import pytest

from feed_histories import History, require_exact

pytestmark = pytest.mark.slow
OPERATIONS = {name for name in vars(History) if name.startswith("do_")}


@pytest.mark.parametrize("first", range(0, 320, 40))
def test_rows_of_an_epoch_are_those_of_the_version(tmp_path, first):
    done = Counter()
    for seed in range(first, first + 40):
        done.update(require_exact(tmp_path / str(seed), seed))
    assert set(done) == OPERATIONS
