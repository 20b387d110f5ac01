"""Short names, as nats-server computes them."""

from __future__ import annotations

import hashlib

from pubsub.cluster.hashes import old_hash, short_hash

DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def test_names_have_six_digits_of_their_digest() -> None:
    """Each byte modulo 62; the figures are those of nats-server's getGWHash."""
    digest = hashlib.sha256(b"A").digest()
    assert short_hash("A").decode() == "".join(DIGITS[byte % 62] for byte in digest[:6])
    assert len({short_hash(f"cluster {number}") for number in range(1000)}) == 1000


def test_old_names_have_four_hexadecimal_digits() -> None:
    """nats-server's getOldHash."""
    assert old_hash("A") == b"559a"


def test_any_name_has_one() -> None:
    """Also one that is no UTF-8."""
    assert len(short_hash("\udcff")) == 6
    assert len(old_hash("\udcff")) == 4
