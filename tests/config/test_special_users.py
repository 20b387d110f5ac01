"""Users and their permissions, as they come out of a file."""

from __future__ import annotations

import pytest

from pubsub.config.build import configure
from pubsub.config.special_users import CONNECTION_TYPES, is_subject
from pubsub.errors import ConfigError, ConfigErrors
from pubsub.values.accounts import UserOptions
from pubsub.values.identity import Permissions, ResponsePermission
from tests.config.minted import SEED, USER

ANSWER = ResponsePermission()


def users(text: str) -> tuple[UserOptions, ...]:
    return configure(text=f"authorization {{ users: [ {text} ] }}").options.users


def permissions(text: str) -> Permissions | None:
    return users(f"{{user: u, permissions: {text}}}")[0].permissions


def test_a_user_has_a_name_and_a_password_or_a_key() -> None:
    assert users(f"{{USER: a, Pass: b}}, {{nkey: {USER}}}, {{username: c}}") == (
        UserOptions("a", "b"),
        UserOptions(nkey=USER),
        UserOptions("c"),
    )


def test_a_bcrypt_password_needs_no_quotes() -> None:
    hashed = "$2a$11$W2zko751KUvVy59mUTWmpOdWjpEm5qhcCZRd05GjI/sSOT.xtiHyG"
    assert users(f"{{user: a, password: {hashed}}}")[0].password == hashed


def test_connection_types_do_not_care_about_case() -> None:
    text = "{user: a, allowed_connection_types: [ mqtt, Standard, MQTT ]}, {user: b, clients: ws}"
    assert users(text.replace("ws", "in_process")) == (
        UserOptions("a", connection_types=frozenset({"MQTT", "STANDARD"})),
        UserOptions("b", connection_types=frozenset({"IN_PROCESS"})),
    )
    every = " , ".join(CONNECTION_TYPES)
    assert users(f"{{user: a, clients: [ {every} ]}}")[0].connection_types == CONNECTION_TYPES


def test_a_user_may_be_asked_to_come_by_a_proxy() -> None:
    assert users("{user: a, proxy_required: true}")[0].proxy_required


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{}", Permissions()),
        ("{ publish: a, subscribe: [ b, c ] }", Permissions(("a",), (), ("b", "c"))),
        ("{ pub: { deny: a }, sub: { deny: [ b ] } }", Permissions(None, ("a",), None, ("b",))),
        (
            "{ import: { allow: a, deny: b }, export: { Allow: c, Deny: d } }",
            Permissions(("a",), ("b",), ("c",), ("d",)),
        ),
        ('{ subscribe: [ "a.* q.>", b ] }', Permissions(None, (), ("a.* q.>", "b"))),
        # nats-server takes an empty list for none
        ("{ publish: [], subscribe: { allow: [] } }", Permissions()),
        ("{ publish: {} }", Permissions()),
        ("{ allow_responses: false }", Permissions()),
        # who may answer may publish nothing else, unless something is said of that
        ("{ allow_responses: true }", Permissions((), responses=ANSWER)),
        ("{ publish: [], allow_responses: true }", Permissions((), responses=ANSWER)),
        (
            "{ publish: { deny: x }, allow_responses: on }",
            Permissions((), ("x",), responses=ANSWER),
        ),
        ("{ allow_responses: true, publish: x }", Permissions(("x",), responses=ANSWER)),
        (
            '{ allow_responses: { max: 5, expires: "1m" } }',
            Permissions((), responses=ResponsePermission(5, 60.0)),
        ),
        (
            '{ publish_allow_responses: { max_msgs: -1, ttl: "-1s" } }',
            Permissions((), responses=ResponsePermission(-1, -1.0)),
        ),
        (
            '{ allow_responses: { max_messages: 0, expiration: "0s" } }',
            Permissions((), responses=ANSWER),
        ),
    ],
)
def test_permissions(text: str, expected: Permissions) -> None:
    assert permissions(text) == expected


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("{ publish: a, x: b }", 'Unknown field "x" parsing permissions'),
        ("{ subscribe: { allow: a, x: b } }", 'Unknown field name "x" parsing subject permissions'),
        ('{ subscribe: "a b c" }', 'subject "a b c" is not a valid subject'),
        ('{ subscribe: "a..b c" }', 'subject "a..b" is not a valid subject'),
        ('{ subscribe: "a b..c" }', 'queue "b..c" is not a valid queue'),
        ('{ publish: "a b" }', 'subject "a b" is not a valid subject'),
        ("{ allow_responses: { max: x } }", "max must be a whole number"),
        ('{ allow_responses: { expires: "x" } }', "error parsing expires: time: invalid duration"),
        ("{ allow_responses: { expires: 5 } }", "error parsing expires, not a duration string"),
        ("{ allow_responses: 5 }", "error parsing response permissions, expected a boolean or a"),
        ("{ publish: 5 }", "Expected subject permissions to be a subject, or array of subjects"),
        ("{ publish: [ 5 ] }", "Subject in permissions array cannot be cast to string"),
        ("5", "Expected permissions to be a map/struct"),
    ],
)
def test_wrong_permissions_are_refused(text: str, complaint: str) -> None:
    with pytest.raises(ConfigError) as caught:
        permissions(text)
    assert complaint in str(caught.value)


def test_everything_that_is_wrong_with_users_is_told_at_once() -> None:
    text = f"""
        {{user: 5}}
        7
        {{nkey: {SEED}}}
        {{user: a, nkey: {USER}}}
        {{password: b}}
        {{user: c, clients: [ x, mqtt, y ]}}
        {{user: d, clients: [ 5 ], permissions: {{ publish: [ "e e", "f f" ] }}, nonsense: g}}
    """
    with pytest.raises(ConfigErrors) as caught:
        users(text)
    assert [error.message for error in caught.value.errors] == [
        "user must be a string (put it in quotes), not the number 5",
        "Expected user entry to be a map/struct",
        "Not a valid public nkey for a user",
        "Nkey users do not take usernames or passwords",
        "User entry requires a user",
        'invalid connection types ["X" "Y"]',
        "error parsing allowed connection types: a name is a string",
        'subject "e e" is not a valid subject',
        'subject "f f" is not a valid subject',
        'unknown field "nonsense"',
    ]
    assert SEED not in str(caught.value)


@pytest.mark.parametrize("subject", ["a", "a.b", "*", ">", "a.*.>", "a>", "ä.☃", "$SYS.x"])
def test_subjects(subject: str) -> None:
    assert is_subject(subject)


@pytest.mark.parametrize("subject", ["", ".", "a.", ".a", "a..b", ">.a", "a b", "a\t", "a.\n"])
def test_what_is_no_subject(subject: str) -> None:
    assert not is_subject(subject)
