from __future__ import annotations

import base64

import pytest

from pubsub.auth.signatures import decode_signature, is_signed_by, verify_nonce
from pubsub.errors import AuthenticationFailed
from pubsub.values.strkey import KeyKind

NONCE = b"a8Xf_0-nonce"
#: bytes that look different in the two alphabets
RAW = bytes([0xFB, 0xEF, 0xFF] * 21 + [0xFE])


def test_both_ways_of_writing_a_signature():
    url = base64.urlsafe_b64encode(RAW).decode()
    assert decode_signature(url.rstrip("=")) == RAW
    assert decode_signature(base64.b64encode(RAW).decode()) == RAW


@pytest.mark.parametrize(
    "text",
    [
        "",
        "=",
        "A" * 85,
        "A" * 87,
        "A" * 86 + "=",
        "A" * 86 + "\n",
        "A" * 10_000_000,
        base64.urlsafe_b64encode(RAW).decode(),
        base64.b64encode(RAW).decode().rstrip("="),
        base64.b64encode(b"x" * 63).decode(),
        "\xe4" * 86,
        "\x00" * 86,
    ],
)
def test_everything_else_is_refused(text):
    with pytest.raises(AuthenticationFailed, match="64 bytes in base64") as refused:
        decode_signature(text)
    assert len(str(refused.value)) < 100


def test_proxies_write_it_in_one_way_only():
    with pytest.raises(AuthenticationFailed):
        decode_signature(base64.b64encode(RAW).decode(), standard=False)


def test_who_signed(new_key):
    key, other = new_key(), new_key()
    signature = key.secret.sign(NONCE).signature
    assert is_signed_by(key.public, NONCE, signature)
    assert not is_signed_by(other.public, NONCE, signature)
    assert not is_signed_by(key.public, NONCE + b"x", signature)
    assert not is_signed_by(key.public, NONCE, signature[:-1])
    assert not is_signed_by(key.public, NONCE, b"")
    assert not is_signed_by(key.public, NONCE, signature + NONCE)


@pytest.mark.parametrize(
    "damage",
    [
        lambda key: "",
        lambda key: key[:-1],
        lambda key: key.lower(),
        lambda key: "A" + key[1:],
        lambda key: key + "A" * 1000,
        lambda key: key[:-1] + ("A" if key[-1] != "A" else "B"),
    ],
)
def test_a_key_that_is_none_has_signed_nothing(new_key, damage):
    key = new_key()
    assert not is_signed_by(damage(key.public), NONCE, key.secret.sign(NONCE).signature)


def test_a_curve_key_signs_nothing(new_key):
    key = new_key(KeyKind.CURVE)
    assert not is_signed_by(key.public, NONCE, key.secret.sign(NONCE).signature)


def test_the_nonce_of_info(new_key):
    key = new_key()
    verify_nonce(key.public, NONCE, key.sign(NONCE))
    with pytest.raises(AuthenticationFailed, match="missing"):
        verify_nonce(key.public, NONCE, "")
    with pytest.raises(AuthenticationFailed, match="not of this nonce"):
        verify_nonce(key.public, b"the next one", key.sign(NONCE))


def test_without_a_nonce_a_signature_would_be_good_for_ever(new_key):
    key = new_key()
    with pytest.raises(AuthenticationFailed, match="no nonce"):
        verify_nonce(key.public, b"", key.sign(b""))
