"""The head of a frame, and when producers are held back."""

from __future__ import annotations

from typing import Any, cast

import pytest

from pubsub.interfaces import RouterSettings
from pubsub.router.python.delivery import frame_head, stall_limit
from pubsub.router.python.message import Message
from pubsub.router.python.subscription import Subscription

SUB = Subscription(cast(Any, None), cast(Any, None), b">", b"", b"s1", 1)


@pytest.mark.parametrize(
    ("message", "head"),
    [
        (Message(b"a.b", b"", 5, b"05"), b"MSG a.b s1 05"),
        (Message(b"a.b", b"r", 5, b"5"), b"MSG a.b s1 r 5"),
        (Message(b"a.b", b"", 5, b"5", 2, b"02"), b"HMSG a.b s1 02 5"),
        (Message(b"a.b", b"r", 5, b"5", 2, b"2"), b"HMSG a.b s1 r 2 5"),
        (Message(b"a.b", b"r", 5, b"5", 0, b"0"), b"MSG a.b s1 r 5"),
    ],
)
def test_heads(message: Message, head: bytes) -> None:
    assert frame_head(SUB, message) == head


@pytest.mark.parametrize(("most", "limit"), [(100, 75), (64 << 20, 48 << 20), (7, 3)])
def test_the_limit_is_rounded_as_nats_server_rounds(most: int, limit: int) -> None:
    assert stall_limit(RouterSettings(max_pending=most)) == limit
