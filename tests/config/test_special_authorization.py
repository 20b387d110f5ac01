"""The authorization block, auth callout and proxies."""

from __future__ import annotations

import pytest

from pubsub.config.build import configure
from pubsub.config.options import AuthorizationOptions, CalloutOptions, Options, PluginOptions
from pubsub.config.special_authorization import shown_key
from pubsub.errors import ConfigErrors, InvalidOption
from pubsub.values.identity import Permissions
from tests.config.minted import ACCOUNT, CURVE, SEED, USER


def options(text: str) -> Options:
    return configure(text=text).options


def refusal(text: str) -> str:
    with pytest.raises(InvalidOption) as caught:
        configure(text=text, path="f")
    return str(caught.value)


def test_authorization_may_name_a_plugin_with_options_of_its_own() -> None:
    given = options("authorization { plugin: ldap, options { url: x, n: [ 1 ], deep { a: b } } }")
    assert given.authorization == AuthorizationOptions(
        plugin="ldap", options={"url": "x", "n": [1], "deep": {"a": "b"}}
    )


def test_several_plugins_are_asked_in_their_order() -> None:
    text = "plugins: [ a, { plugin: b, options { k: 1 } }, { name: c }, a ]"
    assert options(f"authorization {{ {text} }}").authorization.plugins == (
        PluginOptions("a"),
        PluginOptions("b", {"k": 1}),
        PluginOptions("c"),
        PluginOptions("a"),
    )


def test_plugins_go_together_with_users() -> None:
    given = options("authorization { plugins: [ a ], users: [ {user: u} ], timeout: 3 }")
    assert [user.user for user in given.users] == ["u"]
    assert given.authorization.plugins == (PluginOptions("a"),)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("plugins: a", "f:1:17: authorization.plugins must be a list of names or blocks"),
        ('plugins: [ "" ]', "f:1:28: a plugin is a name, or a block { plugin: name, options: "),
        ("plugins: [ 5 ]", "f:1:28: a plugin is a name, or a block { plugin: name, options: "),
        ("plugins: [ {} ]", "f:1:28: a plugin needs its name: { plugin: name }"),
        ("plugins: [ {plugin: 5} ]", "f:1:29: plugin must be a string"),
        ("plugins: [ {plugin: a, options: 5} ]", "f:1:40: options of a plugin must be a map"),
        ("plugin: a, plugins: [ b ]", "f:1:1: Cannot have a plugin and plugins; add it to the"),
        ("options { a: b }", "f:1:1: authorization.options are for a plugin; name it with plugin"),
        ("options: 5", "f:1:17: authorization.options must be a map, { name: value }"),
        ("user: a, token: b", "f:1:1: Cannot have a user/pass and token"),
        ("password: a, token: b", "f:1:1: Cannot have a user/pass and token"),
        ("user: a, users: []", "f:1:1: Can not have a single user/pass and a users array"),
        ("token: a, users: []", "f:1:1: Can not have a token and a users array"),
    ],
)
def test_what_excludes_each_other_is_refused(text: str, complaint: str) -> None:
    assert refusal(f"authorization {{ {text} }}").startswith(complaint)


def test_defaults_are_for_users_of_the_list_who_have_none() -> None:
    given = options(
        """
        authorization {
            users: [ {user: a}, {user: b, permissions: {}} ]
            default_permissions: { publish: x }
            proxy_required: true
        }
        accounts { A { users: [ {user: c} ] } }
        """
    )
    default = Permissions(("x",))
    assert [user.permissions for user in given.users] == [default, Permissions(), None]
    assert given.authorization.default_permissions == default
    assert given.authorization.proxy_required


class TestCallout:
    def test_all_of_it(self) -> None:
        text = f"""
            authorization {{
                auth_callout {{
                    issuer: {ACCOUNT}
                    account: A
                    auth_users: [ u, {USER} ]
                    xkey: {CURVE}
                    allowed_accounts: [ A, B ]
                }}
                users: [ {{user: u}} ]
            }}
            accounts {{ A {{}}, B {{}} }}
        """
        assert options(text).authorization.auth_callout == CalloutOptions(
            ACCOUNT, "A", ("u", USER), CURVE, ("A", "B")
        )

    def test_the_least(self) -> None:
        text = f'auth_hook {{ issuer: {ACCOUNT}, users: [ u ], acc: "" }}'
        assert options(f"authorization {{ {text} }}").authorization.auth_callout == (
            CalloutOptions(ACCOUNT, "$G", ("u",))
        )

    def test_a_seed_instead_of_a_key_is_not_shown(self) -> None:
        text = f"authorization {{ auth_callout {{ issuer: {SEED}, auth_users: [ u ] }} }}"
        assert SEED not in refusal(text)


class TestProxies:
    def test_the_keys_of_those_that_are_trusted(self) -> None:
        text = f"proxies {{ trusted: [ {{key: {USER}}}, {{public_key: {CURVE}}} ] }}"
        assert options(text).trusted_proxies == (USER, CURVE)
        assert options("proxies { trusted: [] }").trusted_proxies == ()

    def test_everything_that_is_wrong_is_told(self) -> None:
        text = f"proxies {{ trusted: [ 5, {{}}, {{key: x, foo: y}}, {{key: {SEED}}} ] }}"
        with pytest.raises(ConfigErrors) as caught:
            options(text)
        assert [error.message for error in caught.value.errors] == [
            "expected proxies' trusted entry to be a map/struct",
            'proxy trusted key "" is invalid',
            'invalid proxy key "x"',
            'unknown field "foo"',
            'invalid proxy key "[REDACTED]"',
        ]


def test_a_key_is_shown_and_a_seed_is_not() -> None:
    assert shown_key(USER) == f'"{USER}"'
    assert shown_key("x") == '"x"'
    assert shown_key(SEED) == '"[REDACTED]"'
    assert shown_key(5) == '"[REDACTED]"'
