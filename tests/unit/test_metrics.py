from __future__ import annotations

import pickle

import pytest

from invoicelake.evaluation.metrics import (
    Counts,
    Group,
    Scored,
    Scores,
    compared,
    flattened,
    score,
    table_rows,
)

FIELDS = ("company", "total")


def scored(truths, predictions, group=Group.UNSEEN, document_id="d"):
    return Scored(document_id, group, truths, predictions)


COMPARISONS = [
    # why                          truth            predicted        exact      nospace    alnum
    ("the same", "ACME SDN. BHD.", "ACME SDN. BHD.", (1, 1, 1), (1, 1, 1), (1, 1, 1)),
    ("spaces differ", "ACME SDN", "ACMES DN", (1, 1, 0), (1, 1, 1), (1, 1, 1)),
    ("tab and no-break space", "A\tB", "A\u00a0B", (1, 1, 0), (1, 1, 1), (1, 1, 1)),
    ("outer space", "9.00", " 9.00", (1, 1, 0), (1, 1, 1), (1, 1, 1)),
    ("punctuation differs", "RM9.00", "RM9,00", (1, 1, 0), (1, 1, 0), (1, 1, 1)),
    ("another character", "9.00", "9.08", (1, 1, 0), (1, 1, 0), (1, 1, 0)),
    ("case differs", "Acme", "ACME", (1, 1, 0), (1, 1, 0), (1, 1, 0)),
    ("accents are letters", "Café", "Cafe", (1, 1, 0), (1, 1, 0), (1, 1, 0)),
    ("not predicted", "9.00", None, (0, 1, 0), (0, 1, 0), (0, 1, 0)),
    ("predicted empty", "9.00", "", (0, 1, 0), (0, 1, 0), (0, 1, 0)),
    ("predicted blank", "9.00", " \t", (0, 1, 0), (0, 1, 0), (0, 1, 0)),
    ("not labelled", None, "9.00", (1, 0, 0), (1, 0, 0), (1, 0, 0)),
    ("labelled empty", "", "9.00", (1, 0, 0), (1, 0, 0), (1, 0, 0)),
    ("both empty", "", " ", (0, 0, 0), (0, 0, 0), (0, 0, 0)),
    ("both absent", None, None, (0, 0, 0), (0, 0, 0), (0, 0, 0)),
    ("nothing left of letters and digits", "-", ".", (1, 1, 0), (1, 1, 0), (0, 0, 0)),
]


@pytest.mark.parametrize(("why", "truth", "predicted", "exact", "nospace", "alnum"), COMPARISONS)
def test_compared(why, truth, predicted, exact, nospace, alnum):
    document = scored(
        {} if truth is None else {"total": truth}, {} if predicted is None else {"total": predicted}
    )
    expected = {"exact": exact, "nospace": nospace, "alnum": alnum}
    for normalisation, counts in expected.items():
        assert compared(document, "total", normalisation) == Counts(*counts), (why, normalisation)


@pytest.mark.parametrize(
    ("counts", "precision", "recall", "f1"),
    [
        (Counts(4, 5, 3), 3 / 4, 3 / 5, 6 / 9),
        (Counts(0, 5, 0), 0.0, 0.0, 0.0),
        (Counts(4, 0, 0), 0.0, 0.0, 0.0),
        (Counts(), 0.0, 0.0, 0.0),
        (Counts(7, 7, 7), 1.0, 1.0, 1.0),
    ],
)
def test_measures(counts, precision, recall, f1):
    assert (counts.precision, counts.recall, counts.f1) == pytest.approx((precision, recall, f1))


DOCUMENTS = [
    scored({"company": "A", "total": "1"}, {"company": "A", "total": "1"}, Group.UNSEEN),
    scored({"company": "A", "total": "1"}, {"company": "A", "total": "2"}, Group.UNSEEN),
    scored({"company": "B"}, {"company": "B", "total": "3"}, Group.SEEN),
    scored({"company": "C", "total": "1"}, {}, Group.TRAINED),
]


def test_micro_average_pools_the_fields_of_held_out_documents():
    scores = score(DOCUMENTS, FIELDS)
    assert scores.of("exact") == Counts(predicted=6, truth=5, correct=4)
    assert scores.of("exact", ["total"]) == Counts(predicted=3, truth=2, correct=1)
    assert scores.of("exact", groups=[Group.UNSEEN]) == Counts(predicted=4, truth=4, correct=3)
    assert scores.of("exact", groups=[Group.TRAINED]) == Counts(predicted=0, truth=2, correct=0)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("f1_exact", 8 / 11),
        ("f1_nospace", 8 / 11),
        ("f1_alnum", 8 / 11),
        ("precision_exact", 4 / 6),
        ("recall_exact", 4 / 5),
        ("f1_exact_company", 1.0),
        ("f1_exact_total", 2 / 5),
        ("precision_exact_total", 1 / 3),
        ("recall_exact_total", 1 / 2),
        ("f1_exact_unseen", 6 / 8),
        ("f1_exact_seen", 2 / 3),
        ("f1_exact_trained_on", 0.0),
        ("f1_exact_total_unseen", 1 / 2),
        ("recall_exact_total_seen", 0.0),
        ("documents", 3),
        ("documents_unseen", 2),
        ("documents_seen", 1),
        ("documents_trained_on", 1),
    ],
)
def test_flattened(name, expected):
    assert flattened(score(DOCUMENTS, FIELDS))[name] == pytest.approx(expected)


def test_a_group_without_documents_has_no_measures_of_its_own():
    metrics = flattened(score(DOCUMENTS[:2], FIELDS))
    assert metrics["documents_seen"] == 0
    assert not [
        name for name in metrics if name.endswith(("_seen", "_trained_on")) and "documents" not in name
    ]


def test_nothing_held_out_gives_zero_and_says_so():
    metrics = flattened(score(DOCUMENTS[3:], FIELDS))
    assert metrics["f1_exact"] == 0.0
    assert metrics["documents"] == 0


def test_table_rows_are_one_for_each_group_field_and_normalisation():
    rows = table_rows(score(DOCUMENTS, FIELDS))
    keys = [(row["document_group"], row["field"], row["normalisation"]) for row in rows]
    assert len(set(keys)) == len(keys) == 4 * 3 * 3
    assert rows[keys.index(("held_out", "micro", "exact"))] == {
        "document_group": "held_out",
        "field": "micro",
        "normalisation": "exact",
        "predicted": 6,
        "labelled": 5,
        "correct": 4,
        "precision": pytest.approx(4 / 6),
        "recall": pytest.approx(4 / 5),
        "f1": pytest.approx(8 / 11),
    }


def test_table_rows_leave_out_groups_without_documents():
    groups = {row["document_group"] for row in table_rows(score(DOCUMENTS[:1], FIELDS))}
    assert groups == {"held_out", "unseen"}


def test_other_fields_are_not_looked_at():
    document = scored({"total": "1"}, {"total": "1", "tip": "5"})
    assert score([document], ["total"]).of("exact") == Counts(1, 1, 1)


def test_scores_of_parts_add_up_and_travel():
    parts = [score(DOCUMENTS[:1], FIELDS), score(DOCUMENTS[1:], FIELDS)]
    parts = pickle.loads(pickle.dumps(parts))
    assert flattened(parts[0] + parts[1]) == flattened(score(DOCUMENTS, FIELDS))
    assert flattened(parts[0] + Scores(FIELDS)) == flattened(parts[0])


def test_scores_of_different_fields_do_not_add_up():
    with pytest.raises(ValueError, match="different fields"):
        score(DOCUMENTS, FIELDS) + score(DOCUMENTS, ["total"])
