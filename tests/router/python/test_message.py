"""PUB and HPUB lines as messages."""

from __future__ import annotations

import pytest

from pubsub.errors import MalformedArguments, MaximumPayloadViolation
from pubsub.router.python.message import (
    Message,
    parse_hpub,
    parse_pub,
    parse_size,
    split_fields,
)


@pytest.mark.parametrize(
    ("digits", "size"),
    [
        (b"0", 0),
        (b"007", 7),
        (b"999999999", 999_999_999),
        (b"0000000000", -1),
        (b"", -1),
        (b"-1", -1),
        (b"+1", -1),
        (b"1_0", -1),
        (b" 1", -1),
        ("٣".encode(), -1),
    ],
)
def test_sizes(digits: bytes, size: int) -> None:
    assert parse_size(digits) == size


def test_fields_stand_between_any_number_of_separators() -> None:
    assert split_fields(b" a \t b\tc ", b" \t") == [b"a", b"b", b"c"]
    assert split_fields(b"a\rb\nc", b" \t") == [b"a\rb\nc"]
    assert split_fields(b"a\rb\nc", b" \t\r\n") == [b"a", b"b", b"c"]
    assert split_fields(b"", b" ") == []


def fields(message: Message) -> tuple[object, ...]:
    return (
        message.subject, message.reply, message.header_size, message.size,
        message.header_digits, message.size_digits,
    )  # fmt: skip


def test_pub() -> None:
    assert fields(parse_pub(b"foo 05", -1)) == (b"foo", b"", 0, 5, b"", b"05")
    assert fields(parse_pub(b"foo\tbar 5", 5)) == (b"foo", b"bar", 0, 5, b"", b"5")


def test_hpub() -> None:
    assert fields(parse_hpub(b"foo 02 5", -1)) == (b"foo", b"", 2, 5, b"02", b"5")
    assert fields(parse_hpub(b"foo bar 5 5", 5)) == (b"foo", b"bar", 5, 5, b"5", b"5")


def test_what_is_too_large_is_a_fault() -> None:
    with pytest.raises(MaximumPayloadViolation, match=r"^6 vs 5$"):
        parse_pub(b"foo 6", 5)
    with pytest.raises(MaximumPayloadViolation, match=r"^6 vs 5$"):
        parse_hpub(b"foo 1 6", 5)


@pytest.mark.parametrize("argument", [b"", b"foo", b"a b c d", b"foo x"])
def test_malformed_pubs(argument: bytes) -> None:
    with pytest.raises(MalformedArguments, match=r"^processPub "):
        parse_pub(argument, -1)


@pytest.mark.parametrize(
    "argument", [b"", b"foo 1", b"a b 1 2 3", b"foo x 1", b"foo 1 x", b"a 2 1"]
)
def test_malformed_hpubs(argument: bytes) -> None:
    with pytest.raises(MalformedArguments, match=r"^processHeaderPub "):
        parse_hpub(argument, -1)


def test_a_message_that_was_never_on_the_wire() -> None:
    message = Message.of(b"foo", b"bar", b"NATS/1.0\r\n\r\n", b"hi")
    assert fields(message) == (b"foo", b"bar", 12, 14, b"12", b"14")
    assert fields(Message.of(b"foo", b"", b"", b"")) == (b"foo", b"", 0, 0, b"", b"0")


def test_a_message_on_another_subject_is_otherwise_the_same() -> None:
    message = Message(b"a", b"r", 5, b"05", 3, b"3")
    message.via, message.share = (1, 2), True
    changed = message.delivered_on(b"b")
    for name in Message.__slots__:
        expected = b"b" if name == "subject" else getattr(message, name)
        assert getattr(changed, name) == expected


def test_a_message_remembers_the_imports_it_came_through() -> None:
    first, second = object(), object()
    message = Message(b"a", b"r", 0, b"0").readdressed(b"b", b"s", first)
    message = message.readdressed(b"c", b"", second)
    assert (message.subject, message.reply, message.via) == (b"c", b"", (first, second))
