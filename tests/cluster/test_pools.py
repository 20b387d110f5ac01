"""Every server computes the same."""

from __future__ import annotations

import pytest

from pubsub.cluster.pools import fnv1a, pool_index


@pytest.mark.parametrize(
    ("data", "digest"), [(b"", 0x811C9DC5), (b"a", 0xE40C292C), (b"foobar", 0xBF9CF968)]
)
def test_the_hash_is_fnv1a(data: bytes, digest: int) -> None:
    """The published test vectors."""
    assert fnv1a(data) == digest


def test_accounts_have_a_place_in_every_pool() -> None:
    assert [pool_index("$G", size) for size in (-1, 0, 1)] == [0, 0, 0]
    assert all(0 <= pool_index(f"A{n}", 3) < 3 for n in range(50))
    assert len({pool_index(f"A{n}", 3) for n in range(50)}) == 3
