"""The accounts block."""

from __future__ import annotations

import pytest

from pubsub.config.build import configure
from pubsub.config.options import Options
from pubsub.errors import ConfigErrors, InvalidOption, UnsupportedOption
from pubsub.values.accounts import AccountLimits, AccountOptions, UserOptions
from pubsub.values.identity import Permissions
from tests.config.minted import ACCOUNT, SEED, USER


def options(text: str) -> Options:
    return configure(text=text).options


def test_an_account_and_what_it_has() -> None:
    given = options(
        f"""
        accounts {{
            A {{
                nkey: {ACCOUNT}
                users: [ {{user: a, password: b}}, {{nkey: {USER}, permissions: {{}}}} ]
                default_permissions: {{ publish: x }}
                limits {{ max_conn: 1, MAX_SUBS: 2, max_pay: 1k, max_leafs: -1 }}
            }}
            B {{}}
        }}
        """
    )
    default = Permissions(("x",))
    assert given.accounts == (
        AccountOptions(
            "A", nkey=ACCOUNT, limits=AccountLimits(1, 2, 1000, -1), default_permissions=default
        ),
        AccountOptions("B"),
    )
    assert given.users == (
        UserOptions("a", "b", account="A", permissions=default),
        UserOptions(nkey=USER, account="A", permissions=Permissions()),
    )


def test_names_alone_are_accounts() -> None:
    assert options('accounts: [ A, "$SYS" ]').accounts == (
        AccountOptions("A"),
        AccountOptions("$SYS"),
    )
    assert options("accounts: []").accounts == ()


def test_an_entry_that_serves_as_a_variable_is_no_account() -> None:
    given = options("accounts { team = [ {user: a} ]\n A { users: $team } }")
    assert [account.name for account in given.accounts] == ["A"]
    assert [user.user for user in given.users] == ["a"]


def test_names_keep_their_case() -> None:
    assert [a.name for a in options("accounts { a {}, A {} }").accounts] == ["a", "A"]


def test_users_of_authorization_come_first() -> None:
    given = options(
        """
        accounts { A { users: [ {user: a} ] } , B { users: [ {user: b} ] } }
        authorization { users: [ {user: c} ] }
        """
    )
    assert [(user.user, user.account) for user in given.users] == [
        *(("c", "$G"), ("a", "A"), ("b", "B"))
    ]


def test_everything_that_is_wrong_is_told_at_once() -> None:
    text = f"""
        accounts {{
            "$G" {{}}
            A: 5
            B {{ nkey: {USER} }}
            C {{ nkey: {SEED} }}
            D {{ nonsense: 1, limits {{ max_conn: x, nonsense: 1, max_subs: 3g }} }}
            E {{ users: 5, mappings: 5, default_permissions: 5, limits: 5 }}
        }}
    """
    with pytest.raises(ConfigErrors) as caught:
        options(text)
    assert [error.message for error in caught.value.errors] == [
        '"$G" is a Reserved Account',
        "Expected map entries for accounts",
        f'Not a valid public nkey for an account: "{USER}"',
        'Not a valid public nkey for an account: "[REDACTED]"',
        'unknown field "nonsense"',
        'max_connections must be a whole number, without quotes, not the string "x"',
        'Unknown field "nonsense" parsing account limits',
        "max_subscriptions value is too big",
        "Expected users field to be an array",
        "mappings must be a map of subjects, { from: to }",
        "Expected permissions to be a map/struct",
        "Expected account limits to be a map/struct",
    ]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("[ A, A ]", "Duplicate Account Entry: A"),
        ('[ "$G" ]', '"$G" is a Reserved Account'),
        ("[ 5 ]", "accounts must be a block, { name: { … } }, or a list of names"),
        ("5", "accounts must be a block, { name: { … } }, or a list of names"),
    ],
)
def test_a_wrong_list_is_refused(text: str, complaint: str) -> None:
    with pytest.raises(InvalidOption) as caught:
        options(f"accounts: {text.replace(']', ' ]')}")
    assert caught.value.message == complaint


@pytest.mark.parametrize("feature", ["jetstream: enabled", "jetstream {}", "msg_trace: x"])
def test_what_is_not_built_is_refused(feature: str) -> None:
    with pytest.raises(UnsupportedOption, match="is not supported yet by this server"):
        options(f"accounts {{ A {{ {feature} }} }}")
    with pytest.raises(UnsupportedOption):
        options("accounts { A { exports: [ {service: a, allow_trace: true} ] } }")


def test_what_is_not_built_may_be_off() -> None:
    text = "accounts { A { jetstream: disabled, exports: [ {service: a, allow_trace: false} ] } }"
    assert options(text).accounts[0].name == "A"
