from __future__ import annotations

import dataclasses

import pytest

from pubsub.auth.jwt.account_claims import AccountClaims
from pubsub.auth.jwt.claims import ActivationClaims, Claims, OperatorClaims, UserClaims
from pubsub.auth.jwt.codec import encode
from pubsub.auth.jwt.keys import KeyPair, encode_public
from pubsub.auth.jwt.validation import (
    account_problems,
    activation_problems,
    is_contained,
    is_network,
    operator_problems,
    server_version,
    time_problem,
    user_problems,
)
from pubsub.errors import CredentialsError
from pubsub.values.strkey import KeyKind
from tests.auth.jwt.world import UNLIMITED

IMPORTER, EXPORTER = KeyPair.generate("A"), KeyPair.generate("A")
USER = KeyPair.generate("U").public_key
CURVE = encode_public(KeyKind.CURVE, bytes(32))


def user(**nats):
    return UserClaims.read({"nats": {"version": 2, **nats}})


def account(**nats):
    return AccountClaims.read(
        {"sub": IMPORTER.public_key, "nats": {"version": 2, "limits": UNLIMITED, **nats}}
    )


@pytest.mark.parametrize(
    ("expires", "not_before", "problem"),
    [
        (0, 0, ""),
        (100, 0, ""),
        (99, 0, "claim is expired"),
        (0, 100, ""),
        (0, 101, "claim is not yet valid"),
    ],
)
def test_time(expires, not_before, problem):
    claims = Claims(issuer="I", subject="S", expires=expires, not_before=not_before)
    assert time_problem(claims, 100.9) == problem


@pytest.mark.parametrize(
    "nats",
    [
        {},
        {"pub": {"allow": ["a.>", "*"]}, "sub": {"allow": ["a q.*"], "deny": [">"]}},
        {"src": ["10.0.0.0/8", "10.1.2.3/8", "2001:db8::/32"]},
        {"times": [{"start": "10:00:00", "end": "09:00:00"}], "times_location": "Europe/Paris"},
        {"issuer_account": IMPORTER.public_key},
    ],
)
def test_users_that_can_be(nats):
    assert user_problems(user(**nats)) == []


@pytest.mark.parametrize(
    "nats",
    [
        {"pub": {"allow": [""]}},
        {"pub": {"allow": [".a"]}},
        {"pub": {"deny": ["a."]}},
        {"pub": {"deny": ["a..b"]}},
        {"pub": {"deny": ["a q"]}},
        {"sub": {"deny": ["a q r"]}},
        {"sub": {"allow": ["a "]}},
        {"src": ["10.0.0.1"]},
        {"src": ["10.0.0.0/255.0.0.0"]},
        {"src": ["10.0.0.0/33"]},
        {"src": ["fe80::%eth0/64"]},
        {"src": ["x/8"]},
        {"times": [{"start": "", "end": "09:00:00"}]},
        {"times": [{"start": "09:00:00", "end": "9"}]},
        {"times_location": "Nowhere"},
        {"issuer_account": USER},
    ],
)
def test_users_that_cannot_be(nats):
    assert len(user_problems(user(**nats))) == 1


def test_networks():
    assert is_network("192.0.2.0/24")
    assert not is_network("")


def test_operators():
    key = KeyPair.generate("O").public_key
    good = OperatorClaims(
        issuer="O", subject="O", signing_keys=(key,), system_account=IMPORTER.public_key,
        assert_server_version="2.10.0",
    )  # fmt: skip
    assert operator_problems(good) == []
    bad = OperatorClaims(
        issuer="O", subject="O", signing_keys=("x",), system_account="y", assert_server_version="2"
    )
    assert len(operator_problems(bad)) == 3


def test_versions():
    assert server_version("") == (0, 0, 0)
    assert server_version("2.10.3") == (2, 10, 3)
    for text in ("2", "2.10", "2.10.x", "2.10.-1", "2.10.3.4", "2.١.3"):
        with pytest.raises(CredentialsError):
            server_version(text)


def test_activations():
    good = ActivationClaims(issuer="A", subject="B", import_subject="a", kind="stream")
    assert activation_problems(good) == []
    for change in ({"kind": ""}, {"import_subject": ""}, {"issuer_account": "x"}):
        assert len(activation_problems(dataclasses.replace(good, **change))) == 1


@pytest.mark.parametrize(
    ("subject", "other", "contained"),
    [
        ("a", "a", True),
        ("a", "b", False),
        ("a.b", "a.*", True),
        ("a.b", "a.>", True),
        ("a", "a.>", False),
        ("a.*", "a.b", False),
        ("a.*", "a.*", True),
        ("a.>", "a.*", False),
        ("a.b.c", "a.b", False),
        ("a.b.c", ">", True),
        ("a", "a.b", False),
    ],
)
def test_containment(subject, other, contained):
    assert is_contained(subject, other) == contained


def token(subject="a.>", kind="stream", signer=EXPORTER, importer=IMPORTER, **nats):
    nats = {"type": "activation", "subject": subject, "kind": kind, **nats}
    return encode({"sub": importer.public_key, "nats": nats}, signer)


def imported(**members):
    return {
        "imports": [{"account": EXPORTER.public_key, "subject": "a", "type": "stream"} | members]
    }


def exported(**members):
    return {"exports": [{"subject": "a.*", "type": "service"} | members]}


@pytest.mark.parametrize(
    "nats",
    [
        {},
        imported(),
        imported(subject="a.*.>", local_subject="x.$1.>"),
        imported(subject="a.*.*", local_subject="$2.b.$1"),
        imported(subject="a.b", token=token()),
        imported(subject="a", type="service", to="x.y", token=token("x.>", "service")),
        imported(subject="a", type="service", share=True),
        exported(),
        exported(type="stream", response_type=""),
        exported(response_type="Stream", response_threshold=5),
        exported(service_latency={"results": "r", "sampling": 50}),
        exported(account_token_position=2),
        {"signing_keys": [IMPORTER.public_key]},
        {"mappings": {"a": [{"subject": "b", "weight": 50}, {"subject": "c", "weight": 50}]}},
        {"mappings": {"a": [{"subject": "b"}, {"subject": "c", "cluster": "x"}]}},
        {"authorization": {"auth_users": [USER], "allowed_accounts": ["*"], "xkey": CURVE}},
        {"authorization": {"auth_users": [USER], "allowed_accounts": [IMPORTER.public_key]}},
        {"trace": {"dest": "t", "sampling": 100}},
        {"cluster_traffic": "system", "info_url": "https://example.com", "description": "d"},
        {"limits": {**UNLIMITED, "tiered_limits": {"R1": {}}}},
    ],
)
def test_accounts_that_can_be(nats):
    assert account_problems(account(**nats)) == []


@pytest.mark.parametrize(
    "nats",
    [
        imported(type=""),
        imported(account=""),
        imported(subject=""),
        imported(share=True),
        imported(type="service", allow_trace=True),
        imported(local_subject="b c"),
        imported(subject="a.>", local_subject="b"),
        imported(subject="a.*", local_subject="b"),
        imported(local_subject="b", to="c"),
        imported(token="x"),
        imported(subject="a.b", token=token(signer=IMPORTER)),
        imported(subject="a.b", token=token(importer=EXPORTER)),
        imported(subject="a.b", token=token(kind="service")),
        imported(subject="b", token=token()),
        imported(subject="a.b", token=token(issuer_account="x")),
        {"imports": [
            {"account": EXPORTER.public_key, "subject": s, "type": "service"}
            for s in ("a.*", "a.b")
        ]},
        exported(type=""),
        exported(response_type="Twice"),
        exported(type="stream", response_type="Stream"),
        exported(type="stream", allow_trace=True),
        exported(type="stream", response_threshold=5),
        exported(response_threshold=-5),
        exported(type="stream", service_latency={"results": "r"}),
        exported(service_latency={"results": "r.*"}),
        exported(service_latency={"results": "r", "sampling": 101}),
        exported(subject="a..b"),
        exported(subject="a.b", account_token_position=1),
        exported(account_token_position=1),
        exported(account_token_position=3),
        {"exports": [{"subject": s, "type": "stream"} for s in ("a", "a")]},
        {"exports": [{"subject": s, "type": "stream"} for s in ("a.b", "a.>")]},
        {"exports": [{"subject": s, "type": "stream"} for s in ("a.*.>", "a.>")]},
        {"signing_keys": ["x"]},
        {"mappings": {"": []}},
        {"mappings": {"a": [{"subject": ""}]}},
        {"mappings": {"a": [{"subject": s, "cluster": "x"} for s in ("b", "c")]}},
        {"authorization": {"allowed_accounts": ["*"]}},
        {"authorization": {"auth_users": ["x"]}},
        {"authorization": {"auth_users": [USER], "allowed_accounts": ["*", IMPORTER.public_key]}},
        {"authorization": {"auth_users": [USER], "allowed_accounts": ["x"]}},
        {"authorization": {"xkey": USER}},
        {"trace": {"dest": ""}},
        {"trace": {"dest": "a.*"}},
        {"trace": {"dest": "a", "sampling": 101}},
        {"cluster_traffic": "mine"},
        {"info_url": "example.com"},
        {"info_url": "http://[x"},
        {"info_url": "http://" + "x" * 9000},
        {"description": "x" * 9000},
        {"default_permissions": {"pub": {"allow": ["a..b"]}}},
        {"limits": {**UNLIMITED, "imports": 0}} | imported(),
        {"limits": {**UNLIMITED, "exports": 0}} | exported(),
        {"limits": {**UNLIMITED, "exports": 1, "wildcards": False}} | exported(),
        {"limits": {**UNLIMITED, "tiered_limits": {"": {}}}},
    ],
)  # fmt: skip
def test_accounts_that_cannot_be(nats):
    assert len(account_problems(account(**nats))) == 1


def test_references_to_wildcards_that_are_not_there():
    assert account_problems(account(**imported(subject="a.*", local_subject="b.$2")))


def test_many_exports_are_not_compared_each_with_each():
    exports = [{"subject": f"s{n}", "type": "stream"} for n in range(5000)]
    assert account_problems(account(exports=exports)) == []
