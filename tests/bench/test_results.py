from __future__ import annotations

import json
from pathlib import Path

import pytest

from bench.results import Results, load, save
from tests.bench.made_up import NATIVE, PEER, PYTHON


def test_what_was_saved_is_loaded(results: Results, tmp_path: Path) -> None:
    results.failures["churn"] = {"native": "round 1: lost"}
    results.skipped["tls-1-1"] = "no OpenSSL"
    path = tmp_path / "latest.json"
    save(results, path, {"verdicts": [1, 2]})
    assert load(path) == results
    assert json.loads(path.read_text())["verdicts"] == [1, 2]


@pytest.mark.parametrize(
    "text", ["[]", '{"format": 99}', '{"format": 1}', '{"format": 1, "servers": [{}]}']
)
def test_another_file_is_refused_by_name(text: str, tmp_path: Path) -> None:
    path = tmp_path / "other.json"
    path.write_text(text)
    with pytest.raises(ValueError, match=r"other\.json"):
        load(path)


def test_values_leave_out_rounds_without_the_metric(results: Results) -> None:
    del results.runs["flow-1-1-128"]["native"][1]["rate"]
    assert results.values("flow-1-1-128", "native", "rate") == [3e6, 9e6]
    assert results.values("flow-1-1-128", "nobody", "rate") == []


def test_ours_and_peers_are_told_apart(results: Results) -> None:
    assert results.ours == [NATIVE, PYTHON]
    assert results.peers == [PEER]
