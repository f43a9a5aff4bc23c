"""The folder of generated files: filled by several runs at once, and left with nothing else in it."""

from __future__ import annotations

import os
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from invoicelake.sources.landing import landing_folder

FILES = {f"2024-01-{day:02}.csv": f"{day}\n".encode() * 1_000 for day in range(1, 32)}


def filled(folder):
    return landing_folder(None, "ledger.path", str(folder), lambda: FILES)


def test_runs_at_once_fill_one_folder(tmp_path):
    for attempt in range(20):
        folder = tmp_path / f"landing {attempt}"
        with ThreadPoolExecutor(4) as pool:
            assert set(pool.map(filled, [folder] * 4)) == {str(folder)}
        assert {file.name: file.read_bytes() for file in folder.iterdir()} == FILES


OTHERS = [
    # why, name, hours since it was written, whether it is left
    ("being written by another run", ".2024-01-01.csv.ab12.partial", 0, True),
    ("left behind by a killed run", ".2024-01-01.csv.ab12.partial", 2, False),
    ("no longer made", "2023-12-31.csv", 0, False),
]


@pytest.mark.parametrize(("name", "hours", "is_left"), [c[1:] for c in OTHERS], ids=[c[0] for c in OTHERS])
def test_what_is_not_to_be_there_is_removed(tmp_path, name, hours, is_left):
    (tmp_path / name).write_bytes(b"1\n")
    written = time.time() - hours * 3600
    os.utime(tmp_path / name, (written, written))
    filled(tmp_path)
    assert (tmp_path / name).exists() == is_left
    assert {file.name for file in tmp_path.iterdir()} - {name} == set(FILES)
