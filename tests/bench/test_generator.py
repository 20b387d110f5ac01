from __future__ import annotations

import sys
from pathlib import Path

import pytest

from bench import generator
from bench.generator import Failure, GeneratorMissing, build, converse, parse_line


def script(text: str) -> list[str]:
    return [sys.executable, "-uc", f"import sys\n{text}"]


def test_lines_are_a_word_and_json() -> None:
    assert parse_line("ready {}") == ("ready", {})
    assert parse_line('done {"seconds": 1.5}') == ("done", {"seconds": 1.5})


def test_a_failure_is_raised_with_its_reason() -> None:
    with pytest.raises(Failure, match="got 7 of 8"):
        parse_line('failed {"error": "subscriber 0 got 7 of 8 messages"}')


@pytest.mark.parametrize("line", ["", "ready", "hello {}", "done [1]", 'done {"x": '])
def test_anything_else_is_a_failure(line: str) -> None:
    with pytest.raises(Failure):
        parse_line(line)


def test_the_server_is_sampled_before_and_after() -> None:
    samples = iter([1, 2])
    program = script(
        "print('ready {}')\n"
        "assert sys.stdin.readline() == 'go\\n'\n"
        "print('done {\"seconds\": 1}')\n"
        "sys.stdin.read()\n"
    )
    assert converse(program, 20, lambda: next(samples)) == ({"seconds": 1}, 1, 2)


def test_a_generator_that_ends_early_is_a_failure() -> None:
    with pytest.raises(Failure, match="without a word"):
        converse(script("pass"), 20, lambda: None)


def test_a_generator_that_says_nothing_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(generator, "GRACE", 0.05)
    with pytest.raises(Failure, match="nothing from the generator"):
        converse(script("sys.stdin.read()"), 0, lambda: None)


def test_what_the_compiler_says_is_passed_on(tmp_path: Path) -> None:
    in_the_way = tmp_path / "build"
    in_the_way.write_text("not a directory")
    with pytest.raises(GeneratorMissing, match="build"):
        build(in_the_way)
