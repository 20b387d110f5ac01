"""Text from peers, quoted as Go does."""

from __future__ import annotations

import pytest

from pubsub.quoting import go_quote


@pytest.mark.parametrize(
    ("raw", "quoted"),
    [
        (b"plain", '"plain"'),
        (b'say "hi" \\', '"say \\"hi\\" \\\\"'),
        (b"a\tb\r\n\x00\x7f", '"a\\tb\\r\\n\\x00\\x7f"'),
        ("größe".encode(), '"größe"'),
        (b"\xff\xfe", '"\\xff\\xfe"'),
        ("\u200b".encode(), '"\\u200b"'),
        ("\U000e0001".encode(), '"\\U000e0001"'),
    ],
)
def test_quoting_is_go_s(raw: bytes, quoted: str) -> None:
    assert go_quote(raw) == quoted
