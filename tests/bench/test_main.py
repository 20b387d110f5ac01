from __future__ import annotations

import json
from pathlib import Path

import pytest

from bench import __main__ as command
from bench.results import Results, save
from tests.bench.made_up import made_up


@pytest.fixture
def saved(results: Results, tmp_path: Path) -> Path:
    path = tmp_path / "saved.json"
    save(results, path, {})
    return path


def test_the_rows_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["--list"]) == 0
    assert "publish-16" in capsys.readouterr().out


def test_saved_results_are_shown_again_and_a_missed_target_is_status_3(
    saved: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command.main(["--replay", str(saved)]) == 3
    assert "**3.00×**" in capsys.readouterr().out


def test_json_is_all_that_is_printed(saved: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command.main(["--replay", str(saved), "--json"])
    document = json.loads(capsys.readouterr().out)
    assert {"runs", "figures", "ratios", "verdicts"} <= set(document)


def test_replayed_results_with_a_name_are_written_anew(saved: Path, tmp_path: Path) -> None:
    command.main(["--replay", str(saved), "--name", "again", "--output", str(tmp_path / "out")])
    written = {path.name for path in (tmp_path / "out").iterdir()}
    assert {"again.json", "again.md"} <= written
    assert len(written) == 4
    assert "## Targets" in (tmp_path / "out" / "again.md").read_text()


def test_pictures_can_be_left_out(saved: Path, tmp_path: Path) -> None:
    where = ["--name", "again", "--output", str(tmp_path / "out"), "--no-plots"]
    command.main(["--replay", str(saved), *where])
    assert len(list((tmp_path / "out").iterdir())) == 2


def test_the_readme_is_brought_up_to_date(saved: Path, tmp_path: Path) -> None:
    readme = tmp_path / "README.md"
    readme.write_text("<!-- benchmarks: begin --><!-- benchmarks: end -->")
    command.main(["--replay", str(saved), "--readme", str(readme)])
    assert "**3.00×**" in readme.read_text()


def test_a_regression_is_status_4(saved: Path, tmp_path: Path) -> None:
    worse = tmp_path / "worse.json"
    save(made_up(native=[2.6e6], peer=[1e6]), worse, {})
    assert command.main(["--replay", str(worse), "--compare", str(saved)]) == 4


def test_a_failed_row_is_status_1(results: Results) -> None:
    results.failures["churn"] = {"native": "lost"}
    assert command.exit_status(results, 1) == 1


def test_quick_runs_are_not_judged_by_targets(results: Results) -> None:
    assert command.exit_status(results, 0) == 3
    results.settings["quick"] = True
    assert command.exit_status(results, 0) == 0


@pytest.mark.parametrize(
    "argv",
    [
        ["--rows", "nonsense"],
        ["--replay", "/no/such/file.json"],
    ],
)
def test_wrong_usage_is_status_2(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(argv) == 2
    assert capsys.readouterr().err.startswith("bench: ")


def test_no_rounds_are_wrong_usage() -> None:
    with pytest.raises(SystemExit) as stop:
        command.arguments(["--rounds", "0"])
    assert stop.value.code == 2
