from __future__ import annotations

import pytest

from bench.report import (
    full_report,
    headline_table,
    insert,
    mixed_table,
    readme_section,
    table,
)
from bench.results import Results
from tests.bench.made_up import MIXED, PEER, with_mixed


def test_a_table_is_padded_markdown() -> None:
    assert table(["a", "bb"], [["one", "2"], ["x", "345"]]) == (
        "| a   |  bb |\n"  # the first column to the left, the others to the right
        "|-----|----:|\n"
        "| one |   2 |\n"
        "| x   | 345 |"
    )


def test_the_short_table_has_medians_ratios_and_targets(results: Results) -> None:
    lines = headline_table(results).splitlines()
    assert [cell.strip() for cell in lines[0].split("|")[1:-1]] == [
        "",
        "pubsub native",
        "pubsub python",
        "nats-server 2.9.10",
        "native / nats-server 2.9.10",
        "target",
    ]
    assert [cell.strip() for cell in lines[2].split("|")[1:-1]] == [
        "1:1, 128 B: deliveries per second",
        "6.00 M/s",
        "200 k/s",
        "2.00 M/s",
        "**3.00×** (3.00×–3.00×)",
        "≥ 2.5× ✓, python ≥ 100 k/s ✓",
    ]
    assert "≤ 0.25× ✗" in lines[3]


def test_a_failure_is_loud(results: Results) -> None:
    results.failures["flow-1-1-128"] = {PEER.key: "round 2: subscriber 0 got 7 of 8 messages"}
    assert "FAILED" in headline_table(results)
    report = full_report(results)
    assert "- **flow-1-1-128** failed on nats-server-2.9.10: round 2: subscriber 0 got 7" in report


def test_the_report_tells_machine_servers_skipped_rows_and_pictures(results: Results) -> None:
    results.skipped["tls-1-1"] = "No module named 'cryptography'"
    report = full_report(results, ["latest-cpu.png"])
    assert "Z80, 2 cores, 16 GiB, Linux 6.1, CPython 3.11.7, 2026-01-02." in report
    assert "- tls-1-1 was not measured: No module named 'cryptography'" in report
    assert "![latest-cpu.png](latest-cpu.png)" in report
    assert "- nats-server 2.9.10: `nats-server`, version 2.9.10" in report
    assert "| pubsub python / nats-server 2.9.10 |" in report


def test_rows_in_which_the_generator_was_the_limit_are_named(results: Results) -> None:
    assert "generator was busy" not in full_report(results)
    for run in results.runs["flow-1-1-128"]["native"]:
        run["client_cpu"] = 0.97
    assert "- flow-1-1-128: the load generator was busy" in full_report(results)
    for run in results.runs["flow-1-1-128"]["native"]:
        run["server_cpu"] = 0.98
    assert "generator was busy" not in full_report(results)


def test_the_readme_gets_the_table_between_its_marks(results: Results) -> None:
    readme = "# x\n<!-- benchmarks: begin -->\nold\n<!-- benchmarks: end -->\nrest\n"
    section = readme_section(results)
    assert "Medians of 3 interleaved rounds of 2 s" in section
    once = insert(readme, section)
    assert once.startswith("# x\n<!-- benchmarks: begin -->\n|")
    assert once.endswith("\n<!-- benchmarks: end -->\nrest\n")
    assert "old" not in once
    assert insert(once, section) == once


def test_a_file_without_marks_is_left_alone() -> None:
    with pytest.raises(ValueError, match="benchmarks: begin"):
        insert("# x\n", "table")


def test_mixed_systems_have_a_table_of_their_own() -> None:
    results = with_mixed()
    lines = [
        [cell.strip() for cell in line.split("|")[1:-1]]
        for line in mixed_table(results).splitlines()
    ]
    assert lines[0] == ["", "native → nats-server 2.9.10"]
    assert lines[2] == ["1:1, 128 B, over a route: deliveries per second", "3.00 M/s (**1.50×**)"]
    assert "→" not in headline_table(results)
    assert mixed_table(results) in readme_section(results)
    assert mixed_table(results) in full_report(results)


def test_a_mixed_system_that_failed_shows() -> None:
    results = with_mixed()
    del results.runs["routed-1-1"][MIXED.key]
    results.failures["routed-1-1"] = {MIXED.key: "round 1: lost"}
    assert "FAILED" in mixed_table(results)


def test_without_mixed_systems_there_is_no_such_table(results: Results) -> None:
    assert mixed_table(results) == ""
    assert "in one system" not in full_report(results)
