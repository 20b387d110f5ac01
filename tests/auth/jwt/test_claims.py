from __future__ import annotations

import pytest

from pubsub.auth.jwt.claims import (
    ActivationClaims,
    AuthorizationRequestClaims,
    AuthorizationResponseClaims,
    GenericClaims,
    OperatorClaims,
    PermissionClaims,
    TimeRange,
    UserClaims,
    UserLimits,
)
from pubsub.errors import CredentialsError


def payload(**nats):
    return {
        "iss": "I", "sub": "S", "name": "n", "aud": "a", "jti": "j",
        "iat": 1, "exp": 2, "nbf": 3, "nats": {"version": 2, **nats},
    }  # fmt: skip


def test_what_all_claims_have():
    claims = UserClaims.read(payload(type="user", tags=["a:b"]))
    assert (claims.issuer, claims.subject, claims.name, claims.audience) == ("I", "S", "n", "a")
    assert (claims.id, claims.issued_at, claims.expires, claims.not_before) == ("j", 1, 2, 3)
    assert claims.tags == ("a:b",)
    assert claims.version == 2


def test_a_user():
    claims = UserClaims.read(
        payload(
            pub={"allow": ["a"], "deny": ["b"]},
            sub={"allow": ["c"], "deny": ["d q"]},
            resp={"max": 3, "ttl": 5_000_000_000},
            src=["10.0.0.0/8"],
            times=[{"start": "10:00:00", "end": "11:00:00"}],
            times_location="UTC",
            subs=1,
            data=2,
            payload=3,
            bearer_token=True,
            proxy_required=True,
            allowed_connection_types=["STANDARD"],
            issuer_account="ACC",
        )
    )
    assert claims.issuer_account == claims.account == "ACC"
    assert claims.limits == UserLimits(
        PermissionClaims(("a",), ("b",), ("c",), ("d q",), (3, 5_000_000_000)),
        ("10.0.0.0/8",),
        (TimeRange("10:00:00", "11:00:00"),),
        "UTC", 1, 2, 3, True, True, ("STANDARD",),
    )  # fmt: skip
    assert not claims.unrestricted_form


def test_a_user_without_limits_has_the_form_of_a_scoped_one():
    claims = UserClaims.read(payload())
    assert claims.unrestricted_form
    assert claims.account == "I"
    assert not UserClaims.read(payload(subs=-1)).unrestricted_form


def test_a_user_in_the_old_layout():
    claims = UserClaims.read(
        {
            "iss": "I", "sub": "S", "type": "user", "tags": ["t"], "issuer_account": "ACC",
            "nats": {
                "pub": {"allow": ["a"]}, "src": "10.0.0.0/8, 192.0.2.0/24,", "max": 5,
                "bearer_token": True, "proxy_required": True, "issuer_account": "other",
            },
        }
    )  # fmt: skip
    assert claims.version == 1
    assert claims.tags == ("t",)
    assert claims.issuer_account == "ACC"
    limits = claims.limits
    assert (limits.subscriptions, limits.data, limits.payload) == (-1, -1, -1)
    assert limits.sources == ("10.0.0.0/8", "192.0.2.0/24")
    assert limits.bearer
    assert not limits.proxy_required


def test_permission_to_respond_may_be_all_defaults():
    assert PermissionClaims.read({"resp": {}}).responses == (0, 0)
    assert PermissionClaims.read({"resp": None}).responses is None


def test_an_operator():
    claims = OperatorClaims.read(
        payload(
            signing_keys=["K"], account_server_url="https://x", system_account="A",
            strict_signing_key_usage=True, assert_server_version="2.10.0",
        )
    )  # fmt: skip
    assert claims.signing_keys == ("K",)
    assert claims.account_server_url == "https://x"
    assert claims.system_account == "A"
    assert claims.strict_signing_keys
    assert claims.assert_server_version == "2.10.0"


def test_an_operator_in_the_old_layout():
    claims = OperatorClaims.read(
        {"type": "operator", "nats": {"signing_keys": ["K"], "strict_signing_key_usage": True}}
    )
    assert claims.signing_keys == ("K",)
    assert not claims.strict_signing_keys


def test_an_activation():
    claims = ActivationClaims.read(payload(subject="a.>", kind="stream", issuer_account="ACC"))
    assert (claims.import_subject, claims.kind, claims.issuer_account) == ("a.>", "stream", "ACC")


def test_an_activation_in_the_old_layout():
    claims = ActivationClaims.read(
        {"type": "activation", "issuer_account": "ACC", "nats": {"subject": "a", "type": "service"}}
    )
    assert (claims.import_subject, claims.kind, claims.issuer_account) == ("a", "service", "ACC")


def test_auth_callout():
    request = AuthorizationRequestClaims.read(payload(user_nkey="U", server_id={"id": "N"}))
    assert request.user_nkey == "U"
    assert request.request["server_id"] == {"id": "N"}
    response = AuthorizationResponseClaims.read(payload(jwt="J", error="E", issuer_account="A"))
    assert (response.jwt, response.error, response.issuer_account) == ("J", "E", "A")
    assert "J'" not in repr(response)


def test_generic_claims_have_any_layout():
    assert GenericClaims.read({"nats": {"version": 9, "x": 1}}).data == {"version": 9, "x": 1}
    assert GenericClaims.read({}).data == {}


@pytest.mark.parametrize("version", [0, 3, -1])
def test_other_layouts_are_refused(version):
    with pytest.raises(CredentialsError, match=f"received {version}"):
        UserClaims.read({"nats": {"version": version}})


@pytest.mark.parametrize(
    "nats",
    [
        {"pub": []}, {"pub": {"allow": "a"}}, {"pub": {"allow": [1]}}, {"resp": 1},
        {"resp": {"max": "1"}}, {"src": 5}, {"src": [5]}, {"times": [5]},
        {"times": [{"start": 5}]}, {"subs": 1.0}, {"bearer_token": "yes"}, {"tags": "a"},
        {"allowed_connection_types": {}}, {"issuer_account": 1},
    ],
)  # fmt: skip
def test_members_of_the_wrong_type_are_refused(nats):
    with pytest.raises(CredentialsError):
        UserClaims.read(payload(**nats))
