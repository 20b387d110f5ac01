"""What every reader of a block needs."""

from __future__ import annotations

import pytest

from pubsub.config.options import Options, TlsOptions
from pubsub.config.parser import Token, parse
from pubsub.config.reading import Problems, entries, given, list_of, map_of, unsupported
from pubsub.config.table import by_path
from pubsub.errors import ConfigError, ConfigErrors, InvalidOption, UnknownOption


def test_no_problems_are_no_problem() -> None:
    problems = Problems()
    with problems.caught():
        pass
    assert not problems
    problems.raise_all()


def test_one_problem_is_raised_as_it_is() -> None:
    problems = Problems()
    error = InvalidOption("wrong")
    with problems.caught():
        raise error
    assert problems
    with pytest.raises(InvalidOption) as caught:
        problems.raise_all()
    assert caught.value is error


def test_several_are_told_at_once_and_in_their_order() -> None:
    problems, inner = Problems(), Problems()
    inner.add(InvalidOption("b"))
    inner.add(InvalidOption("c"))
    problems.add(InvalidOption("a"))
    with problems.caught():
        inner.raise_all()
    with pytest.raises(ConfigErrors) as caught:
        problems.raise_all()
    assert [error.message for error in caught.value.errors] == ["a", "b", "c"]


def test_other_failures_are_not_caught() -> None:
    problems = Problems()
    with pytest.raises(ZeroDivisionError), problems.caught():
        raise ZeroDivisionError


def read(text: str, path: str = "tls") -> tuple[list[tuple[str, str]], list[ConfigError]]:
    problems = Problems()
    found = [(row.name, key) for row, key, _ in entries(path, Token(parse(text, "f")), problems)]
    return found, problems._errors


def test_entries_have_their_rows_whatever_their_names() -> None:
    assert read("FIRST: true\ncert_file: c") == (
        [("handshake_first", "FIRST"), ("cert_file", "cert_file")],
        [],
    )


def test_unknown_entries_are_problems_unless_they_are_variables() -> None:
    found, errors = read("mine: c\ncert_file: $mine\nother: d\nkey_fil: k")
    assert found == [("cert_file", "cert_file")]
    assert list(map(str, errors)) == [
        'f:3:1: unknown field "other"',
        'f:4:1: unknown field "key_fil"; did you mean key_file?',
    ]
    assert all(isinstance(error, UnknownOption) for error in errors)


def test_unknown_entries_may_have_another_text_or_be_warned_of() -> None:
    problems = Problems()
    token = Token(parse("x: 1", "f"))
    assert list(entries("tls", token, problems, "no {key} here")) == []
    with pytest.raises(UnknownOption, match=r"f:1:1: no x here"):
        problems.raise_all()
    warnings = []
    problems = Problems()
    reasons = entries("tls", token, problems, warn=lambda at, why: warnings.append((at.line, why)))
    assert list(reasons) == []
    assert warnings == [(1, 'unknown field "x"')]
    assert not problems


@pytest.mark.parametrize("value", ["true", "{}", "[]", "x", "1"])
def test_what_is_not_built_is_a_problem(value: str) -> None:
    found, errors = read(f"ocsp_peer: {value}")
    assert found == []
    assert str(errors[0]) == "f:1:1: ocsp_peer: OCSP is not supported yet by this server"


@pytest.mark.parametrize("value", ["false", "0", "disabled", "disable"])
def test_what_is_not_built_may_be_turned_off(value: str) -> None:
    assert read(f"ocsp_peer: {value}") == ([], [])


def test_the_refusal_has_the_key_as_it_was_written() -> None:
    error = unsupported(by_path("jetstream"), "jetstream", Token(1, "f", 2, 3))
    assert str(error).startswith("f:2:3: jetstream: JetStream is not supported yet")


def test_maps_and_lists() -> None:
    assert map_of(Token({}), "no map") == {}
    assert list_of(Token([]), "no list") == []
    with pytest.raises(InvalidOption, match="no map"):
        map_of(Token([]), "no map")
    with pytest.raises(InvalidOption, match="no list"):
        list_of(Token({}), "no list")


def test_settings_of_one_dataclass_without_those_that_ask_for_the_default() -> None:
    settings = {"port": 0, "host": "h", "tls": True, "tls.timeout": 0.0, "tls.ca_file": "c", "x": 1}
    assert given(settings, "tls", TlsOptions) == {"ca_file": "c"}
    assert given(settings, "", Options) == {"host": "h", "tls": True}
