from __future__ import annotations

import pytest

from bench.measure import KINDS
from bench.metrics import METRICS
from bench.rows import ROWS, select
from bench.systems import SYSTEMS
from bench.targets import TARGETS, target_for
from bench.timed import TIMED


def test_names_are_unique() -> None:
    names = [row.name for row in ROWS]
    assert len(set(names)) == len(names)


def test_every_row_has_known_metrics_and_a_known_kind() -> None:
    for row in ROWS:
        assert {*row.metrics, *row.also} <= set(METRICS)
        assert set(row.also) <= set(row.metrics)
        assert row.kind in KINDS or row.kind in TIMED


def test_rows_across_servers_are_about_known_systems_and_no_others_are_mixed() -> None:
    across = {row.name for row in ROWS if row.system}
    assert {row.system for row in ROWS if row.system} <= set(SYSTEMS)
    assert {row.name for row in ROWS if row.mixed} <= across
    assert across == {row.name for row in ROWS if row.group == "cluster"}


def test_every_target_is_about_something_that_is_measured() -> None:
    measured = {(row.name, metric) for row in ROWS for metric in row.metrics}
    assert {(target.row, target.metric) for target in TARGETS} <= measured


def test_no_pattern_selects_all_rows() -> None:
    assert select([]) == ROWS


def test_a_pattern_is_a_name_a_part_of_one_a_wildcard_or_a_group() -> None:
    assert [row.name for row in select(["churn"])] == ["churn"]
    assert [row.name for row in select(["requests-1"])] == ["requests-1"]
    assert [row.name for row in select(["publish-*"])] == ["publish-16", "publish-128"]
    assert [row.name for row in select(["scale"])] == ["idle", "subscriptions", "startup"]
    assert {row.name for row in select(["requests-16", "wild"])} == {"wildcard", "requests-16"}


def test_rows_stay_in_their_order() -> None:
    assert [row.name for row in select(["startup", "idle"])] == ["idle", "startup"]


def test_a_pattern_that_matches_nothing_is_an_error_that_lists_the_rows() -> None:
    with pytest.raises(ValueError, match=r"'nonsense'.*publish-16, .*startup"):
        select(["nonsense"])


def test_titles_say_what_is_counted() -> None:
    idle, startup = select(["idle"])[0], select(["startup"])[0]
    assert idle.metric_title("bytes_each") == "memory per connection"
    assert idle.metric_title("rate") == "connections per second"
    assert startup.metric_title("ready") == "start to first INFO"
    assert select(["death"])[0].metric_title("took") == "until routing is clean"
    assert select(["queue"])[0].metric_title("cpu") == "server CPU per million deliveries"


def test_a_bound_is_met_from_its_own_side() -> None:
    least = target_for("publish-16", "rate", "native", absolute=False)
    most = target_for("flow-1-1-128", "cpu", "native", absolute=False)
    assert least is not None
    assert most is not None
    assert (least.met(2.0), least.met(1.99)) == (True, False)
    assert (most.met(0.25), most.met(0.26)) == (True, False)


def test_what_nobody_promised_has_no_target() -> None:
    assert target_for("publish-16", "rss", "native", absolute=False) is None
    assert target_for("publish-16", "rate", "python", absolute=False) is None
