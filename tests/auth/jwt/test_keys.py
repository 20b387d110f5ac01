from __future__ import annotations

import nkeys
import pytest

from pubsub.auth.jwt import keys
from pubsub.auth.jwt.keys import KeyPair
from pubsub.auth.signatures import is_signed_by
from pubsub.errors import CredentialsError
from pubsub.values.strkey import KeyKind

IS = {"O": keys.is_operator, "A": keys.is_account, "U": keys.is_user, "N": keys.is_server}


@pytest.mark.parametrize("letter", IS)
def test_a_key_is_of_its_kind_and_of_no_other(letter):
    pair = KeyPair.generate(letter)
    assert pair.public_key.startswith(letter)
    assert pair.seed.startswith(f"S{letter}")
    assert [is_kind(pair.public_key) for is_kind in IS.values()] == [k == letter for k in IS]
    assert not keys.is_curve(pair.public_key)


@pytest.mark.parametrize("letter", IS)
def test_the_public_library_reads_our_seeds_and_signs_as_we_do(letter):
    pair = KeyPair.generate(letter)
    theirs = nkeys.from_seed(pair.seed.encode())
    assert theirs.public_key.decode() == pair.public_key
    assert theirs.sign(b"text") == pair.sign(b"text")
    assert is_signed_by(pair.public_key, b"text", pair.sign(b"text"))


def test_we_read_the_seeds_of_the_public_library():
    seed = nkeys.encode_seed(bytes(range(32)), nkeys.PREFIX_BYTE_USER).decode()
    assert KeyPair(f" {seed}\n").public_key == nkeys.from_seed(seed.encode()).public_key.decode()
    assert keys.raw_seed(seed) == (KeyKind.USER, bytes(range(32)))


def test_a_curve_key_cannot_sign():
    with pytest.raises(CredentialsError, match="curve"):
        KeyPair.generate("X")
    assert keys.is_curve(keys.encode_public(KeyKind.CURVE, bytes(32)))


def _spoiled():
    seed = KeyPair.generate("U").seed
    yield ""
    yield seed[:-1]
    yield seed + "A"
    yield seed.lower()
    yield seed[:-1] + ("A" if seed[-1] != "A" else "E")
    yield KeyPair.generate("U").public_key
    yield "é" * 58
    # a seed of an unknown kind, well written
    yield keys._encode(bytes([keys._SEED | 7, 31 << 3]) + bytes(32))


@pytest.mark.parametrize("seed", list(_spoiled()))
def test_what_is_no_seed_is_refused_and_not_shown(seed):
    with pytest.raises(CredentialsError) as caught:
        KeyPair(seed)
    assert not seed or seed not in str(caught.value)


def test_a_seed_is_not_shown():
    pair = KeyPair.generate("U")
    assert pair.seed not in repr(pair)
    assert pair.public_key in repr(pair)
