"""What is fitted on the driver: bins, normalisation, selection, components, near duplicates."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pycountry
import pytest

from invoicelake.transforms.analytics import binning
from invoicelake.transforms.analytics.components import component_parameters, rebuilt_from_components
from invoicelake.transforms.analytics.discretization import bin_parameters
from invoicelake.transforms.analytics.fitted import Fit, Parameter, Request, current, settled
from invoicelake.transforms.analytics.matrices import Matrix
from invoicelake.transforms.analytics.near_duplicates import near_duplicates
from invoicelake.transforms.analytics.normalisation import normalisation_parameters
from invoicelake.transforms.analytics.regions import COUNTRIES
from invoicelake.transforms.analytics.selection import rebuilt, selection_parameters
from invoicelake.transforms.analytics.summaries import Summary


def summary(*values, classes=None):
    """A summary of rows with the given values and classes."""
    kinds = sorted(set(classes or [0]))
    distinct = sorted(set(values))
    pairs = list(zip(values, classes or [0] * len(values), strict=True))
    counts = [[pairs.count((value, kind)) for kind in kinds] for value in distinct]
    return Summary(np.array(distinct, dtype=float), np.array(counts, dtype=np.int64).reshape(-1, len(kinds)))


# why, method, rows, bins, edges
EDGES = [
    ("even steps", binning.equal_width, [0, 3, 10], 5, [2, 4, 6, 8]),
    ("negative values too", binning.equal_width, [-4, 0, 4], 2, [0]),
    ("a constant", binning.equal_width, [7, 7], 5, []),
    ("nothing", binning.equal_width, [], 5, []),
    ("halves", binning.equal_frequency, [1, 2, 3, 4], 2, [2.5]),
    ("many equal ones stay together", binning.equal_frequency, [1, 1, 1, 1, 1, 2], 3, [1.5]),
    ("fewer values than bins", binning.equal_frequency, [1, 2], 5, [1.5]),
    ("a constant", binning.equal_frequency, [7, 7], 5, []),
    ("nothing", binning.equal_frequency, [], 5, []),
    ("two heaps", binning.k_means, [1, 2, 3, 100, 101], 2, [51.5]),
    ("a rare value far out", binning.k_means, [1, 2, 1, 2, 1, 2, 1000], 2, [501]),
    ("fewer values than bins", binning.k_means, [1, 2], 5, [1.5]),
    ("a constant", binning.k_means, [7, 7], 5, []),
    ("nothing", binning.k_means, [], 5, []),
    ("large values near each other", binning.k_means, [1e12, 1e12 + 1, 1e12 + 9, 1e12 + 10], 2, [1e12 + 5]),
]


@pytest.mark.parametrize(
    ("method", "rows", "bins", "edges"),
    [case[1:] for case in EDGES],
    ids=[f"{case[1].__name__}: {case[0]}" for case in EDGES],
)
def test_edges(method, rows, bins, edges):
    assert method(summary(*rows), bins) == edges


def spread(values, starts):
    """Sum of squared distances to the means of the clusters that begin at `starts`."""
    parts = np.split(np.array(values, dtype=float), starts)
    return sum(((part - part.mean()) ** 2).sum() for part in parts)


@pytest.mark.parametrize("seed", range(5))
def test_k_means_is_the_optimum_of_all_cuts(seed):
    values = sorted(np.random.default_rng(seed).normal(size=12).tolist())
    best = min(spread(values, cuts) for cuts in itertools.combinations(range(1, 12), 3))
    edges = binning.k_means(summary(*values), 4)
    starts = [sum(value < edge for value in values) for edge in edges]
    assert spread(values, starts) == pytest.approx(best)


def test_k_means_of_many_values_is_bounded():
    values = np.concatenate([np.linspace(0, 1, 20_000), np.linspace(9, 10, 20_000)])
    many = Summary(values, np.ones((40_000, 1), dtype=np.int64))
    assert binning.k_means(many, 2) == [pytest.approx(5, abs=0.01)]


def mdl_accepts(left, right):
    """Fayyad and Irani's criterion, written down once more from the formula for two parts of two classes."""

    def entropy(part):
        return -sum(n / sum(part) * math.log2(n / sum(part)) for n in part if n)

    whole = [a + b for a, b in zip(left, right, strict=True)]
    rows = sum(whole)
    gain = entropy(whole) - sum(left) / rows * entropy(left) - sum(right) / rows * entropy(right)
    k, k1, k2 = (sum(n > 0 for n in part) for part in (whole, left, right))
    delta = math.log2(3**k - 2) - (k * entropy(whole) - k1 * entropy(left) - k2 * entropy(right))
    return gain > math.log2(rows - 1) / rows + delta / rows


# rows of class 0 and 1 at value 1, the same at value 2
PARTS = [
    ((10, 0), (0, 10)), ((3, 0), (0, 3)), ((2, 0), (0, 2)), ((1, 0), (0, 1)), ((10, 9), (9, 10)),
    ((9, 2), (3, 8)), ((9, 1), (2, 9)), ((30, 12), (12, 30)), ((8, 3), (3, 8)), ((100, 80), (80, 100)),
]  # fmt: skip


@pytest.mark.parametrize(("left", "right"), PARTS)
def test_description_length_cuts_where_the_criterion_says(left, right):
    found = Summary(np.array([1.0, 2.0]), np.array([left, right], dtype=np.int64))
    assert binning.minimum_description_length(found) == ([1.5] if mdl_accepts(left, right) else [])


def test_the_criterion_both_accepts_and_refuses():
    assert {mdl_accepts(*part) for part in PARTS} == {True, False}


def test_description_length_goes_on_in_the_parts():
    values = list(range(60))
    classes = [0] * 20 + [1] * 20 + [0] * 20
    assert binning.minimum_description_length(summary(*values, classes=classes)) == [19.5, 39.5]
    assert binning.minimum_description_length(summary(*values, classes=[0] * 60)) == []


def test_bins_have_labels_and_centres():
    found = bin_parameters("k_means", "x", summary(1, 2, 3, 100, 102), 2)
    by_name = {(each.parameter, each.position): each.value or each.text for each in found}
    assert by_name == {
        ("edge", 0): 51.5, ("label", 0): "< 51.5", ("label", 1): ">= 51.5", ("minimum", 0): 1.0,
        ("maximum", 0): 102.0, ("centre", 0): 2.0, ("centre", 1): 101.0,
    }  # fmt: skip


# transform, rows, parameters
SCALES = [
    ("z_score", [1, 3, 3, 1], {"mean": 2.0, "deviation": 1.0}),
    ("z_score", [5, 5], {"mean": 5.0, "deviation": 0.0}),
    ("z_score", [], {"mean": 0.0, "deviation": 0.0}),
    ("min_max", [4, -1, 2], {"minimum": -1.0, "maximum": 4.0}),
    ("min_max", [], {"minimum": 0.0, "maximum": 0.0}),
    ("log", [1, 2], {"scale": 1.0}),
]


@pytest.mark.parametrize(("transform", "rows", "expected"), SCALES)
def test_scales(transform, rows, expected):
    found = normalisation_parameters(transform, "x", summary(*rows))
    assert {each.parameter: each.value for each in found} == expected


REQUEST = Request("z_score", "gold.daily_sales", ("x",))


def one(value):
    return lambda: [Parameter("x", "mean", 0, value)]


def test_fits_are_kept_until_a_new_one_is_asked_for():
    first = settled([], REQUEST, False, one(1.0))
    assert settled([first], REQUEST, False, one(2.0)) == first
    assert settled([first], REQUEST, True, one(1.0)) == first
    second = settled([first], REQUEST, True, one(2.0))
    assert (second.generation, second.values("x", "mean")) == (2, [2.0])
    third = settled([first, second], REQUEST, True, one(1.0))
    assert third.generation == 3
    assert len({first.fit_id, second.fit_id, third.fit_id}) == 3
    assert current([second, third, first], REQUEST) == third
    assert current([first], Request("z_score", "gold.daily_sales", ("x", "y"))) is None


def test_the_last_bit_makes_another_fit():
    fits = [
        Fit("z_score", "t", REQUEST.settings_text, 1, (Parameter("x", "mean", 0, value),))
        for value in (0.1, math.nextafter(0.1, 1))
    ]
    assert fits[0].fit_id != fits[1].fit_id


NAMES = ("one", "twin", "noise", "constant", "other")


@pytest.fixture(scope="module")
def customers():
    """200 rows: `twin` repeats `one`, `one` tells the target best, `other` a little, `noise` nothing."""
    draw = np.random.default_rng(3)
    one, other, noise = draw.normal(size=(3, 200))
    values = np.column_stack([one, np.exp(one), noise, np.ones(200), other])
    target = [bool(each) for each in one + 0.7 * other > 0]
    return Matrix([("s", str(n)) for n in range(200)], values, {"target": target})


def test_selection_says_why(customers):
    found = selection_parameters(customers, NAMES, customers.rest["target"], keep=2, max_correlation=0.95)
    assert {p.column_name: p.text for p in found if p.parameter == "outcome"} == {
        "one": "kept",
        "twin": "repeats one",
        "other": "kept",
        "noise": "tells less than those kept",
        "constant": "constant",
    }


def test_selection_of_one_class_goes_by_name(customers):
    found = selection_parameters(customers, NAMES, [True] * 200, keep=1, max_correlation=0.95)
    outcomes = {p.column_name: p.value for p in found if p.parameter == "outcome"}
    assert outcomes == {"noise": 1.0, "one": 0.0, "twin": 0.0, "other": 0.0, "constant": 0.0}


def test_what_is_kept_is_rebuilt_exactly_and_the_rest_as_far_as_it_goes(customers):
    told = rebuilt(customers, NAMES, ["one", "noise"])
    assert told[:, 0] == pytest.approx(customers.values[:, 0])
    assert told[:, 3] == pytest.approx(customers.values[:, 3])
    assert np.corrcoef(told[:, 1], customers.values[:, 1])[0, 1] > 0.7


def fit_of(customers, share):
    request = Request("principal_components", "t", NAMES)
    return settled([], request, False, lambda: component_parameters(customers, NAMES, share))


def test_components_explain_what_was_asked_for(customers):
    shares = fit_of(customers, 0.7).values("", "explained_share")
    assert sum(shares) >= 0.7 > sum(shares[:-1])
    assert shares == sorted(shares, reverse=True)
    assert sum(fit_of(customers, 1.0).values("", "explained_share")) == pytest.approx(1)


def test_all_components_rebuild_everything(customers):
    whole = fit_of(customers, 1.0)
    assert rebuilt_from_components(customers, whole) == pytest.approx(customers.values)


def test_components_point_the_same_way_whatever_the_order_of_rows(customers):
    reversed_rows = Matrix(customers.keys[::-1], customers.values[::-1], {})
    loadings = [
        [fit_of(each, 1.0).values(name, "loading") for name in NAMES] for each in (customers, reversed_rows)
    ]
    assert np.array(loadings[0]) == pytest.approx(np.array(loadings[1]), abs=1e-6)
    largest = np.abs(np.array(loadings[0])).argmax(axis=0)
    assert all(loadings[0][row][place] > 0 for place, row in enumerate(largest))


# why, description, another with fewer entries, whether they are near duplicates
DESCRIPTIONS = [
    ("the same", "RED MUG", "RED MUG", True),
    ("another order", "MUG, RED", "RED MUG", True),
    ("a plural", "HANGING HEART HOLDER", "HANGING HEARTS HOLDER", True),
    ("a typo", "STORAGE LANTERN", "STORAGE LANTREN", True),
    ("upper and lower case", "Red Mug", "RED MUG", True),
    ("another colour", "RED MUG", "BLUE MUG", False),
    ("another number", "SET OF 3 TINS", "SET OF 6 TINS", False),
    ("a word more", "RED MUG", "RED MUG LARGE", False),
    ("another word", "VINTAGE LANTERN", "VINTAGE LAUNDRY", False),
    ("no words", "???", "!!", False),
]


@pytest.mark.parametrize(
    ("one", "other", "is_twin"), [case[1:] for case in DESCRIPTIONS], ids=[case[0] for case in DESCRIPTIONS]
)
def test_near_duplicates(one, other, is_twin):
    found = near_duplicates([("s", "b", other, 1), ("s", "a", one, 5), ("elsewhere", "c", one, 9)], 0.85)
    assert [(code, kept) for _, code, kept, _ in found] == ([("b", "a")] if is_twin else [])


def test_a_code_that_stands_for_others_stays():
    found = near_duplicates([("s", code, "RED MUG", 5) for code in "cab"], 0.85)
    assert [(code, kept) for _, code, kept, _ in found] == [("b", "a"), ("c", "a")]


def test_every_country_is_in_one_region():
    codes = [code for code, _, _ in COUNTRIES]
    assert sorted(codes) == sorted(["", *(country.alpha_2 for country in pycountry.countries)])
    continent_of = {(region, continent) for _, region, continent in COUNTRIES}
    assert len(continent_of) == len({region for region, _ in continent_of})
