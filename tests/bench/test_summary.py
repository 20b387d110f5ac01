from __future__ import annotations

from bench.results import Results
from bench.rows import select
from bench.summary import (
    figures,
    headline_metrics,
    main_server,
    measured_rows,
    mixed_ratio,
    ratio,
    ratio_table,
    verdicts,
)
from tests.bench.made_up import MIXED, NATIVE, PEER, PYTHON, made_up, with_mixed


def test_ratios_pair_the_rounds(results: Results) -> None:
    found = ratio(results, "flow-1-1-128", "rate", "native", PEER.key)
    assert found is not None
    assert (found.minimum, found.median, found.maximum) == (3.0, 3.0, 3.0)


def test_there_is_no_ratio_without_figures(results: Results) -> None:
    assert ratio(results, "publish-16", "rate", "native", PEER.key) is None
    assert ratio(results, "flow-1-1-128", "rss", "native", PEER.key) is None


def test_every_metric_of_every_server_is_a_figure(results: Results) -> None:
    assert {(f.metric, f.server) for f in figures(results)} == {
        (metric, server.key) for metric in ("rate", "cpu") for server in (NATIVE, PYTHON, PEER)
    }


def test_each_of_ours_is_compared_with_each_peer(results: Results) -> None:
    assert {(r.ours, r.peer) for r in ratio_table(results, ["rate"])} == {
        ("native", PEER.key),
        ("python", PEER.key),
    }


def test_promises_are_judged_by_medians(results: Results) -> None:
    judged = {(v.target.metric, v.ours, v.peer): v.met for v in verdicts(results)}
    assert judged == {
        ("rate", "native", PEER.key): True,
        ("cpu", "native", PEER.key): False,
        ("rate", "python", ""): True,
    }


def test_a_missed_absolute_target_shows() -> None:
    slow = made_up(python=[99_000.0])
    assert [(v.met, v.value) for v in verdicts(slow)] == [(False, 99_000.0)]


def test_rows_without_figures_are_not_measured_rows(results: Results) -> None:
    results.runs["publish-16"] = {}
    assert [row.name for row in measured_rows(results)] == ["flow-1-1-128"]


def test_the_short_table_shows_the_first_metric_promises_and_chosen_ones() -> None:
    shown = {row.name: headline_metrics(row) for row in select([])}
    assert shown["publish-16"] == ["rate"]
    assert shown["flow-4-4-128"] == ["rate", "cpu"]
    assert shown["churn"] == ["rate", "churn_rate", "kept"]


def test_the_native_backend_is_the_one_to_show(results: Results) -> None:
    assert main_server(results) == NATIVE
    results.servers.remove(NATIVE)
    assert main_server(results) == PYTHON
    results.servers.remove(PYTHON)
    assert main_server(results) is None


def test_some_promises_compare_two_rows_of_our_own() -> None:
    results = made_up(native=[10.0, 20.0, 40.0])
    results.runs["imported-1-1"] = {"native": [{"rate": rate} for rate in (4.0, 12.0, 30.0)]}
    judged = [v for v in verdicts(results) if v.target.row == "imported-1-1"]
    assert [(v.peer, v.value, v.met) for v in judged] == [("flow-1-1-128", 0.6, True)]


def test_a_mixed_system_is_compared_with_its_peer_and_is_nobody_elses_peer() -> None:
    results = with_mixed()
    found = mixed_ratio(results, "routed-1-1", "rate", MIXED)
    assert found is not None
    assert found.median == 1.5
    assert mixed_ratio(results, "publish-16", "rate", MIXED) is None
    assert {r.peer for r in ratio_table(results)} == {PEER.key}
    assert MIXED.key in {figure.server for figure in figures(results)}
