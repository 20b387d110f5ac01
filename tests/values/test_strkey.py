"""Public keys are told from everything else."""

from __future__ import annotations

import base64
import binascii

import nkeys
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pubsub.values.strkey import KeyKind, is_public_key, key_kind, looks_secret, raw_key

KINDS = {
    KeyKind.ACCOUNT: nkeys.PREFIX_BYTE_ACCOUNT,
    KeyKind.CLUSTER: nkeys.PREFIX_BYTE_CLUSTER,
    KeyKind.OPERATOR: nkeys.PREFIX_BYTE_OPERATOR,
    KeyKind.SERVER: nkeys.PREFIX_BYTE_SERVER,
    KeyKind.USER: nkeys.PREFIX_BYTE_USER,
}


def pair(kind: KeyKind) -> nkeys.KeyPair:
    return nkeys.from_seed(nkeys.encode_seed(b"7" * 32, KINDS[kind]))


def written(raw: bytes) -> str:
    checked = raw + binascii.crc_hqx(raw, 0).to_bytes(2, "little")
    return base64.b32encode(checked).decode().rstrip("=")


@pytest.mark.parametrize("kind", KINDS)
def test_a_key_of_the_nkeys_library_has_its_kind(kind: KeyKind) -> None:
    text = pair(kind).public_key.decode()
    assert key_kind(text) is kind
    assert raw_key(text)[1] == bytes(pair(kind)._keys.verify_key)
    assert is_public_key(text)
    assert is_public_key(text, kind)
    assert not is_public_key(text, KeyKind.CURVE)
    assert not looks_secret(text)


def test_curve_keys_begin_with_x() -> None:
    text = written(bytes([KeyKind.CURVE]) + bytes(32))
    assert text.startswith("X")
    assert is_public_key(text, KeyKind.CURVE)


@pytest.mark.parametrize("kind", KINDS)
def test_a_seed_is_no_public_key_and_looks_secret(kind: KeyKind) -> None:
    seed = bytes(pair(kind).seed).decode()
    assert not is_public_key(seed)
    assert looks_secret(seed)
    assert looks_secret(seed[:-1])


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "a public key has 56 letters and digits"),
        ("U", "a public key has 56 letters and digits"),
        ("U" * 57, "a public key has 56 letters and digits"),
        ("u" * 56, "a public key is written in base32"),
        ("1" * 56, "a public key is written in base32"),
        ("ü" * 56, "a public key is written in base32"),
        ("U" * 56, "the checksum of the key is wrong"),
        # 18 << 3 is the kind of seeds, 25 << 3 is none
        (written(bytes([18 << 3]) + bytes(32)), "it is not a public key"),
        (written(bytes([25 << 3]) + bytes(32)), "it is not a public key"),
        (written(bytes([(20 << 3) | 1]) + bytes(32)), "it is not a public key"),
    ],
)
def test_what_is_no_key_is_refused_and_not_repeated(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason) as caught:
        raw_key(text)
    assert len(text) < 2 or text not in str(caught.value)
    assert key_kind(text) is None
    assert not is_public_key(text)


@given(st.integers(0, 55), st.sampled_from("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"))
def test_one_wrong_letter_is_noticed(place: int, letter: str) -> None:
    good = pair(KeyKind.USER).public_key.decode()
    text = good[:place] + letter + good[place + 1 :]
    assert is_public_key(text) == (text == good)


@pytest.mark.parametrize("text", ["", "S", "SEED", "bob", "S" * 30, "S " * 30, "A" * 56])
def test_short_words_and_names_are_shown(text: str) -> None:
    assert not looks_secret(text)
