"""From tokens to values."""

from __future__ import annotations

import pytest

from pubsub.config.parser import Token, parse
from pubsub.config.row import Option, ValueKind
from pubsub.config.values import (
    convert,
    has_converter,
    invalid,
    parse_address,
    split_host_port,
    string_list,
)
from pubsub.errors import InvalidOption


def token(text: str) -> Token:
    return parse(f"key = {text}", "f")["key"]


def converted(kind: ValueKind, text: str, **row: object) -> object:
    def unexpected(_: Token, reason: str) -> None:
        raise AssertionError(reason)

    return convert(Option("block.key", kind, "", **row), token(text), unexpected)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        (ValueKind.STRING, "x", "x"),
        (ValueKind.BOOL, "on", True),
        (ValueKind.INTEGER, "-5", -5),
        (ValueKind.SIZE, "2kb", 2048),
        (ValueKind.PORT, "-1", -1),
        (ValueKind.PORT, "65535", 65535),
        (ValueKind.DURATION, '"1m"', 60.0),
        (ValueKind.STRICT_DURATION, '"1m"', 60.0),
        (ValueKind.SECONDS, "5", 5.0),
        (ValueKind.SECONDS, "0.5", 0.5),
        (ValueKind.SECONDS, '"5s"', 5.0),
        (ValueKind.MAP, "{ a: b }", {"a": "b"}),
        (ValueKind.ANY, "{ a: [ 1 ] }", {"a": [1]}),
    ],
)
def test_each_kind_takes_its_values(kind: ValueKind, text: str, value: object) -> None:
    assert converted(kind, text) == value
    assert type(converted(kind, text)) is type(value)


@pytest.mark.parametrize(
    ("kind", "text", "complaint"),
    [
        (ValueKind.STRING, "5", "key must be a string (put it in quotes), not the number 5"),
        (ValueKind.BOOL, "[]", "key must be true or false, without quotes, not a list"),
        (ValueKind.INTEGER, "{}", "key must be a whole number, without quotes, not a map"),
        (ValueKind.SIZE, "1.5", "key must be a whole number, without quotes, not the number 1.5"),
        (ValueKind.PORT, "-2", "key must be a port from 0 to 65535, or -1, not -2"),
        (ValueKind.DURATION, "1.5", 'key must be a duration such as "2m" or "1h30m", not the numb'),
        (ValueKind.STRICT_DURATION, '"x"', 'error parsing key: time: invalid duration "x"'),
        (ValueKind.SECONDS, "[]", "error parsing block config, 'timeout' wrong type: write seco"),
        (ValueKind.MAP, "[]", "key must be a map, { name: value }, not a list"),
        (ValueKind.MAP, "{ a: 1 }", "key: the value of a must be a string in quotes"),
    ],
)
def test_each_kind_refuses_others_at_their_place(
    kind: ValueKind, text: str, complaint: str
) -> None:
    with pytest.raises(InvalidOption) as caught:
        converted(kind, text)
    assert caught.value.message.startswith(complaint)
    assert (caught.value.file, caught.value.line) == ("f", 1)


def test_numbers_keep_to_their_range() -> None:
    assert converted(ValueKind.INTEGER, "5", minimum=5, maximum=5) == 5
    for text, complaint in (("4", "key must be 5 or more, not 4"), ("6", "key value is too big")):
        with pytest.raises(InvalidOption, match=complaint):
            converted(ValueKind.INTEGER, text, minimum=5, maximum=5)


def test_a_choice_is_one_of_a_few() -> None:
    assert converted(ValueKind.CHOICE, "b", choices=("a", "b")) == "b"
    with pytest.raises(InvalidOption, match="key must be 'a', 'b' or 'c'"):
        converted(ValueKind.CHOICE, "d", choices=("a", "b", "c"))


def test_a_secret_is_not_repeated() -> None:
    with pytest.raises(InvalidOption) as caught:
        converted(ValueKind.STRING, "12345", secret=True)
    assert "12345" not in str(caught.value)


def test_a_bare_number_for_a_duration_is_taken_as_seconds_with_a_warning() -> None:
    warnings: list[tuple[int, str]] = []
    row = Option("key", ValueKind.DURATION, "")
    value = convert(row, token("2m"), lambda where, text: warnings.append((where.column, text)))
    assert value == 2_000_000.0
    ((column, text),) = warnings
    assert column == 1
    assert text == (
        'invalid use of field "key": key should be converted to a duration '
        "(an unquoted 2m is the number 2000000)"
    )


def test_some_kinds_need_more_than_a_converter() -> None:
    assert has_converter(ValueKind.STRING)
    assert not has_converter(ValueKind.BLOCK)


def test_one_string_is_a_list_of_one() -> None:
    row = Option("key", ValueKind.STRINGS, "")
    assert string_list(row, token("x")) == ("x",)
    assert string_list(row, token("[ x, y ]")) == ("x", "y")
    with pytest.raises(InvalidOption, match="f:1:9: key must be a string or a list of strings"):
        string_list(row, token("[ 5 ]"))


@pytest.mark.parametrize(
    ("text", "sides"),
    [("h:1", ("h", "1")), (":1", ("", "1")), ("h:", ("h", "")), ("[::1]:1", ("::1", "1"))],
)
def test_host_and_port_have_a_colon_between_them(text: str, sides: tuple[str, str]) -> None:
    assert split_host_port(text) == sides


@pytest.mark.parametrize("text", ["h", "::1", "[::1]", "[::1", "a:b:c", "[a]b:1", ""])
def test_other_texts_are_no_address(text: str) -> None:
    with pytest.raises(ValueError, match="could not parse address string"):
        split_host_port(text)


def test_an_address_is_a_port_or_host_and_port() -> None:
    assert parse_address(token("5")) == ("", 5)
    assert parse_address(token("h:-1")) == ("h", -1)
    with pytest.raises(InvalidOption, match="expected port or host:port"):
        parse_address(token("yes"))


def test_an_error_has_the_place_of_the_token() -> None:
    assert str(invalid("wrong", Token(1, "f", 2, 3))) == "f:2:3: wrong"
