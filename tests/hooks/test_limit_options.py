"""The options of rate_limit."""

from __future__ import annotations

from typing import Any

import pytest

from pubsub.errors import InvalidOption
from pubsub.hooks.limit_options import LimitOptions, Over, Rates, read_limits


def test_without_options_there_are_no_limits() -> None:
    assert read_limits({}) == LimitOptions()
    assert LimitOptions().of_user("ann") == LimitOptions().of_account("A") == Rates(0, 0, 0)


def test_all_that_can_be_said() -> None:
    options = read_limits(
        {
            "over": "wait",
            "burst": 2,
            "user": {"messages": 1000, "bytes": 1048576, "connections": 0.5},
            "account": {"messages": 20000},
            "users": {"ann": {"messages": 10}},
            "accounts": {"SALES": {"bytes": 5}},
        }
    )
    assert (options.over, options.burst) == (Over.WAIT, 2.0)
    assert options.of_user("bob") == Rates(1000, 1048576, 0.5)
    assert options.of_user("ann") == Rates(10, 0, 0), "in place of the others, not on top"
    assert options.of_account("A") == Rates(20000)
    assert options.of_account("SALES") == Rates(0, 5)


@pytest.mark.parametrize("over", [over.value for over in Over])
def test_what_may_happen_above_a_limit(over: str) -> None:
    assert read_limits({"over": over}).over.value == over


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"over": "explode"}, "over is 'explode'; it may be error, drop, wait, disconnect"),
        ({"over": 1}, "over is 1"),
        ({"over": []}, "over is "),
        ({"burst": 0}, "burst is 0; it must be a number from 0.001"),
        ({"burst": "1s"}, "burst is '1s'"),
        ({"burst": True}, "burst is True"),
        ({"burst": float("nan")}, "burst is nan"),
        ({"user": 5}, "user must be a map"),
        ({"user": {"messages": -1}}, "user.messages is -1"),
        ({"user": {"messages": "many"}}, "user.messages is 'many'"),
        ({"user": {"mesages": 1}}, "user: unknown option 'mesages'; did you mean messages?"),
        ({"users": {"ann": {"x": 1}}}, "users.ann: unknown option 'x'; it knows messages"),
        ({"users": ["ann"]}, "users must be a map"),
        ({"accounts": {"A": 5}}, "accounts.A must be a map"),
        ({"acounts": {}}, "unknown option 'acounts'; did you mean accounts?"),
    ],
)
def test_what_cannot_be_said(options: dict[str, Any], text: str) -> None:
    with pytest.raises(InvalidOption) as error:
        read_limits(options)
    assert text in str(error.value)
