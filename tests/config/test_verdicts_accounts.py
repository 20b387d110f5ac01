"""Accounts, exports and imports that nats-server 2.15.2 was asked about: the same verdict."""

from __future__ import annotations

import pytest

from pubsub.config.build import configure
from pubsub.errors import ConfigError
from tests.config.minted import ACCOUNT, SEED, USER


def exports(text: str) -> str:
    return f"accounts {{ A {{ exports: [ {text} ] }}, B {{}} }}"


def imports(text: str) -> str:
    offered = "{stream: s.>}, {service: r.>}, {service: q}"
    return f"accounts {{ A {{ exports: [ {offered} ] }}, B {{ imports: [ {text} ] }} }}"


#: Accepted.
VALID = [
    "accounts { A { users: [ {user: a, password: b} ] } }",
    "accounts { A { users: [] } }",
    'accounts { "$SYS" { users: [ {user: a, password: b} ] } }',
    'accounts { "$SYS" { users: [ {user: a, password: b} ] } }; system_account: "$SYS"',
    "accounts: [ A, B ]",
    "accounts: []",
    f"accounts {{ A {{ nkey: {ACCOUNT} }} }}",
    "accounts { A { default_permissions: { publish: a } , users: [ {user: a} ] } }",
    "accounts { A { limits: { max_connections: 5, max_subs: 5, max_pay: 1k, max_leafs: 3 } } }",
    (
        "accounts { A { limits: { max_conn: -1, max_subscriptions: -1, max_payload: -1, "
        "max_leafnodes: -1 } } }"
    ),
    "accounts { A { mappings: { foo: bar } } }",
    "accounts { A { maps: { foo: [ {dest: bar, weight: 50} ] } } }",
    "accounts { u = [ {user: a} ]\nA { users: $u } }",
    "accounts { u { user: a }\nA { users: [ $u ] } }",
    exports("{stream: foo}"),
    exports("{stream: foo, accounts: [B]}"),
    exports("{stream: foo, accounts: []}"),
    exports("{service: foo, response: single}"),
    exports("{service: foo, response_type: Singleton}"),
    exports("{service: foo, response_type: STREAM}"),
    exports("{service: foo, response_type: chunk}"),
    exports("{service: foo, response_type: chunked}"),
    exports('{service: foo, threshold: "5s"}'),
    exports('{service: foo, response_threshold: "5s"}'),
    exports('{service: foo, response_max_time: "5s"}'),
    exports('{service: foo, response_time: "5s"}'),
    exports("{accounts: [B]}"),
    exports("{}"),
    exports("{service: foo, latency: bar}"),
    exports("{service: foo, latency: {subject: bar, sampling: 50}}"),
    exports('{service: foo, latency: {subject: bar, sampling: "50%"}}'),
    exports('{service: foo, latency: {subject: bar, sampling: "50"}}'),
    exports('{service: foo, latency: {subject: bar, sampling: "Headers "}}'),
    exports('{service: "foo.*", account_token_position: 2}'),
    exports('{service: "foo.*", account_token_position: 0}'),
    exports('{stream: "*.foo", account_token_position: 1}'),
    exports('{stream: "foo.*", accounts: [B], account_token_position: 2}'),
    exports('{stream: "foo bar"}'),
    exports('{service: "foo..bar"}'),
    exports("{service: foo, allow_trace: false}"),
    imports("{stream: {account: A, subject: s.x}}"),
    imports("{stream: {account: A, subject: s.x}, prefix: p}"),
    imports("{stream: {account: A, subject: s.x}, prefix: p.}"),
    imports("{stream: {account: A, subject: s.x}, to: t}"),
    imports('{stream: {account: A, subject: "s.*.*"}, to: "t.$2.$1"}'),
    imports("{service: {account: A, subject: r.x}}"),
    imports("{service: {account: A, subject: r.x}, to: t}"),
    imports("{service: {account: A, subject: r.x}, to: t, share: true}"),
    imports("{to: x}"),
    'system_account: "$G"',
    'system_account: ""',
    "accounts { X {} }; system: X",
    "no_system_account: true",
]

#: Refused. Where it only tells of a failed type conversion, the texts are ours.
INVALID = [
    (
        (
            "accounts { A { users: [ {user: a, password: b} ] }, B { users: [ {user: a, password: "
            "b} ] } }"
        ),
        'f:1:66: Duplicate user "a" detected',
    ),
    (
        f"accounts {{ A {{ users: [ {{nkey: {USER}}} ] }}, B {{ users: [ {{nkey: {USER}}} ] }} }}",
        f'f:1:108: Duplicate nkey "{USER}" detected',
    ),
    (
        "accounts { A { users: [ {user: a} ] } }; authorization { users: [ {user: a} ] }",
        'f:1:25: Duplicate user "a" detected',
    ),
    ("accounts { A { users: 5 } }", "f:1:16: Expected users field to be an array"),
    ("accounts { A 5 }", "f:1:12: Expected map entries for accounts"),
    ('accounts { "$G" { } }', 'f:1:12: "$G" is a Reserved Account'),
    ("accounts: [ A, A ]", "f:1:16: Duplicate Account Entry: A"),
    ('accounts: [ A, "$G" ]', 'f:1:16: "$G" is a Reserved Account'),
    ("accounts: [ A, 5 ]", "f:1:16: accounts must be a block, { name: { … } }, or a list of names"),
    (
        f"accounts {{ A {{ nkey: {USER} }} }}",
        f'f:1:16: Not a valid public nkey for an account: "{USER}"',
    ),
    ("accounts { A { nkey: 5 } }", 'f:1:16: Not a valid public nkey for an account: "[REDACTED]"'),
    ("accounts { A { foo: 5 } }", 'f:1:16: unknown field "foo"'),
    (
        "accounts { A { default_permissions: 5 } }",
        "f:1:16: Expected permissions to be a map/struct",
    ),
    (
        "accounts { A { default_permission: {} } }",
        'f:1:16: unknown field "default_permission"; did you mean default_permissions?',
    ),
    ("accounts { A { limits: { foo: 1 } } }", 'f:1:26: Unknown field "foo" parsing account limits'),
    (
        'accounts { A { limits: { max_conn: "1" } } }',
        'f:1:26: max_connections must be a whole number, without quotes, not the string "1"',
    ),
    ("accounts { A { limits: 5 } }", "f:1:16: Expected account limits to be a map/struct"),
    (
        'accounts { A { mappings: { "foo..x": bar } } }',
        'f:1:28: Subject "foo..x" is not a valid subject',
    ),
    ("accounts { A { mappings: 5 } }", "f:1:16: mappings must be a map of subjects, { from: to }"),
    (exports("{stream: foo, accounts: [X]}"), 'f:1:27: "X" account not defined for stream export'),
    (
        exports("{service: foo, accounts: [X]}"),
        'f:1:27: "X" account not defined for service export',
    ),
    (
        exports("{stream: foo, accounts: B}"),
        "f:1:41: accounts of an export must be a list of names",
    ),
    (exports("{service: foo, response_type: many}"), 'f:1:42: Unknown response type: "many"'),
    (exports("{service: foo, response_type: 5}"), "f:1:42: Expected response type to be string"),
    (
        exports("{service: foo, response_type: stream, response: stream}"),
        "f:1:65: Duplicate response type definition",
    ),
    (
        exports("{service: foo, response_time: 5}"),
        'f:1:42: Expected response threshold to be a parseable time duration such as "2s"',
    ),
    (
        exports('{service: foo, response_time: "5"}'),
        'f:1:42: Expected response threshold to be a parseable time duration, got "5"',
    ),
    (
        exports('{service: foo, response_time: "5s", threshold: "5s"}'),
        "f:1:63: Duplicate response threshold detected",
    ),
    (
        exports("{stream: foo, service: bar}"),
        'f:1:41: Detected service "bar" but already saw a stream',
    ),
    (exports("{stream: 5}"), "f:1:28: Expected stream name to be string"),
    (exports("{service: 5}"), "f:1:28: Expected service name to be string"),
    (exports("5"), "f:1:27: Export Items should be a map with type entry"),
    (
        exports("{stream: foo, response: single}"),
        "f:1:41: Detected response directive on non-service",
    ),
    (
        exports('{stream: foo, threshold: "5s"}'),
        "f:1:41: Detected response directive on non-service",
    ),
    (exports("{stream: foo, latency: bar}"), "f:1:41: Detected latency directive on non-service"),
    (
        exports("{service: foo, latency: {subject: bar, sampling: 0}}"),
        "f:1:66: bad sampling percentage, should be 1-100",
    ),
    (
        exports("{service: foo, latency: {subject: bar, sampling: 101}}"),
        "f:1:66: bad sampling percentage, should be 1-100",
    ),
    (
        exports("{service: foo, latency: {subject: bar, sampling: abc}}"),
        'f:1:66: Failed to parse latency sample: "abc" is no whole number',
    ),
    (
        exports("{service: foo, latency: {subject: bar, sampling: true}}"),
        'f:1:66: Expected latency sample to be a string or map/struct: 50, "50%"',
    ),
    (
        exports("{service: foo, latency: {sampling: 50}}"),
        "f:1:42: Latency subject required, but missing",
    ),
    (
        exports("{service: foo, latency: {subject: 5}}"),
        "f:1:52: Expected latency subject to be a string",
    ),
    (
        exports("{service: foo, latency: 5}"),
        "f:1:42: Expected latency entry to be a map/struct or string",
    ),
    (
        exports('{service: foo, latency: "bar.*"}'),
        (
            'f:1:42: Error adding service latency sampling for "foo" on subject "bar.*": invalid '
            "publish subject"
        ),
    ),
    (
        exports('{service: foo, latency: "bar..x"}'),
        (
            'f:1:42: Error adding service latency sampling for "foo" on subject "bar..x": invalid '
            "publish subject"
        ),
    ),
    (
        exports("{service: foo, response: stream, latency: bar}"),
        (
            'f:1:60: Error adding service latency sampling for "foo" on subject "bar": bad service '
            "response type"
        ),
    ),
    (
        exports('{service: "foo.*", account_token_position: 1}'),
        'f:1:46: Error adding service export "foo.*": invalid subject: token 1 is not a *',
    ),
    (
        exports('{service: "foo.*", account_token_position: 3}'),
        'f:1:46: Error adding service export "foo.*": invalid subject: token 3 is not a *',
    ),
    (
        exports('{service: "foo.*", account_token_position: -1}'),
        'f:1:46: Error adding service export "foo.*": invalid subject: token -1 is not a *',
    ),
    (
        exports('{service: "foo.*", account_token_position: "2"}'),
        'f:1:46: account_token_position must be a whole number, without quotes, not the string "2"',
    ),
    (
        exports('{stream: "*.foo", account_token_position: 2}'),
        'f:1:45: Error adding stream export "*.foo": invalid subject: token 2 is not a *',
    ),
    (exports("{stream: foo, foo: bar}"), 'f:1:41: unknown field "foo"'),
    ("accounts { A { exports: 5 } }", "f:1:16: Exports should be an array"),
    ("accounts { A { imports: 5 } }", "f:1:16: Imports should be an array"),
    (
        imports('{stream: {account: A, subject: s.x}, prefix: "p.*"}'),
        (
            'f:1:128: Error adding stream import "s.x": stream import prefix can not contain '
            "wildcard tokens"
        ),
    ),
    (
        imports("{stream: {account: A, subject: s.x}, prefix: p, to: t}"),
        "f:1:139: Stream import can not have a 'prefix' and a 'to' property",
    ),
    (imports("{stream: {account: A}}"), "f:1:92: Expect an account name and a subject"),
    (
        imports("{stream: {account: A, subject: 5}}"),
        "f:1:113: subject must be a string (put it in quotes), not the number 5",
    ),
    (imports("{stream: 5}"), "f:1:92: Stream entry should be an account map"),
    (imports("{stream: {account: A, subject: s.x, foo: 1}}"), 'f:1:127: unknown field "foo"'),
    (
        imports("{service: {account: A, subject: r.x}, share: 5}"),
        "f:1:129: share must be true or false, without quotes, not the number 5",
    ),
    (
        imports("{service: {account: A, subject: r.x}}, {service: {account: A, subject: r.x}}"),
        (
            'f:1:130: Duplicate service import subject "r.x", previously used in import for '
            'account "A", subject "r.x"'
        ),
    ),
    (
        imports(
            "{service: {account: A, subject: r.x}, to: t}, {service: {account: A, subject: "
            "r.y}, to: t}"
        ),
        (
            'f:1:137: Duplicate service import subject "t", previously used in import for account '
            '"A", subject "r.x"'
        ),
    ),
    (
        imports(
            "{service: {account: A, subject: r.x}}, {service: {account: A, subject: r.y}, to: r.x}"
        ),
        (
            'f:1:130: Duplicate service import subject "r.x", previously used in import for '
            'account "A", subject "r.x"'
        ),
    ),
    (imports("{service: {subject: r.x}}"), "f:1:92: Expect an account name and a subject"),
    (imports("{service: 5}"), "f:1:92: Service entry should be an account map"),
    (
        imports("{service: {account: A, subject: r.x}, stream: {account: A, subject: s.x}}"),
        "f:1:129: Detected stream but already saw a service",
    ),
    (
        imports("{stream: {account: A, subject: s.x}, service: {account: A, subject: r.x}}"),
        "f:1:128: Detected service but already saw a stream",
    ),
    (imports("5"), "f:1:91: Import Items should be a map with type entry"),
    (imports("{stream: {account: A, subject: s.x}, foo: 1}"), 'f:1:128: unknown field "foo"'),
    (
        imports("{service: {account: A, subject: r.x}, allow_trace: false}"),
        "f:1:129: Detected allow_trace directive on a non-stream",
    ),
    (
        "system_account: 5",
        "f:1:1: system_account must be a string (put it in quotes), not the number 5",
    ),
    (
        "no_sys_acc: 5",
        "f:1:1: no_system_account must be true or false, without quotes, not the number 5",
    ),
    (
        exports("{stream: foo, accounts: [5 ]}"),
        "f:1:52: accounts of an export must be a list of names",
    ),
    (
        exports("{stream: foo, allow_trace: false}"),
        "f:1:41: Detected allow_trace directive on non-service",
    ),
    (
        imports("{service: {account: X, subject: r.x}}"),
        'f:1:91: "X" account not defined for service import',
    ),
    (
        imports("{stream: {account: X, subject: r.x}}"),
        'f:1:91: "X" account not defined for stream import',
    ),
    (
        f"accounts {{ A {{ nkey: {SEED} }} }}",
        'f:1:16: Not a valid public nkey for an account: "[REDACTED]"',
    ),
    (
        (
            "accounts { A { users: [ {user: a, foo: b }, { user: 5 }, { nkey: x } ], exports: [ { "
            "stream: a, foo: 3 } ] } }"
        ),
        'f:1:35: unknown field "foo"',
    ),
    (
        "accounts { A { users: [ {user: a, permissions: { publish: a, foo: x }, bar: y } ] } }",
        'f:1:62: Unknown field "foo" parsing permissions',
    ),
]

#: Valid for ``nats-server -t``, which does not look that far, and refused when it starts.
REFUSED_AT_START = [
    ("system_account: X", 'f:1:1: error resolving system account: account missing: "X"'),
    ('system_account: "$SYS"', 'f:1:1: error resolving system account: account missing: "$SYS"'),
    (
        "accounts { A { exports: [ {service: a, latency: b} ] } }; no_system: true",
        'f:1:27: Error adding service latency sampling for "a": system account not setup',
    ),
]


@pytest.mark.parametrize("text", VALID)
def test_what_nats_server_accepts_is_accepted(text: str) -> None:
    assert configure(text=text, path="f").warnings == ()


@pytest.mark.parametrize(("text", "complaint"), INVALID + REFUSED_AT_START)
def test_what_nats_server_refuses_is_refused_with_its_place(text: str, complaint: str) -> None:
    with pytest.raises(ConfigError) as caught:
        configure(text=text, path="f")
    assert str(caught.value).splitlines()[0] == complaint
