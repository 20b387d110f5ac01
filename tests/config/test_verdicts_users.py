"""Users and permissions that nats-server 2.15.2 was asked about with ``-t``: the same verdict."""

from __future__ import annotations

import pytest

from pubsub.config.build import configure
from pubsub.errors import ConfigError
from tests.config.minted import ACCOUNT, SEED, USER


def users(text: str) -> str:
    return f"authorization {{ users: [ {text} ] }}"


def permissions(text: str) -> str:
    return users(f"{{user: u, permissions: {text}}}")


#: Accepted.
VALID = [
    users("{user: a, password: b}"),
    users("{username: a, pass: b}"),
    users(f"{{nkey: {USER}}}"),
    users("{user: a, allowed_connection_types: mqtt}"),
    users(
        "{user: a, connection_types: [ mqtt, leafnode_ws, in_process, Websocket, mqtt_ws, "
        "leafnode ]}"
    ),
    users("{user: a, clients: []}"),
    users("{user: a, proxy_required: true}"),
    users("{user: a, proxy_required: yes}"),
    "authorization { users: [ {user: a} ], password: x }",
    "authorization { user: x, password: y, default_permissions: { publish: a } }",
    'authorization { default_permission: { sub: "a b" }, users: [ {user: a } ] }',
    'authorization { permissions: { sub: "a b" }, users: [ {user: a } ] }',
    permissions("{ publish: foo }"),
    permissions('{ publish: [ foo, bar.*, "baz.>" ] }'),
    permissions("{ publish: {} }"),
    permissions("{ publish: { allow: [], deny: [] } }"),
    permissions("{ publish: { allow: foo, deny: bar } }"),
    permissions('{ subscribe: { allow: "foo q", deny: [ "bar q", "> q.*" ] } }'),
    permissions("{ import: foo, export: bar }"),
    permissions("{ pub: foo, sub: bar }"),
    permissions("{ allow_responses: true }"),
    permissions("{ allow_responses: false }"),
    permissions("{ allow_responses: yes }"),
    permissions('{ allow_responses: { max: 5, expires: "1m" } }'),
    permissions('{ publish_allow_responses: { max_msgs: -1, ttl: "-1s" } }'),
    permissions('{ allow_responses: { max_messages: 0, expiration: "0s" } }'),
    "authorization { users: [ {user: a, authorization: { pub: a } } ] }",
    "authorization { password: b }; accounts { A { users: [ {user: a} ] } }",
    "authorization { user: a, password: b }; accounts { A { } }",
]

#: Refused. Where it only tells of a failed type conversion, the texts are ours.
INVALID = [
    (users(f"{{nkey: {ACCOUNT}}}"), "f:1:26: Not a valid public nkey for a user"),
    (users(f"{{nkey: {SEED}}}"), "f:1:26: Not a valid public nkey for a user"),
    (users("{nkey: UX}"), "f:1:26: Not a valid public nkey for a user"),
    (users(f"{{nkey: {USER}, user: a}}"), "f:1:26: Nkey users do not take usernames or passwords"),
    (
        users(f"{{nkey: {USER}, password: a}}"),
        "f:1:26: Nkey users do not take usernames or passwords",
    ),
    (users("{password: a}"), "f:1:26: User entry requires a user"),
    (users("{}"), "f:1:26: User entry requires a user"),
    (users("5"), "f:1:26: Expected user entry to be a map/struct"),
    (users("{user: 5}"), "f:1:27: user must be a string (put it in quotes), not the number 5"),
    (
        users("{user: a, password: 5}"),
        "f:1:36: password must be a string (put it in quotes), not something else",
    ),
    (users("{user: a, foo: 5}"), 'f:1:36: unknown field "foo"'),
    (users("{user: a}, {user: a}"), 'f:1:37: Duplicate user "a" detected'),
    (users(f"{{nkey: {USER}}}, {{nkey: {USER}}}"), f'f:1:92: Duplicate nkey "{USER}" detected'),
    (
        users("{user: a}, {user: b, permissions: 5}"),
        "f:1:47: Expected permissions to be a map/struct",
    ),
    (
        users("{user: a, permissions: { foo: bar }}"),
        'f:1:51: Unknown field "foo" parsing permissions',
    ),
    (
        users("{user: a, allowed_connection_types: [ mqtt, 5 ]}"),
        "f:1:70: error parsing allowed connection types: a name is a string",
    ),
    (
        users("{user: a, clients: 5}"),
        "f:1:36: error parsing allowed connection types: write a name or a list of names",
    ),
    (
        users('{user: a, proxy_required: "yes"}'),
        'f:1:36: proxy_required must be true or false, without quotes, not the string "yes"',
    ),
    ("authorization { users: 5 }", "f:1:17: Expected users field to be an array"),
    ("authorization { users: { user: a } }", "f:1:17: Expected users field to be an array"),
    (
        "authorization { users: [], user: x }",
        "f:1:1: Can not have a single user/pass and a users array",
    ),
    (
        "authorization { users: [ {user: a} ], token: x }",
        "f:1:1: Can not have a token and a users array",
    ),
    (
        'authorization { default_permissions: { publish: "a b" } }',
        'f:1:40: subject "a b" is not a valid subject',
    ),
    (
        "authorization { proxy_required: 1 }",
        "f:1:17: proxy_required must be true or false, without quotes, not the number 1",
    ),
    (permissions('{ publish: "foo bar" }'), 'f:1:51: subject "foo bar" is not a valid subject'),
    (permissions('{ publish: "foo..bar" }'), 'f:1:51: subject "foo..bar" is not a valid subject'),
    (permissions('{ publish: "" }'), 'f:1:51: subject "" is not a valid subject'),
    (permissions('{ publish: ">.x" }'), 'f:1:51: subject ">.x" is not a valid subject'),
    (
        permissions("{ publish: [ 5 ] }"),
        "f:1:62: Subject in permissions array cannot be cast to string",
    ),
    (
        permissions("{ publish: 5 }"),
        "f:1:51: Expected subject permissions to be a subject, or array of subjects",
    ),
    (
        permissions("{ publish: { allow: foo, denny: bar } }"),
        (
            "f:1:74: Unknown field name \"denny\" parsing subject permissions, only 'allow' or "
            "'deny' are permitted; did you mean deny?"
        ),
    ),
    (
        permissions('{ publish: { Allow: foo, DENY: "x y" } }'),
        'f:1:74: subject "x y" is not a valid subject',
    ),
    (permissions('{ subscribe: "foo q r" }'), 'f:1:51: subject "foo q r" is not a valid subject'),
    (permissions('{ subscribe: "foo..x q" }'), 'f:1:51: subject "foo..x" is not a valid subject'),
    (permissions('{ subscribe: "foo q..x" }'), 'f:1:51: queue "q..x" is not a valid queue'),
    (permissions('{ subscribe: " foo" }'), 'f:1:51: subject " foo" is not a valid subject'),
    (
        permissions("{ allow_responses: 5 }"),
        "f:1:51: error parsing response permissions, expected a boolean or a map",
    ),
    (
        permissions("{ allow_responses: { max_responses: 1.5 } }"),
        "f:1:70: max must be a whole number, without quotes, not the number 1.5",
    ),
    (
        permissions("{ allow_responses: { expires: 5 } }"),
        "f:1:70: error parsing expires, not a duration string",
    ),
    (
        permissions('{ allow_responses: { expires: "5" } }'),
        'f:1:70: error parsing expires: time: missing unit in duration "5"',
    ),
    (
        permissions('{ allow_responses: { foo: "5" } }'),
        'f:1:70: Unknown field "foo" parsing permissions',
    ),
    (
        permissions('{ allow_responses: { max: "5" } }'),
        'f:1:70: max must be a whole number, without quotes, not the string "5"',
    ),
    (permissions("[]"), "f:1:36: Expected permissions to be a map/struct"),
    (
        "authorization { users: [ {user: a} ] }; accounts { A { users: [ {user: a} ] } }",
        'f:1:65: Duplicate user "a" detected',
    ),
    (
        "authorization { user: a, password: b }; accounts { A { users: [ {user: a} ] } }",
        "f:1:65: Can not have a single user/pass and accounts",
    ),
    (
        "authorization { token: b }; accounts { A { users: [ {user: a} ] } }",
        "f:1:53: Can not have a token and accounts",
    ),
    (
        "authorization { users: [ {user: a}, {user: a}, {user: b}, {user: b} ] }",
        'f:1:37: Duplicate user "a" detected',
    ),
]


@pytest.mark.parametrize("text", VALID)
def test_what_nats_server_accepts_is_accepted(text: str) -> None:
    assert configure(text=text, path="f").warnings == ()


@pytest.mark.parametrize(("text", "complaint"), INVALID)
def test_what_nats_server_refuses_is_refused_with_its_place(text: str, complaint: str) -> None:
    with pytest.raises(ConfigError) as caught:
        configure(text=text, path="f")
    assert str(caught.value).splitlines()[0] == complaint
