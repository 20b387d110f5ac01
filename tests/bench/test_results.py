from __future__ import annotations

import json
from pathlib import Path

import pytest

from bench.results import Results, load, save
from tests.bench.made_up import NATIVE, PEER, PYTHON, with_mixed


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


def test_mixed_systems_are_kept_and_files_from_before_have_none(tmp_path: Path) -> None:
    path = tmp_path / "latest.json"
    results = with_mixed()
    save(results, path, {})
    assert load(path) == results
    document = json.loads(path.read_text())
    del document["mixed"]
    for server in document["servers"]:
        del server["members"]
    path.write_text(json.dumps(document))
    assert load(path).mixed == []
    assert load(path).peers == results.peers
