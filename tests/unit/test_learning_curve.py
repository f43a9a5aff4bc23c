from __future__ import annotations

from pathlib import Path

from invoicelake.training.folds import Fold, LabelledDocument
from learning_curve import SIZES, draw, smaller, write_table

POINTS = {
    "scratch": [(size, size / 500, size / 450) for size in SIZES],
    "pretrained": [(size, 0.9, 0.95) for size in SIZES],
}
FOLD = Fold("supplier_0", tuple(LabelledDocument(f"{n:03d}", "S", (), {}) for n in range(60)), ())


def test_each_size_is_a_row_of_the_table(tmp_path: Path) -> None:
    write_table(POINTS, tmp_path / "curve.md")
    rows = (tmp_path / "curve.md").read_text().splitlines()
    assert len(rows) == 2 + len(SIZES)
    assert rows[2] == "| 25 | 0.050 | 0.056 | 0.900 | 0.950 |"


def test_the_plot_is_the_same_for_the_same_numbers(tmp_path: Path) -> None:
    for name in ("first.svg", "second.svg"):
        draw(POINTS, tmp_path / name)
    first, second = ((tmp_path / name).read_bytes() for name in ("first.svg", "second.svg"))
    assert first.startswith(b"<?xml")
    assert first == second


def test_a_smaller_fold_is_part_of_a_larger_one() -> None:
    few, more = smaller(FOLD, 25), smaller(FOLD, 50)
    assert (len(few.train), len(more.train), len(smaller(FOLD, 400).train)) == (25, 50, 60)
    assert set(each.document_id for each in few.train) < set(each.document_id for each in more.train)
    assert [each.document_id for each in few.train] != [each.document_id for each in FOLD.train[:25]]
