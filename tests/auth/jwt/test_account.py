from __future__ import annotations

import dataclasses

import pytest

from pubsub.auth.jwt.account import account_options, check_activation, permissions_of
from pubsub.auth.jwt.account_claims import AccountClaims
from pubsub.auth.jwt.claims import PermissionClaims
from pubsub.auth.jwt.codec import encode
from pubsub.auth.jwt.keys import KeyPair
from pubsub.values.accounts import (
    AccountLimits,
    AccountOptions,
    LatencyOptions,
    MappingEntry,
    ResponseType,
    ServiceExport,
    ServiceImport,
    StreamExport,
    StreamImport,
    WeightedDestination,
)
from pubsub.values.identity import Permissions, ResponsePermission
from tests.auth.jwt.world import NOW, UNLIMITED

A, B, KEY = KeyPair.generate("A"), KeyPair.generate("A"), KeyPair.generate("A")


def options(**nats):
    claims = AccountClaims.read(
        {"sub": A.public_key, "name": "acme", "exp": 99, "nats": {"version": 2, **nats}}
    )
    return account_options(claims)


@pytest.mark.parametrize(
    ("claims", "permissions"),
    [
        (PermissionClaims(), None),
        (PermissionClaims(("a",)), Permissions(publish_allow=("a",))),
        (PermissionClaims(publish_deny=("a",)), Permissions(publish_deny=("a",))),
        (
            PermissionClaims((), (), ("s", "s q"), ("d",)),
            Permissions(subscribe_allow=("s", "s q"), subscribe_deny=("d",)),
        ),
        (
            PermissionClaims(responses=(0, 0)),
            Permissions(publish_allow=(), responses=ResponsePermission(1, 120.0)),
        ),
        (
            PermissionClaims(("a",), responses=(5, 2_000_000_000)),
            Permissions(publish_allow=("a",), responses=ResponsePermission(5, 2.0)),
        ),
        (
            PermissionClaims(responses=(-1, -1_000_000_000)),
            Permissions(publish_allow=(), responses=ResponsePermission(-1, -1.0)),
        ),
    ],
)
def test_permissions(claims, permissions):
    assert permissions_of(claims) == permissions


def test_what_an_account_is():
    account = options(
        limits={**UNLIMITED, "conn": 5, "subs": 6, "payload": 7, "leaf": 8},
        default_permissions={"sub": {"deny": ["x"]}},
        mappings={"a": [{"subject": "b", "weight": 30}, {"subject": "c", "cluster": "d"}]},
    )
    assert account.name == account.nkey == A.public_key
    assert account.name_tag == "acme"
    assert account.expires == 99.0
    assert account.limits == AccountLimits(5, 6, 7, 8)
    assert account.default_permissions == Permissions(subscribe_deny=("x",))
    assert account.mappings == (
        MappingEntry("a", (WeightedDestination("b", 30), WeightedDestination("c", 100, "d"))),
    )
    assert account.claims.subject == A.public_key


def test_an_account_that_says_nothing_has_no_room():
    assert options().limits == AccountLimits(0, 0, 0, 0)


def test_exports():
    account = options(
        exports=[
            {"subject": "s.*", "type": "stream", "account_token_position": 2},
            {"subject": "p", "type": "stream", "token_req": True, "revocations": {"*": 5}},
            {"subject": "a", "type": "service"},
            {"subject": "b", "type": "service", "response_type": "Stream"},
            {
                "subject": "c", "type": "service", "response_type": "Chunked",
                "response_threshold": 5_000_000_000, "token_req": True,
            },
            {
                "subject": "d", "type": "service",
                "service_latency": {"results": "r", "sampling": "headers"},
            },
        ]
    )  # fmt: skip
    assert account.exports == (
        StreamExport("s.*", account_token_position=2),
        StreamExport("p", token_required=True, revocations={"*": 5}),
        ServiceExport("a"),
        ServiceExport("b", response_type=ResponseType.STREAM),
        ServiceExport(
            "c", token_required=True, response_type=ResponseType.CHUNKED, response_threshold=5.0
        ),
        ServiceExport("d", latency=LatencyOptions("r", 0)),
    )


def test_an_export_that_cannot_be_is_left_out_and_named(log):
    account = options(
        exports=[{"subject": "a b", "type": "stream"}, {"subject": "c", "type": "stream"}]
    )
    assert account.exports == (StreamExport("c"),)
    assert '"a b"' in log[0]


def test_a_wish_to_be_measured_that_cannot_be_leaves_the_service(log):
    latency = {"results": "r", "sampling": 10}
    account = options(
        exports=[
            {
                "subject": "a",
                "type": "service",
                "response_type": "Stream",
                "service_latency": latency,
            }
        ]
    )
    assert account.exports == (ServiceExport("a", response_type=ResponseType.STREAM),)
    assert len(log) == 1


@pytest.mark.parametrize(
    ("written", "import_"),
    [
        ({"type": "stream", "subject": "a"}, StreamImport("B", "a")),
        ({"type": "stream", "subject": "a", "local_subject": "l"}, StreamImport("B", "a", "l")),
        ({"type": "stream", "subject": "a.>", "to": "p"}, StreamImport("B", "a.>", "p.a.>")),
        ({"type": "stream", "subject": "a", "to": "p."}, StreamImport("B", "a", "p.a")),
        ({"type": "stream", "subject": "a", "token": "T"}, StreamImport("B", "a", "", "T")),
        ({"type": "service", "subject": "a"}, ServiceImport("B", "a")),
        (
            {"type": "service", "subject": "a", "local_subject": "l", "share": True},
            ServiceImport("B", "a", "l", share=True),
        ),
        (
            {"type": "service", "subject": "here", "to": "there"},
            ServiceImport("B", "there", "here"),
        ),
        ({"type": "service", "subject": "a", "token": "T"}, ServiceImport("B", "a", token="T")),
    ],
)
def test_imports(written, import_):
    assert options(imports=[{"account": "B", **written}]).imports == (import_,)


# activations


def activation(signer=A, subject="a.>", kind="stream", importer=B, claims=None, **nats):
    return encode(
        {
            "sub": importer.public_key,
            **(claims or {}),
            "nats": {"type": "activation", "subject": subject, "kind": kind, **nats},
        },
        signer,
        NOW - 10,
    )


def checked(token, import_=None, export=None, strict=False):
    exporter = options(signing_keys=[KEY.public_key])
    exporter = dataclasses.replace(
        exporter, claims=dataclasses.replace(exporter.claims, strict=strict)
    )
    import_ = import_ or StreamImport(A.public_key, "a.b", token=token)
    return check_activation(
        AccountOptions(B.public_key),
        import_,
        export or StreamExport("a.>", token_required=True),
        exporter,
        lambda: NOW,
    )


def test_an_activation_counts():
    assert checked(activation()) is True


def test_an_activation_for_exactly_this():
    assert checked(activation(subject="a.b")) is True


def test_an_activation_by_a_signing_key():
    assert checked(activation(KEY, issuer_account=A.public_key)) is True


def test_an_activation_that_will_expire_counts_until_then():
    assert checked(activation(claims={"exp": int(NOW) + 60})) == NOW + 60


def test_an_activation_of_a_service():
    token = activation(kind="service")
    import_ = ServiceImport(A.public_key, "a.b", token=token)
    assert checked(token, import_, ServiceExport("a.*", token_required=True)) is True


@pytest.mark.parametrize(
    "token",
    [
        "",
        "nonsense",
        "https://example.com/token",
        activation()[:-4],
        activation(B),
        activation(KEY),
        activation(KeyPair.generate("A"), issuer_account=A.public_key),
        activation(KEY, issuer_account=B.public_key),
        activation(KeyPair.generate("O")),
        activation(importer=A),
        activation(subject="x.>"),
        activation(subject="a"),
        activation(subject=""),
        activation(kind="service"),
        activation(kind="queue"),
        activation(claims={"exp": int(NOW)}),
        activation(claims={"exp": int(NOW) - 60}),
        activation(claims={"nbf": int(NOW) + 60}),
    ],
)
def test_an_activation_that_does_not_count(token):
    assert checked(token) is False


def test_an_activation_for_one_token_is_not_one_for_the_rest():
    token = activation(subject="a.*")
    assert checked(token, StreamImport(A.public_key, "a.>", token=token)) is False


@pytest.mark.parametrize(("who", "counts"), [("*", False), (B.public_key, False), ("C", True)])
def test_revoked_activations(who, counts):
    export = StreamExport("a.>", token_required=True, revocations={who: int(NOW)})
    assert checked(activation(), export=export) is counts


def test_revoked_before_it_was_issued():
    export = StreamExport("a.>", token_required=True, revocations={"*": int(NOW) - 11})
    assert checked(activation(), export=export) is True
