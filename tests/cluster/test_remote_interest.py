"""RS+ and its kin, read and written."""

from __future__ import annotations

import pytest

from pubsub.cluster.remote_interest import Wanted, interest_line, parse_interest
from pubsub.errors import MalformedArguments


@pytest.mark.parametrize(
    ("verb", "argument", "expected"),
    [
        (b"RS+", b"$G foo", Wanted(b"", "$G", b"foo", b"", 1)),
        (b"RS+", b"$G  foo\tq 12", Wanted(b"", "$G", b"foo", b"q", 12)),
        (b"RS+", b"$G foo q x", Wanted(b"", "$G", b"foo", b"q", 1)),
        (b"RS+", b"$G foo q 0", Wanted(b"", "$G", b"foo", b"q", 1)),
        (b"RS+", b"$G foo q 9999999999", Wanted(b"", "$G", b"foo", b"q", 1)),
        (b"RS-", b"$G foo", Wanted(b"", "$G", b"foo", b"", 1)),
        (b"RS-", b"$G foo q", Wanted(b"", "$G", b"foo", b"q", 1)),
        (b"LS+", b"far $G foo", Wanted(b"far", "$G", b"foo", b"", 1)),
        (b"LS+", b"far $G foo q 2", Wanted(b"far", "$G", b"foo", b"q", 2)),
        (b"LS-", b"far $G foo q", Wanted(b"far", "$G", b"foo", b"q", 1)),
    ],
)
def test_lines_are_understood(verb: bytes, argument: bytes, expected: Wanted) -> None:
    assert parse_interest(verb, argument, "", True) == expected


def test_old_servers_do_not_say_whose_interest_ends() -> None:
    wanted = parse_interest(b"LS-", b"$G foo", "", False)
    assert wanted == Wanted(b"", "$G", b"foo", b"", 1)


def test_lines_of_a_connection_for_one_account_do_not_name_it() -> None:
    assert parse_interest(b"RS+", b"foo", "A", True) == Wanted(b"", "A", b"foo", b"", 1)
    assert parse_interest(b"LS+", b"far foo", "A", True) == Wanted(b"far", "A", b"foo", b"", 1)


@pytest.mark.parametrize(
    ("verb", "argument"),
    [
        (b"RS+", b""),
        (b"RS+", b"$G"),
        (b"RS+", b"$G foo q"),
        (b"RS+", b"$G foo q 1 2"),
        (b"RS-", b"$G foo q 1"),
        (b"LS+", b""),
        (b"LS+", b"far"),
        (b"LS-", b"far $G"),
    ],
)
def test_malformed_lines_are_refused(verb: bytes, argument: bytes) -> None:
    with pytest.raises(MalformedArguments) as caught:
        parse_interest(verb, argument, "", True)
    assert ("processRemoteSub" in str(caught.value)) == verb.endswith(b"+")


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ((b"$G", b"", b"foo", b"", 1), b"RS+ $G foo\r\n"),
        ((b"$G", b"", b"foo", b"", 0), b"RS- $G foo\r\n"),
        ((b"$G", b"", b"foo", b"q", 7), b"RS+ $G foo q 7\r\n"),
        ((b"$G", b"", b"foo", b"q", 0), b"RS- $G foo q\r\n"),
        ((b"", b"", b"foo", b"", 1), b"RS+ foo\r\n"),
        ((b"$G", b"far", b"foo", b"", 1), b"LS+ far $G foo\r\n"),
        ((b"$G", b"far", b"foo", b"q", 0), b"LS- far $G foo q\r\n"),
    ],
)
def test_lines_are_written(
    arguments: tuple[bytes, bytes, bytes, bytes, int], expected: bytes
) -> None:
    assert interest_line(*arguments, lnoc=True, lnocu=True) == expected


def test_lines_are_written_for_older_servers() -> None:
    leaf = (b"$G", b"far", b"foo", b"")
    assert interest_line(*leaf, 0, lnoc=True, lnocu=False) == b"LS- $G foo\r\n"
    assert interest_line(*leaf, 1, lnoc=False, lnocu=False) == b"RS+ $G foo\r\n"
