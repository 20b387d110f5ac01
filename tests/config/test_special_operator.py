"""Operator mode, as it comes out of a file."""

from __future__ import annotations

import pytest

from pubsub.config.build import configure
from pubsub.config.options import Options, ResolverOptions
from pubsub.errors import ConfigErrors, InvalidOption
from tests.config.minted import ACCOUNT, OPERATOR, OTHER_ACCOUNT, SEED, USER, jwt

ACCOUNT_JWT = jwt("account")


def options(text: str) -> Options:
    return configure(text=text, path="f").options


def refusal(text: str) -> str:
    with pytest.raises(InvalidOption) as caught:
        options(text)
    return caught.value.message


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("MEMORY", ResolverOptions("memory")),
        ("mem", ResolverOptions("memory")),
        ('" Memory "', ResolverOptions("memory")),
        ("{ type: mem }", ResolverOptions("memory")),
        ("{ type: Memory }", ResolverOptions("memory")),
        ("URL(http://h:1/jwt/)", ResolverOptions("url", url="http://h:1/jwt/")),
        ("URL(http://h/jwt)", ResolverOptions("url", url="http://h/jwt/")),
        ('url("https://u:p@h")', ResolverOptions("url", url="https://u:p@h/")),
        ("'URL( \"https://h/x\" )'", ResolverOptions("url", url="https://h/x/")),
        # nats-server would find MEM in it
        (
            "URL(https://members.example.com/)",
            ResolverOptions("url", "https://members.example.com/"),
        ),
    ],
)
def test_a_resolver_by_its_name(text: str, expected: ResolverOptions) -> None:
    assert options(f"resolver: {text}").resolver == expected


def test_a_full_directory() -> None:
    text = """
        operator: %s
        resolver {
            type: full, dir: "/d", allow_delete: true, hard_delete: true, limit: 5
            interval: "2m", timeout: "3s"
        }
    """
    operator = jwt("operator", system_account=ACCOUNT)
    assert options(text % operator).resolver == ResolverOptions(
        "full", dir="/d", allow_delete=True, hard_delete=True, limit=5, interval=120.0, timeout=3.0
    )
    least = f'operator: {operator}; resolver {{ TYPE: Full, dir: "/d", interval: "-1s" }}'
    assert options(least).resolver == ResolverOptions("full", dir="/d", interval=60.0, timeout=1.9)


def test_a_cache() -> None:
    operator = jwt("operator", system_account=ACCOUNT)
    text = f'operator: {operator}; resolver {{ type: cache, dir: "/d", ttl: "1h" }}'
    assert options(text).resolver == ResolverOptions("cache", dir="/d", ttl=3600.0, limit=1000)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("5", "error parsing operator resolver, wrong type: a string or a block"),
        ("foo", "error parsing account resolver, should be MEM or  URL"),
        ("{}", "error parsing account resolver, should be MEM or  URL"),
        ("URL", "error parsing account resolver url: write URL(https://"),
        ("URL(ftp://h)", "error parsing account resolver url: write URL(https://"),
        ('"URL(http://)"', "error parsing account resolver url: write URL(https://"),
        ('"URL(http://h:x/)"', "error parsing account resolver url: write URL(https://"),
        ('"URL(http://[/)"', "error parsing account resolver url: write URL(https://"),
        ("{ type: full }", "dir has no value and needs to point to a directory"),
        ('{ type: full, dir: "" }', "dir has no value and needs to point to a directory"),
        ("{ type: full, dir: d, ttl: '1s' }", "FULL does not accept ttl"),
        ("{ type: full, dir: d, hard_delete: true }", "hard_delete has no effect without delete"),
        ("{ type: full, dir: d, timeout: '0s' }", "Fetch timeout 0s is too smal"),
        ("{ type: full, dir: d, timeout: 5 }", 'timeout must be a duration such as "2m", in'),
        ("{ type: full, dir: d, timeout: x }", 'time: invalid duration "x"'),
        ("{ type: cache, dir: d, interval: '1s' }", "CACHE does not accept sync"),
        ("{ type: cache, dir: d, allow_delete: on }", "CACHE does not accept allow_delete"),
        ("{ type: cache, dir: d, hard_delete: off }", "CACHE does not accept hard_delete"),
        ("{ type: full, dir: d }", "Could not start resolver: no operator key found"),
    ],
)
def test_a_wrong_resolver_is_refused(text: str, complaint: str) -> None:
    assert refusal(f"resolver: {text}").startswith(complaint)


def test_keys_that_nats_server_does_not_look_at_are_warned_of() -> None:
    loaded = configure(text="resolver { type: mem, tipe: full }", path="f")
    assert loaded.warnings == ('f:1:23: unknown field "tipe"; did you mean type?',)


def test_keys_that_are_trusted() -> None:
    assert options(f"trusted_keys: {OPERATOR}").trusted_keys == (OPERATOR,)
    assert options(f"trusted: [ {OPERATOR} ]").trusted_keys == (OPERATOR,)
    with pytest.raises(ConfigErrors) as caught:
        options(f"trusted: [ {ACCOUNT}, 5, {SEED} ]")
    assert [error.message for error in caught.value.errors] == [
        "error parsing trusted: a key is a string",
        f'trust key "{ACCOUNT}" required to be a valid public operator nkey',
        'trust key "[REDACTED]" required to be a valid public operator nkey',
    ]
    assert refusal("trusted: 5") == "error parsing trusted: write a key or a list of keys"


def test_accounts_that_are_pinned() -> None:
    assert options(f"resolver_pinned_accounts: {ACCOUNT}").resolver_pinned_accounts == {ACCOUNT}
    text = f"resolver_pinned_accounts: [ {ACCOUNT}, {OTHER_ACCOUNT}, {ACCOUNT} ]"
    assert options(text).resolver_pinned_accounts == {ACCOUNT, OTHER_ACCOUNT}


def test_accounts_to_begin_with() -> None:
    text = f"resolver: MEM; resolver_preload {{ {ACCOUNT}: {ACCOUNT_JWT} }}"
    assert options(text).resolver_preload == {ACCOUNT: ACCOUNT_JWT}
    with pytest.raises(ConfigErrors) as caught:
        options(f"resolver_preload {{ a: 5, b: {jwt('user')}, c: x }}")
    assert [error.message for error in caught.value.errors] == [
        "preload map value should be a string JWT",
        "invalid account JWT: not account claim",
        "invalid account JWT: expected 3 chunks",
    ]
    assert refusal("resolver_preload: x") == (
        "preload should be a map of account_public_key:account_jwt"
    )


def test_operators_are_strings() -> None:
    assert refusal("operator: 5") == (
        "error parsing operators: write a JWT, a file, or a list of these"
    )
    assert refusal("operator: [ 5 ]") == "error parsing operators: a JWT or a file is a string"
    assert USER not in refusal(f"operator: [ {jwt('user')} ]; resolver: MEM")
