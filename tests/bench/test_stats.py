from __future__ import annotations

import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.stats import quantile, ratios, spread

numbers = st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=20)


@given(numbers)
def test_quartiles_are_those_of_the_standard_library(values: list[float]) -> None:
    lower, median, upper = statistics.quantiles(values, n=4, method="inclusive")
    found = spread(values)
    assert found.lower_quartile == pytest.approx(lower, abs=1e-6)
    assert found.median == pytest.approx(median, abs=1e-6)
    assert found.upper_quartile == pytest.approx(upper, abs=1e-6)
    assert (found.minimum, found.maximum) == (min(values), max(values))


def test_one_value_is_its_own_spread() -> None:
    assert set(vars(spread([7.0])).values()) == {7.0}


def test_no_values_have_no_quantile() -> None:
    with pytest.raises(ValueError, match="no values"):
        quantile([], 0.5)
    with pytest.raises(ValueError, match="no values"):
        spread([])


def test_ratios_are_taken_round_by_round() -> None:
    assert ratios([2.0, 9.0], [1.0, 3.0]) == [2.0, 3.0]


def test_a_round_that_one_side_lacks_or_measured_nothing_in_is_left_out() -> None:
    assert ratios([2.0, 9.0, 4.0], [1.0, 0.0]) == [2.0]
