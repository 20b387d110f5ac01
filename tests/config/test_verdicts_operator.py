"""Operator mode, callout and proxies, that nats-server 2.15.2 was asked about."""

from __future__ import annotations

import pytest

from pubsub.config.build import configure
from pubsub.errors import ConfigError
from tests.config.minted import ACCOUNT, CURVE, OPERATOR, OTHER_ACCOUNT, SEED, USER, jwt

OPJWT = jwt("operator")
OPSYS = jwt("operator", system_account=ACCOUNT)
OPURL = jwt("operator", account_server_url="http://x.y/jwt/v1")
OPVER = jwt("operator", assert_server_version="99.0.0")
OPVERB = jwt("operator", assert_server_version="2.1")
OPSIGN = jwt("operator", signing_keys=["OX"])
OLDALG = jwt("operator", header={"typ": "JWT", "alg": "none"})
OPV3 = jwt("operator", version=3)
BADJWT = OPJWT[:-6] + "AAAAAA"
ACCJWT = jwt("account")
USRJWT = jwt("user")
BEARER = jwt("user", bearer_token=True)
SCOPED = jwt("user", issuer_account=ACCOUNT)
PERMS = jwt("user", issuer_account=ACCOUNT, pub={"allow": ["x"]})

FILES = {
    "op.jwt": OPJWT.encode(),
    "op.deco": f"-----BEGIN NATS OPERATOR JWT-----\n{OPJWT}\n------END X------\n".encode(),
    "empty.jwt": b"",
}


def read_file(path: str) -> bytes:
    if path not in FILES:
        raise FileNotFoundError(2, "No such file or directory", path)
    return FILES[path]


#: Accepted.
VALID = [
    "no_auth_user: u; authorization { users: [ {user: u} ] }",
    "no_auth_user: u; accounts { A { users: [ {user: u} ] } }",
    f"no_auth_user: {USER}; authorization {{ users: [ {{nkey: {USER}}} ] }}",
    'no_auth_user: ""',
    f"proxies {{ trusted: [ {{key: {USER}}} ] }}",
    f"proxies {{ trusted: [ {{public_key: {CURVE}}}, {{key: {ACCOUNT}}} ] }}",
    "proxies { }",
    (
        f"authorization {{ auth_callout {{ issuer: {ACCOUNT}, auth_users: [ u ] }}, users: [ "
        f"{{user: u}} ] }}"
    ),
    (
        f"authorization {{ auth_hook {{ issuer: {ACCOUNT}, users: [ u ], acc: A, key: {CURVE} }} , "
        f"users: [ {{user: u}} ]}}; accounts {{ A {{}} }}"
    ),
    (
        f"authorization {{ auth_callout {{ issuer: {ACCOUNT}, auth_users: [ u ], allowed_accounts: "
        f"[ A ] }} }}; accounts {{ A {{}} }}"
    ),
    f"operator: {OPJWT}; resolver: MEMORY",
    "operator: op.jwt; resolver: MEMORY",
    "operator: op.deco; resolver: MEMORY",
    f"operator: [ {OPJWT} ]; resolver: MEMORY",
    "operator: []; resolver: MEMORY",
    f"operator: [ {OPJWT}, {OPJWT} ]; resolver: MEMORY",
    f"operator: {OPJWT}; resolver: MEMORY; authorization {{ user: a, password: b }}",
    (
        f"operator: {OPJWT}; resolver: MEMORY; system_account: {ACCOUNT}; resolver_preload: {{ "
        f"{ACCOUNT}: {ACCJWT} }}"
    ),
    f"operator: {OPJWT}; resolver: MEMORY; system_account: {ACCOUNT}",
    (
        f"operator: {OPSYS}; resolver: MEMORY; system_account: {ACCOUNT}; resolver_preload: {{ "
        f"{ACCOUNT}: {ACCJWT} }}"
    ),
    f"operator: {OPSYS}; resolver: MEMORY; resolver_preload: {{ {ACCOUNT}: {ACCJWT} }}",
    f"operator: {OPJWT}; resolver: MEMORY; default_sentinel: {BEARER}",
    f"operator: {OPJWT}; resolver: MEMORY; default_sentinel: {SCOPED}",
    f"operator: {OPJWT}; resolver: MEMORY; resolver_pinned_accounts: [ {ACCOUNT} ]",
    f"operator: {OPJWT}; resolver: MEMORY; resolver_pinned_accounts: {ACCOUNT}",
    "resolver_pinned_accounts: [ AX ]",
    "resolver: MEMORY",
    "resolver: mem",
    'resolver: "URL(http://localhost:9090/jwt/v1/accounts/)"',
    'resolver: URL("https://localhost:9090/jwt/v1/accounts/")',
    "resolver: url(http://localhost/x)",
    "resolver: { type: mem }",
    "resolver_tls { timeout: 3 }",
    f"resolver_preload: {{ {ACCOUNT}: {ACCJWT} }}",
    "resolver_preload: {}",
    f"trusted_keys: {OPERATOR}",
    f"trusted: [ {OPERATOR} ]",
    f"trusted_keys: {OPERATOR}; accounts {{ A {{}} }}",
    f"trusted_keys: {OPERATOR}; authorization {{ users: [ {{user: u}} ] }}",
    f"trusted_keys: {OPERATOR}; system_account: {ACCOUNT}",
    "tls { verify_cert_and_check_known_urls: false }",
    (
        f'operator: {OPSYS}; resolver: {{ type: cache, dir: "./d4", limit: 5, ttl: "2m", timeout: '
        f'"2s" }}; resolver_preload: {{ {ACCOUNT}: {ACCJWT} }}'
    ),
    (
        f'operator: {OPSYS}; resolver: {{ type: full, dir: "./d3", allow_delete: true, '
        f'hard_delete: true, limit: 5, interval: "2m", timeout: "2s" }}; resolver_preload: {{ '
        f"{ACCOUNT}: {ACCJWT} }}"
    ),
    (
        f"mappings {{ a: b }}; authorization {{ auth_callout {{ issuer: {ACCOUNT}, auth_users: [ u "
        f'], allowed_accounts: [ "$G" ] }} }}'
    ),
]

#: Refused. Where it only tells of a failed type conversion, the texts are ours.
INVALID = [
    (
        "no_auth_user: 5",
        "f:1:1: no_auth_user must be a string (put it in quotes), not the number 5",
    ),
    (f"proxies {{ trusted: [ {{key: {SEED}}} ] }}", 'f:1:23: invalid proxy key "[REDACTED]"'),
    ("proxies { trusted: [ {key: x} ] }", 'f:1:23: invalid proxy key "x"'),
    ("proxies { trusted: [ { foo: x } ] }", 'f:1:24: unknown field "foo"'),
    ("proxies { trusted: [ 5 ] }", "f:1:22: expected proxies' trusted entry to be a map/struct"),
    ("proxies { trusted: 5 }", "f:1:11: expected proxies' trusted field to be an array"),
    ("proxies 5", "f:1:1: proxies must be a block, { … }"),
    ("proxies { foo: 5 }", 'f:1:11: unknown field "foo"'),
    (
        f"authorization {{ auth_callout {{ issuer: {USER}, auth_users: [ u ] }} }}",
        f'f:1:32: Expected callout user to be a valid public account nkey, got "{USER}"',
    ),
    (
        "authorization { auth_callout { auth_users: [ u ] } }",
        "f:1:17: Authorization callouts require an issuer to be specified",
    ),
    (
        f"authorization {{ auth_callout {{ issuer: {ACCOUNT} }} }}",
        "f:1:17: Authorization callouts require authorized users to be specified",
    ),
    (
        f"authorization {{ auth_callout {{ issuer: {ACCOUNT}, auth_users: [] }} }}",
        "f:1:17: Authorization callouts require authorized users to be specified",
    ),
    (
        f"authorization {{ auth_callout {{ issuer: {ACCOUNT}, auth_users: u }} }}",
        "f:1:98: Expected auth_users field to be an array",
    ),
    (
        f"authorization {{ auth_callout {{ issuer: {ACCOUNT}, auth_users: [ 5 ] }} }}",
        "f:1:112: auth_users must be a list of strings",
    ),
    (
        (
            f"authorization {{ auth_callout {{ issuer: {ACCOUNT}, auth_users: [ u ], xkey: "
            f"{ACCOUNT} }} }}"
        ),
        f'f:1:117: Expected callout xkey to be a valid public xkey, got "{ACCOUNT}"',
    ),
    (
        (
            f"authorization {{ auth_callout {{ issuer: {ACCOUNT}, auth_users: [ u ], "
            f"allowed_accounts: [ X ] }} }}"
        ),
        'f:1:117: auth_callout allowed account "X" not found in configured accounts',
    ),
    (
        (
            f"authorization {{ auth_callout {{ issuer: {ACCOUNT}, auth_users: [ u ], "
            f'allowed_accounts: [ "$G" ] }} }}'
        ),
        'f:1:117: auth_callout allowed account "$G" not found in configured accounts',
    ),
    (
        (
            f"authorization {{ auth_callout {{ issuer: {ACCOUNT}, auth_users: [ u ], "
            f"allowed_accounts: A }} }}"
        ),
        "f:1:117: Expected allowed accounts field to be an array",
    ),
    (
        f"authorization {{ auth_callout {{ issuer: {ACCOUNT}, auth_users: [ u ], foo: bar }} }}",
        'f:1:117: Unknown field "foo" parsing authorization callout',
    ),
    (
        "authorization { auth_callout: 5 }",
        "f:1:17: Expected authorization callout to be a map/struct",
    ),
    (
        "authorization { auth_callout { issuer: 5 } }",
        "f:1:32: issuer must be a string (put it in quotes), not the number 5",
    ),
    (
        "operator: empty.jwt; resolver: MEMORY",
        "f:1:1: error parsing operator JWT: expected 3 chunks",
    ),
    (
        "operator: nofile.jwt; resolver: MEMORY",
        "f:1:1: error parsing operator JWT: open nofile.jwt: no such file or directory",
    ),
    (
        f"operator: {BADJWT}; resolver: MEMORY",
        "f:1:1: error parsing operator JWT: claim failed V2 signature verification",
    ),
    (
        f"operator: {ACCJWT}; resolver: MEMORY",
        "f:1:1: error parsing operator JWT: not operator claim",
    ),
    (
        f"operator: {OLDALG}; resolver: MEMORY",
        'f:1:1: error parsing operator JWT: unexpected "none" algorithm',
    ),
    (
        f"operator: {OPV3}; resolver: MEMORY",
        "f:1:1: error parsing operator JWT: JWT was generated by a newer version",
    ),
    ("operator: eyJ; resolver: MEMORY", "f:1:1: error parsing operator JWT: expected 3 chunks"),
    (
        "operator: 5; resolver: MEMORY",
        "f:1:1: error parsing operators: write a JWT, a file, or a list of these",
    ),
    (
        f"operator: [ {OPJWT}, 5 ]; resolver: MEMORY",
        "f:1:391: error parsing operators: a JWT or a file is a string",
    ),
    (
        f"operator: {OPJWT}; resolver: MEMORY; resolver_pinned_accounts: 5",
        "f:1:407: error parsing resolver_pinned_accounts: write a key or a list of keys",
    ),
    (
        f"operator: {OPJWT}; resolver: MEMORY; resolver_pinned_accounts: [ 5 ]",
        "f:1:435: error parsing resolver_pinned_accounts: a key is a string",
    ),
    (
        "default_sentinel: 5",
        "f:1:1: default_sentinel must be a string (put it in quotes), not something else",
    ),
    (
        "resolver: foo",
        (
            'f:1:1: error parsing account resolver, should be MEM or  URL("url") or a map '
            "containing dir and type state=[FULL|CACHE])"
        ),
    ),
    ("resolver: 5", "f:1:1: error parsing operator resolver, wrong type: a string or a block"),
    (
        "resolver: { type: memory, dir: 5 }",
        "f:1:27: dir must be a string (put it in quotes), not the number 5",
    ),
    ("resolver: { type: full }", "f:1:1: dir has no value and needs to point to a directory"),
    ("resolver: { type: 5 }", "f:1:13: type must be a string (put it in quotes), not the number 5"),
    ("resolver_tls { cert_file: c }", "f:1:1: missing 'key_file' in TLS configuration"),
    (
        "resolver_tls { verify_cert_and_check_known_urls: true }",
        "f:1:16: verify_cert_and_check_known_urls not supported in this context",
    ),
    ("resolver_tls 5", "f:1:1: resolver_tls must be a block, { … }"),
    (f"resolver_preload: {{ {ACCOUNT}: 5 }}", "f:1:21: preload map value should be a string JWT"),
    (
        f"resolver_preload: {{ {ACCOUNT}: {OPJWT} }}",
        "f:1:21: invalid account JWT: not account claim",
    ),
    ("resolver_preload: 5", "f:1:1: preload should be a map of account_public_key:account_jwt"),
    (
        f"trusted_keys: [ {ACCOUNT} ]",
        f'f:1:17: trust key "{ACCOUNT}" required to be a valid public operator nkey',
    ),
    ("trusted_keys: [ 5 ]", "f:1:17: error parsing trusted: a key is a string"),
    ("trusted_keys: 5", "f:1:1: error parsing trusted: write a key or a list of keys"),
    (
        "tls { verify_cert_and_check_known_urls: true }",
        "f:1:7: verify_cert_and_check_known_urls not supported in this context",
    ),
    (
        "tls { verify_and_map: 5 }",
        "f:1:7: verify_and_map must be true or false, without quotes, not the number 5",
    ),
    (
        'resolver: { dir: "./d" }',
        (
            'f:1:1: error parsing account resolver, should be MEM or  URL("url") or a map '
            "containing dir and type state=[FULL|CACHE])"
        ),
    ),
    (
        'resolver: { type: Cache, dir: "./d", limit: "5" }',
        'f:1:38: limit must be a whole number, without quotes, not the string "5"',
    ),
    (
        'resolver: { type: cache, dir: "./d", allow_delete: true }',
        "f:1:1: CACHE does not accept allow_delete",
    ),
    (
        'resolver: { type: cache, dir: "./d", hard_delete: false }',
        "f:1:1: CACHE does not accept hard_delete",
    ),
    ('resolver: { type: cache, dir: "./d", interval: "2m" }', "f:1:1: CACHE does not accept sync"),
    (
        'resolver: { type: foo, dir: "./d" }',
        (
            'f:1:1: error parsing account resolver, should be MEM or  URL("url") or a map '
            "containing dir and type state=[FULL|CACHE])"
        ),
    ),
    (
        'resolver: { type: full, dir: "./d", hard_delete: false }',
        "f:1:1: hard_delete has no effect without delete",
    ),
    (
        'resolver: { type: full, dir: "./d", hard_delete: true }',
        "f:1:1: hard_delete has no effect without delete",
    ),
    ('resolver: { type: full, dir: "./d", interval: "x" }', 'f:1:37: time: invalid duration "x"'),
    (
        'resolver: { type: full, dir: "./d", timeout: "-1s" }',
        "f:1:1: Fetch timeout -1s is too smal",
    ),
    (
        'resolver: { type: full, dir: "./d", timeout: 5 }',
        'f:1:37: timeout must be a duration such as "2m", in quotes',
    ),
    ('resolver: { type: full, dir: "./d", ttl: "2m" }', "f:1:1: FULL does not accept ttl"),
    (
        f"authorization {{ auth_callout {{ issuer: {SEED}, auth_users: [ u ] }} }}",
        'f:1:32: Expected callout user to be a valid public account nkey, got "[REDACTED]"',
    ),
    (
        f"trusted_keys: {SEED}",
        'f:1:1: trust key "[REDACTED]" required to be a valid public operator nkey',
    ),
    (
        f"operator: {SEED}; resolver: MEMORY",
        "f:1:1: error parsing operator JWT: open [REDACTED]: no such file or directory",
    ),
]

#: Valid for ``nats-server -t``, which does not look that far, and refused when it starts.
REFUSED_AT_START = [
    ("no_auth_user: u", 'f:1:1: no_auth_user: "u" present, but users/nkeys are not defined'),
    (
        "no_auth_user: u; authorization { users: [ {user: v} ] }",
        (
            'f:1:1: no_auth_user: "u" not present as user or nkey in authorization block or '
            "account configuration"
        ),
    ),
    (
        "no_auth_user: u; authorization { user: u, password: p }",
        'f:1:1: no_auth_user: "u" present, but users/nkeys are not defined',
    ),
    ("proxies { trusted: [ {} ] }", 'f:1:22: proxy trusted key "" is invalid'),
    (f"operator: {OPJWT}", "f:1:1: operators require an account resolver to be configured"),
    (
        f"operator: [ {OPJWT}, {OPJWT} ]",
        "f:1:1: operators require an account resolver to be configured",
    ),
    (
        f"operator: {OPJWT}; resolver: MEMORY; accounts {{ A {{}} }}",
        "f:1:407: operators do not allow Accounts to be configured directly",
    ),
    (
        f"operator: {OPJWT}; resolver: MEMORY; mappings {{ a: b }}",
        "f:1:407: operators do not allow Accounts to be configured directly",
    ),
    (
        f"operator: {OPJWT}; resolver: MEMORY; authorization {{ users: [ {{user: a}} ] }}",
        "f:1:423: operators do not allow users to be configured directly",
    ),
    (
        f"operator: {OPJWT}; resolver: MEMORY; no_auth_user: u",
        "f:1:407: no_auth_user not compatible with Trusted Operator",
    ),
    (
        f"operator: {OPJWT}; resolver: MEMORY; trusted_keys: {OPERATOR}",
        "f:1:407: conflicting options for 'TrustedKeys' and 'TrustedOperators'",
    ),
    (
        f"operator: {OPSYS}; resolver: MEMORY; system_account: {OTHER_ACCOUNT}",
        "f:1:511: system_account in config and operator JWT must be identical",
    ),
    (
        f"operator: {OPVER}; resolver: MEMORY",
        f"f:1:1: operator {OPERATOR} expected major version 99 > server major version 2",
    ),
    (
        f"operator: {OPVERB}; resolver: MEMORY",
        (
            f"f:1:1: operator {OPERATOR} expects version 2.1 got error instead: asserted server "
            "version must be of the form <major>.<minor>.<update>"
        ),
    ),
    (
        f"operator: {OPSIGN}; resolver: MEMORY",
        'f:1:1: trusted Keys "OX" are required to be a valid public operator nkey',
    ),
    (
        f"operator: {OPJWT}; resolver: MEMORY; default_sentinel: x",
        "f:1:407: default sentinel JWT not valid: expected 3 chunks",
    ),
    (
        f"operator: {OPJWT}; resolver: MEMORY; default_sentinel: {USRJWT}",
        "f:1:407: default sentinel must be a bearer token",
    ),
    (
        f"operator: {OPJWT}; resolver: MEMORY; default_sentinel: {PERMS}",
        "f:1:407: default sentinel must be a bearer token",
    ),
    (
        f"operator: {OPJWT}; resolver: MEMORY; resolver_pinned_accounts: [ AX ]",
        'f:1:407: pinned account key "AX" is not a valid public account nkey',
    ),
    (
        (
            f"operator: {OPJWT}; resolver: MEMORY; authorization {{ auth_callout {{ issuer: "
            f"{ACCOUNT}, auth_users: [ u ] }} }}"
        ),
        "f:1:423: operators do not allow authorization callouts to be configured directly",
    ),
    (f"default_sentinel: {BEARER}", "f:1:1: default sentinel requires operators and accounts"),
    (
        "resolver: URL",
        "f:1:1: error parsing account resolver url: write URL(https://host:port/jwt/v1/accounts/)",
    ),
    (
        f'resolver_preload: {{ {ACCOUNT}: {ACCJWT} }}; resolver: "URL(http://localhost/x)"',
        "f:1:1: resolver preloads only available for writeable resolver types MEM/DIR/CACHE_DIR",
    ),
    (
        f"trusted_keys: {OPERATOR}; no_auth_user: u",
        'f:1:73: no_auth_user: "u" present, but users/nkeys are not defined',
    ),
    (
        f'operator: {OPJWT}; resolver: {{ type: cache, dir: "./d2" }}',
        (
            "f:1:389: using nats based account resolver - the system account needs to be specified "
            "in configuration or the operator jwt"
        ),
    ),
    (
        f'operator: {OPJWT}; resolver: {{ type: full, dir: "./d1" }}',
        (
            "f:1:389: using nats based account resolver - the system account needs to be specified "
            "in configuration or the operator jwt"
        ),
    ),
    (
        'resolver: { type: cache, dir: "./d", allow_delete: false }',
        "f:1:1: Could not start resolver: no operator key found",
    ),
    (
        'resolver: { type: full, dir: "./d", foo: bar }',
        "f:1:1: Could not start resolver: no operator key found",
    ),
    (
        'resolver: { type: full, dir: "./d", ttl: "0s" }',
        "f:1:1: Could not start resolver: no operator key found",
    ),
    (
        f"operator: {OPJWT}; resolver: MEMORY; trusted_keys: [ {OPERATOR} ]",
        "f:1:407: conflicting options for 'TrustedKeys' and 'TrustedOperators'",
    ),
]


@pytest.mark.parametrize("text", VALID)
def test_what_nats_server_accepts_is_accepted(text: str) -> None:
    assert configure(text=text, path="f", read_file=read_file).warnings == ()


@pytest.mark.parametrize(("text", "complaint"), INVALID + REFUSED_AT_START)
def test_what_nats_server_refuses_is_refused_with_its_place(text: str, complaint: str) -> None:
    with pytest.raises(ConfigError) as caught:
        configure(text=text, path="f", read_file=read_file)
    assert str(caught.value).splitlines()[0] == complaint
