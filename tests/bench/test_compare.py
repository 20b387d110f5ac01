from __future__ import annotations

from bench.compare import changes, render
from tests.bench.made_up import PEER, made_up


def test_ratios_to_a_common_peer_are_compared_not_figures() -> None:
    # the machine is half as fast today, the ratio is the same
    old = made_up(native=[6e6], peer=[2e6])
    new = made_up(native=[3e6], peer=[1e6])
    found = changes(old, new)
    assert {(change.metric, change.peer) for change in found} == {
        ("rate", PEER.key),
        ("cpu", PEER.key),
    }
    assert not any(change.regression for change in found)


def test_figures_are_compared_where_there_is_no_peer() -> None:
    found = changes(made_up(native=[6e6]), made_up(native=[5e6]))
    rate = next(change for change in found if change.metric == "rate")
    assert (rate.peer, rate.regression) == ("", True)


def test_more_of_what_should_be_little_is_a_regression() -> None:
    found = changes(made_up(native=[6e6]), made_up(native=[5e6]))
    cpu = next(change for change in found if change.metric == "cpu")
    assert cpu.worse > 0.05
    assert cpu.regression


def test_five_percent_are_tolerated() -> None:
    found = changes(made_up(native=[1e6]), made_up(native=[0.951e6]))
    assert [change.regression for change in found if change.metric == "rate"] == [False]


def test_an_old_figure_of_nothing_is_no_base_for_a_regression() -> None:
    old, new = made_up(native=[1e6]), made_up(native=[1e6])
    old.runs["flow-1-1-128"]["native"][0]["rate"] = 0.0
    assert changes(old, new)[0].worse == 0.0


def test_the_table_has_the_worst_first_and_says_what_may_be_chance() -> None:
    old = made_up(native=[6e6, 6e6, 6e6], python=[2e5])
    new = made_up(native=[4e6, 5e6, 7e6], python=[1e5])
    lines = render(changes(old, new)).splitlines()
    assert "python" in lines[2]
    assert "REGRESSION |" in lines[2]
    assert any("REGRESSION (within the spread)" in line for line in lines if "native" in line)
