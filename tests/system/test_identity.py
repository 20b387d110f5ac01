"""Who this server is, and what only it can say."""

from __future__ import annotations

import base64
import re
import sys
from binascii import crc_hqx
from collections.abc import Callable

import pytest
from nacl.public import Box, PrivateKey, PublicKey
from nacl.signing import SigningKey, VerifyKey
from zope.interface.verify import verifyObject

from pubsub.errors import CredentialsError
from pubsub.interfaces import IServerIdentity
from pubsub.system import identity
from pubsub.system.identity import ServerIdentity, public_nkey, runtime_name
from pubsub.values.strkey import KeyKind

CURVE = KeyKind.CURVE


def fixed(seed: int) -> Callable[[int], bytes]:
    """Bytes that are the same each time, and different each time they are asked for."""
    numbers = iter(range(seed, seed + 100))
    return lambda size: bytes([next(numbers)]) * size


def raw_key(text: str) -> bytes:
    return base64.b32decode(text)[1:-2]


def test_an_id_has_the_form_of_a_servers_public_nkey() -> None:
    server_id = ServerIdentity().server_id
    assert re.fullmatch(r"N[A-Z2-7]{55}", server_id)
    raw = base64.b32decode(server_id)
    assert len(raw) == 35
    assert crc_hqx(raw[:-2], 0) == int.from_bytes(raw[-2:], "little")


def test_the_checksum_is_that_of_nkeys() -> None:
    """The key in it is that of a server of nats-server's."""
    theirs = "NACIO7YZ5NPGBHEUPQKNCX3YVOXNEWPJNM3RPCRZWOM4ZQ75FTJJBYLR"
    assert public_nkey(KeyKind.SERVER, raw_key(theirs)) == theirs


def test_no_two_servers_have_the_same_id() -> None:
    assert ServerIdentity().server_id != ServerIdentity().server_id


@pytest.mark.parametrize("seed", range(0, 250, 25))
def test_the_id_is_the_public_key_of_its_seed(seed: int) -> None:
    """The arithmetic agrees with the library's."""
    server = ServerIdentity(fixed(seed))
    assert raw_key(server.server_id) == bytes(SigningKey(bytes([seed]) * 32).verify_key)


@pytest.mark.parametrize("seed", range(0, 250, 25))
def test_the_curve_key_is_the_public_key_of_its_seed(seed: int) -> None:
    server = ServerIdentity(fixed(seed))
    assert raw_key(server.xkey) == bytes(PrivateKey(bytes([seed + 1]) * 32).public_key)


def test_what_it_signs_can_be_verified_with_its_id() -> None:
    server = ServerIdentity()
    signature = server.sign(b"claims")
    VerifyKey(raw_key(server.server_id)).verify(b"claims", signature)


def test_it_provides_its_interface_and_hides_its_seed() -> None:
    server = ServerIdentity(fixed(65))
    assert verifyObject(IServerIdentity, server)
    assert repr(server) == f"<ServerIdentity {server.server_id}>"


def test_what_is_sealed_only_the_recipient_opens() -> None:
    """The format is that of nkeys: version, nonce, box."""
    server, service = ServerIdentity(), PrivateKey.generate()
    recipient = public_nkey(CURVE, bytes(service.public_key))
    sealed = server.seal(b"who is it", recipient)
    assert sealed[:4] == b"xkv1"
    box = Box(service, PublicKey(raw_key(server.xkey)))
    assert box.decrypt(sealed[28:], sealed[4:28]) == b"who is it"
    assert b"who is it" not in sealed


def test_it_opens_what_is_sealed_for_it() -> None:
    server, service = ServerIdentity(), PrivateKey.generate()
    box = Box(service, PublicKey(raw_key(server.xkey)))
    sender = public_nkey(CURVE, bytes(service.public_key))
    nonce = b"n" * 24
    assert server.open(b"xkv1" + nonce + box.encrypt(b"it is me", nonce).ciphertext, sender) == (
        b"it is me"
    )


def test_two_servers_understand_each_other() -> None:
    one, two = ServerIdentity(), ServerIdentity()
    assert two.open(one.seal(b"", two.xkey), one.xkey) == b""
    assert one.xkey.startswith("X")
    assert one.xkey is one.xkey


@pytest.mark.parametrize(
    "data",
    [b"", b"xkv1", b"xkv1" + b"n" * 24, b"xkv2" + b"n" * 40, b"xkv1" + b"n" * 60, b"\x00" * 100],
)
def test_what_cannot_be_opened_is_refused(data: bytes) -> None:
    server, other = ServerIdentity(), ServerIdentity()
    with pytest.raises(CredentialsError):
        server.open(data, other.xkey)


def test_what_somebody_else_sealed_is_refused() -> None:
    server, other, third = ServerIdentity(), ServerIdentity(), ServerIdentity()
    with pytest.raises(CredentialsError, match="could not decrypt"):
        server.open(other.seal(b"x", server.xkey), third.xkey)


@pytest.mark.parametrize("key", ["", "X", "€", "N" * 56, "X" * 56, "XAB" * 1000])
def test_keys_that_are_no_curve_keys_are_refused(key: str) -> None:
    server = ServerIdentity()
    with pytest.raises(CredentialsError, match="not a public curve key"):
        server.seal(b"x", key)
    with pytest.raises(CredentialsError, match="not a public curve key"):
        server.seal(b"x", server.server_id)


def test_without_the_library_it_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "nacl.signing", None)
    monkeypatch.setitem(sys.modules, "nacl.public", None)
    server = identity.ServerIdentity()
    with pytest.raises(CredentialsError, match="PyNaCl"):
        server.sign(b"")
    with pytest.raises(CredentialsError, match="PyNaCl"):
        server.seal(b"", server.xkey)


def test_the_runtime_is_named_with_its_version() -> None:
    assert re.fullmatch(r"\w+ 3\.\d+\.\S+", runtime_name())
