"""Text from peers, quoted as Go does."""

from __future__ import annotations

import pytest

from pubsub.quoting import go_quote, quoted


@pytest.mark.parametrize(
    ("raw", "text"),
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
def test_quoting_is_go_s(raw: bytes, text: str) -> None:
    assert go_quote(raw) == text


def test_text_of_json_is_quoted_whatever_is_in_it() -> None:
    assert quoted('größe "\n') == '"größe \\"\\n"'
    assert quoted("a\ud800b") == '"a?b"'
