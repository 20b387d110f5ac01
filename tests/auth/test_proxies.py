from __future__ import annotations

import base64

import pytest

from pubsub.auth.proxies import TrustedProxies, require_proxy
from pubsub.errors import AuthenticationFailed, InvalidOption, ProxyNotTrusted, ProxyRequired
from pubsub.interfaces import ConnectionAttempt
from pubsub.values.strkey import KeyKind

NONCE = b"a8Xf_0-nonce"


def attempt(signature=None, nonce=NONCE):
    connect = {} if signature is None else {"proxy_sig": signature}
    return ConnectionAttempt(connect, "1.2.3.4:5", nonce=nonce)


def test_a_signature_by_any_trusted_key(new_key):
    one, other = new_key(KeyKind.SERVER), new_key(KeyKind.USER)
    proxies = TrustedProxies([one.public, other.public])
    assert proxies
    for key in (one, other):
        checked = proxies.checked(attempt(key.sign(NONCE)))
        assert checked.trusted_proxy
        assert checked.proxy_key == key.public


def test_who_comes_by_itself(new_key):
    checked = TrustedProxies([new_key().public]).checked(attempt())
    assert not checked.trusted_proxy
    assert checked.proxy_key == ""


def test_where_no_proxy_is_trusted_signatures_mean_nothing(new_key):
    proxies = TrustedProxies([])
    assert not proxies
    assert not proxies.checked(attempt(new_key().sign(NONCE))).trusted_proxy


@pytest.mark.parametrize(
    "damage",
    [
        lambda key: key.sign(b"another nonce"),
        lambda key: key.sign(NONCE)[:-1],
        lambda key: key.sign(NONCE) + "A" * 100_000,
        lambda key: base64.b64encode(key.secret.sign(NONCE).signature).decode(),
        lambda key: type(key)().sign(NONCE),
        lambda key: "?",
    ],
)
def test_a_bad_signature_refuses_whatever_else_is_shown(new_key, damage):
    key = new_key()
    with pytest.raises(AuthenticationFailed) as refused:
        TrustedProxies([key.public]).checked(attempt(damage(key)))
    assert isinstance(refused.value.fault, ProxyNotTrusted)


def test_without_a_nonce_no_signature_is_good(new_key):
    key = new_key()
    with pytest.raises(AuthenticationFailed) as refused:
        TrustedProxies([key.public]).checked(attempt(key.sign(b""), nonce=b""))
    assert isinstance(refused.value.fault, ProxyNotTrusted)


def test_keys_have_to_be_keys(new_key):
    for key in ("", "x", new_key().public[:-1], new_key(KeyKind.CURVE).public):
        with pytest.raises(InvalidOption, match=r"proxies\.trusted"):
            TrustedProxies([key])


def test_requiring_a_proxy(new_key):
    key = new_key()
    require_proxy(TrustedProxies([key.public]).checked(attempt(key.sign(NONCE))))
    with pytest.raises(AuthenticationFailed) as refused:
        require_proxy(attempt())
    assert isinstance(refused.value.fault, ProxyRequired)
