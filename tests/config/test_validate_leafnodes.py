"""Leaf nodes and accounts."""

from __future__ import annotations

import pytest

from pubsub.config.build import configure
from pubsub.config.options import (
    LeafNodeOptions,
    LeafRemoteOptions,
    LeafUrl,
    LeafUserOptions,
    Options,
)
from pubsub.config.places import Places
from pubsub.config.validate_leafnodes import validate_leafnodes
from pubsub.errors import ConfigError, InvalidOption

KEY = "ABJHLOVMPA4CI6R5KLNGOB4GSLNIY7IOUPAJC4YFNDLQVIOBYQGUWVLA"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (
            "leafnodes { authorization { user: u, account: X } }",
            'f:1:38: cannot find local account "X" specified in leafnode authorization',
        ),
        (
            "leafnodes { authorization { users: [ { user: u, account: X } ] } }",
            'f:1:49: cannot find local account "X" specified in leafnode authorization',
        ),
        (
            "leafnodes { remotes: [ { url: h, account: X } ] }",
            'f:1:34: cannot find local account "X" specified in leafnode remote',
        ),
    ],
)
def test_accounts_must_exist(text: str, complaint: str) -> None:
    with pytest.raises(ConfigError) as caught:
        configure(text=text, path="f")
    assert str(caught.value) == complaint
    assert configure(text=f"{text}\naccounts {{ X {{ }} }}").options.leafnodes


def test_those_that_always_exist_may_be_named() -> None:
    configure(text='leafnodes { remotes: [ { url: h, account: "$SYS" }, { url: h } ] }')


def operator(**fields: object) -> Options:
    leafnodes = LeafNodeOptions(**fields)  # type: ignore[arg-type]
    return Options(trusted_keys=("O",), leafnodes=leafnodes)


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (operator(users=(LeafUserOptions("u"),)), "does not allow specifying users"),
        (
            operator(remotes=(LeafRemoteOptions((LeafUrl("h"),)),)),
            "requires account nkeys",
        ),
        (operator(port=1, user="u", account="A"), "non account nkeys are incompatible"),
    ],
)
def test_in_operator_mode_accounts_are_keys(options: Options, complaint: str) -> None:
    with pytest.raises(InvalidOption, match=complaint):
        validate_leafnodes(options, Places())


def test_in_operator_mode_keys_will_do() -> None:
    remote = LeafRemoteOptions((LeafUrl("h"),), account=KEY)
    validate_leafnodes(operator(port=1, user="u", account=KEY, remotes=(remote,)), Places())
