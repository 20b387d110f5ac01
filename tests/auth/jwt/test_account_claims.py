from __future__ import annotations

import pytest

from pubsub.auth.jwt.account_claims import (
    AccountClaims,
    AccountLimitClaims,
    ExternalAuthorization,
    WeightedMapping,
    is_revoked,
)
from pubsub.auth.jwt.claims import PermissionClaims
from pubsub.errors import CredentialsError


def account(**nats):
    return AccountClaims.read({"iss": "O", "sub": "ACC", "nats": {"version": 2, **nats}})


def test_an_account_that_says_nothing_has_no_room_for_anything():
    claims = account()
    assert claims.limits == AccountLimitClaims()
    assert claims.limits.is_empty
    assert claims.limits.connections == 0
    assert claims.trace is None


def test_limits():
    limits = account(
        limits={
            "subs": 1, "data": 2, "payload": 3, "imports": 4, "exports": 5, "wildcards": True,
            "disallow_bearer": True, "conn": 6, "leaf": 7, "mem_storage": 8, "streams": 0,
            "tiered_limits": {"R1": {"disk_storage": 9}},
        }
    ).limits  # fmt: skip
    assert limits == AccountLimitClaims(
        1, 2, 3, 4, 5, True, True, 6, 7,
        {"mem_storage": 8, "tiered_limits": {"R1": {"disk_storage": 9}}},
    )  # fmt: skip
    assert not limits.is_empty


def test_exports():
    (export,) = account(
        exports=[
            {
                "name": "n", "subject": "a.*", "type": "service", "token_req": True,
                "revocations": {"*": 5}, "response_type": "Chunked",
                "response_threshold": 5_000_000_000,
                "service_latency": {"sampling": 60, "results": "r"},
                "account_token_position": 2, "allow_trace": True,
            }
        ]
    ).exports  # fmt: skip
    assert (export.name, export.subject, export.type) == ("n", "a.*", "service")
    assert export.token_required
    assert export.revocations == {"*": 5}
    assert (export.response_type, export.response_threshold) == ("Chunked", 5_000_000_000)
    assert export.latency == ("r", 60)
    assert export.account_token_position == 2
    assert export.allow_trace


@pytest.mark.parametrize(("written", "sampling"), [("headers", 0), ("HEADERS", 0), (0, 0), (7, 7)])
def test_sampling_may_be_by_headers(written, sampling):
    latency = {"sampling": written, "results": "r"}
    (export,) = account(
        exports=[{"subject": "a", "type": "service", "service_latency": latency}]
    ).exports
    assert export.latency == ("r", sampling)


def test_imports():
    (import_,) = account(
        imports=[
            {
                "name": "n", "subject": "a", "account": "B", "token": "T", "to": "t",
                "local_subject": "l", "type": "stream", "share": True, "allow_trace": True,
            }
        ]
    ).imports  # fmt: skip
    assert (import_.name, import_.subject, import_.account, import_.type) == (
        "n", "a", "B", "stream",
    )  # fmt: skip
    assert (import_.token, import_.to, import_.local_subject) == ("T", "t", "l")
    assert import_.share
    assert import_.allow_trace
    assert "'T'" not in repr(import_)


def test_the_rest():
    claims = account(
        default_permissions={"pub": {"deny": ["x"]}},
        mappings={"a": [{"subject": "b", "weight": 10, "cluster": "c"}, {"subject": "d"}]},
        authorization={"auth_users": ["U"], "allowed_accounts": ["*"], "xkey": "X"},
        trace={"dest": "t", "sampling": 50},
        cluster_traffic="owner",
        description="d",
        info_url="https://x",
        revocations={"U": 5},
    )
    assert claims.default_permissions == PermissionClaims(publish_deny=("x",))
    assert claims.mappings == {"a": (WeightedMapping("b", 10, "c"), WeightedMapping("d", 100))}
    assert claims.authorization == ExternalAuthorization(("U",), ("*",), "X")
    assert claims.trace == ("t", 50)
    assert (claims.cluster_traffic, claims.description, claims.info_url) == (
        "owner", "d", "https://x",
    )  # fmt: skip
    assert claims.revocations == {"U": 5}


def test_signing_keys_plain_and_scoped():
    claims = account(
        signing_keys=[
            "K1",
            {"kind": "user_scope", "key": "K2", "role": "r", "template": {"subs": 5}},
            5,
        ]
    )
    assert claims.issues("K1")
    assert claims.issues("K2")
    assert claims.issues("ACC")
    assert not claims.issues("K3")
    assert claims.scope("K1") is claims.scope("ACC") is claims.scope("K3") is None
    scope = claims.scope("K2")
    assert scope.role == "r"
    # what a template does not say is not limited
    assert (scope.template.subscriptions, scope.template.payload) == (5, -1)


def test_under_a_strict_operator_the_accounts_own_key_issues_nobody():
    claims = AccountClaims(issuer="O", subject="ACC", signing_keys={"K": None}, strict=True)
    assert claims.issues("K")
    assert not claims.issues("ACC")


def test_an_account_in_the_old_layout():
    claims = AccountClaims.read(
        {
            "iss": "O", "sub": "ACC", "type": "account", "tags": ["t"],
            "nats": {"signing_keys": ["K"], "limits": {"conn": -1, "mem_storage": 5},
                     "mappings": {"a": []}, "revocations": {"U": 1}},
        }
    )  # fmt: skip
    assert claims.version == 1
    assert claims.tags == ("t",)
    assert claims.issues("K")
    assert claims.limits.connections == -1
    assert claims.mappings == {}
    assert claims.revoked("U", 1)


@pytest.mark.parametrize(
    ("revocations", "revoked"),
    [
        ({}, False),
        ({"U": 9}, False),
        ({"U": 10}, True),
        ({"U": 11}, True),
        ({"*": 9}, False),
        ({"*": 10}, True),
        ({"U": 5, "*": 10}, True),
        ({"U": 10, "*": 5}, True),
        ({"V": 99}, False),
    ],
)
def test_revocations(revocations, revoked):
    assert is_revoked(revocations, "U", 10) == revoked


@pytest.mark.parametrize(
    "nats",
    [
        {"exports": [{"type": "queue"}]},
        {"exports": [None]},
        {"exports": [{"account_token_position": -1}]},
        {"exports": [{"service_latency": {"sampling": "often"}}]},
        {"imports": [{"type": 1}]},
        {"imports": {}},
        {"signing_keys": [{"kind": "group_scope"}]},
        {"signing_keys": {}},
        {"revocations": {"U": "now"}},
        {"mappings": {"a": [{"subject": "b", "weight": 256}]}},
        {"mappings": {"a": [{"subject": "b", "weight": -1}]}},
        {"mappings": {"a": {}}},
        {"limits": []},
        {"trace": "t"},
        {"authorization": {"auth_users": "U"}},
    ],
)
def test_members_of_the_wrong_type_are_refused(nats):
    with pytest.raises(CredentialsError):
        account(**nats)
