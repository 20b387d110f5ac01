from __future__ import annotations

import dataclasses

import pytest

from pubsub.auth.jwt.account import account_options
from pubsub.auth.jwt.codec import decode_account, decode_user
from pubsub.auth.jwt.keys import KeyPair
from pubsub.auth.jwt.users import admit, allowed_types
from pubsub.errors import (
    AuthenticationFailed,
    AuthorizationViolation,
    ProxyRequired,
    SigningKeyChanged,
    UserAuthenticationRevoked,
)
from pubsub.values.accounts import AccountOptions
from pubsub.values.identity import Permissions
from tests.auth.jwt.world import NOW, UNLIMITED, World


@pytest.fixture
def w() -> World:
    return World()


def account(w, strict=False, **nats):
    claims = decode_account(w.account_jwt(**nats))
    return account_options(dataclasses.replace(claims, strict=strict))


def admitted(w, token, options=None, now=NOW, **attempt):
    return admit(decode_user(token), token, options or account(w), w.attempt(token, **attempt), now)


def test_who_it_is(w):
    token = w.user_jwt(
        name="bob", tags=["a:b"], pub={"allow": ["x"]}, subs=5, payload=6,
        claims={"exp": int(NOW) + 60},
    )  # fmt: skip
    identity = admitted(w, token, proxy_key="PROXY")
    assert identity.user == identity.nkey == w.user.public_key
    assert identity.account == identity.issuer_key == w.account.public_key
    assert identity.permissions == Permissions(publish_allow=("x",))
    assert identity.limits == {"max_payload": 6, "max_subscriptions": 5}
    assert identity.expires == NOW + 60
    assert (identity.name_tag, identity.tags) == ("bob", ("a:b",))
    assert identity.jwt == token
    assert identity.proxy_key == "PROXY"
    assert token not in repr(identity)


def test_without_permissions_of_its_own_it_has_its_accounts(w):
    options = account(w, default_permissions={"pub": {"deny": ["x"]}})
    assert admitted(w, w.user_jwt(), options).permissions is None


def test_what_a_scope_says_holds(w):
    key = KeyPair.generate("A")
    template = {"pub": {"allow": ["{{name()}}.>"]}, "subs": 5, "payload": 6, "bearer_token": True}
    scope = {"kind": "user_scope", "key": key.public_key, "template": template}
    options = account(w, signing_keys=[scope])
    token = w.user_jwt(signer=key, scoped=True, name="bob")
    identity = admitted(w, token, options, connect={"sig": ""})
    assert identity.permissions == Permissions(publish_allow=("bob.>",))
    assert identity.limits == {"max_payload": 6, "max_subscriptions": 5}
    assert identity.issuer_key == key.public_key


def test_a_scope_may_require_a_proxy(w):
    key = KeyPair.generate("A")
    scope = {"kind": "user_scope", "key": key.public_key, "template": {"proxy_required": True}}
    options = account(w, signing_keys=[scope])
    token = w.user_jwt(signer=key, scoped=True)
    with pytest.raises(AuthenticationFailed) as caught:
        admitted(w, token, options)
    assert isinstance(caught.value.fault, ProxyRequired)
    assert admitted(w, token, options, trusted_proxy=True).user == w.user.public_key


def test_the_own_key_of_an_account_under_a_strict_operator(w):
    with pytest.raises(AuthenticationFailed, match="issuer is not known"):
        admitted(w, w.user_jwt(), account(w, strict=True))


def test_it_leaves_when_its_time_of_day_ends(w):
    import time

    end = time.strftime("%H:%M:%S", time.gmtime(NOW + 600))
    start = time.strftime("%H:%M:%S", time.gmtime(NOW - 600))
    times = {"times": [{"start": start, "end": end}], "times_location": "UTC"}
    assert admitted(w, w.user_jwt(**times)).expires == NOW + 600
    sooner = w.user_jwt(**times, claims={"exp": int(NOW) + 60})
    assert admitted(w, sooner).expires == NOW + 60
    later = w.user_jwt(**times, claims={"exp": int(NOW) + 6000})
    assert admitted(w, later).expires == NOW + 600


def test_a_nonce_is_good_once_and_for_one_connection(w):
    token = w.user_jwt()
    spied = w.attempt(token).connect["sig"]
    with pytest.raises(AuthenticationFailed, match="signature"):
        admitted(w, token, connect={"sig": spied}, nonce=b"another")


def test_without_a_nonce_a_signature_proves_nothing(w):
    from tests.auth.jwt.world import signature

    token = w.user_jwt()
    with pytest.raises(AuthenticationFailed, match="no nonce"):
        admitted(w, token, connect={"sig": signature(w.user.sign(b""))}, nonce=b"")


def test_an_account_without_claims_admits_nobody(w):
    with pytest.raises(AuthenticationFailed, match="no claims"):
        admitted(w, w.user_jwt(), AccountOptions(w.account.public_key))


def test_an_account_that_ends_in_this_second_has_ended(w):
    options = account(w, claims={"exp": int(NOW)})
    with pytest.raises(AuthenticationFailed, match="expired"):
        admitted(w, w.user_jwt(), options)


@pytest.mark.parametrize(
    ("written", "allowed"),
    [
        ((), ()),
        (("standard", "MQTT_WS"), ("STANDARD", "MQTT_WS")),
        (("LEAFNODE", "smoke signals"), ("LEAFNODE",)),
    ],
)
def test_types_of_connection(written, allowed):
    assert allowed_types(written) == frozenset(allowed)


def test_only_unknown_types_of_connection():
    with pytest.raises(AuthenticationFailed):
        allowed_types(["smoke signals"])


# later: its account changes


def verdict(w, token, before, after):
    identity = admitted(w, token, before)
    assert identity.still_valid(before) is None
    return identity.still_valid(after)


def test_it_stays_when_something_else_changes(w):
    after = account(w, name="other", revocations={KeyPair.generate("U").public_key: int(NOW)})
    assert verdict(w, w.user_jwt(), account(w), after) is None
    assert verdict(w, w.user_jwt(), account(w), AccountOptions(w.account.public_key)) is None


@pytest.mark.parametrize("everybody", [True, False])
def test_it_is_revoked(w, everybody):
    revocations = {"*" if everybody else w.user.public_key: int(NOW)}
    fault = verdict(w, w.user_jwt(), account(w), account(w, revocations=revocations))
    assert type(fault) is UserAuthenticationRevoked
    assert fault.to_bytes() == b"-ERR 'User Authentication Revoked'\r\n"


def test_it_was_issued_after_the_revocation(w):
    after = account(w, revocations={"*": int(NOW) - 101})
    assert verdict(w, w.user_jwt(issued=NOW - 100), account(w), after) is None


def test_bearers_are_not_allowed_any_more(w):
    token = w.user_jwt(bearer_token=True)
    after = account(w, limits={**UNLIMITED, "disallow_bearer": True})
    assert type(verdict(w, token, account(w), after)) is AuthorizationViolation
    assert verdict(w, w.user_jwt(), account(w), after) is None


def test_its_signing_key_is_gone(w):
    key = KeyPair.generate("A")
    before = account(w, signing_keys=[key.public_key])
    fault = verdict(w, w.user_jwt(signer=key), before, account(w))
    assert type(fault) is SigningKeyChanged
    assert fault.to_bytes() == b""


def test_the_scope_of_its_signing_key_is_another(w):
    key = KeyPair.generate("A")

    def scoped(**template):
        return account(
            w, signing_keys=[{"kind": "user_scope", "key": key.public_key, "template": template}]
        )

    token = w.user_jwt(signer=key, scoped=True)
    assert verdict(w, token, scoped(subs=5), scoped(subs=5)) is None
    assert type(verdict(w, token, scoped(subs=5), scoped(subs=6))) is SigningKeyChanged
