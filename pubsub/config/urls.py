"""URLs in a configuration, whose complaints never hold a password."""

from __future__ import annotations

from urllib.parse import SplitResult, urlsplit

__all__ = ["split_url"]


def split_url(text: str) -> SplitResult:
    """``scheme://user:password@host:port`` taken apart, with a port that can be read.

    :raises ValueError: it cannot be. The text is ours: Python's show what they stumble over, and
        with ``nats://user:pa/ss@host`` that is a part of the password.
    """
    try:
        parts = urlsplit(text)
    except ValueError:
        raise ValueError(
            "it is no URL: write scheme://user:password@host:port, and IPv6 addresses in brackets"
        ) from None
    try:
        _ = parts.port  # reading it checks it
    except ValueError:
        raise ValueError(
            "its port is no number from 1 to 65535;"
            " in a password, write / as %2F, ? as %3F and # as %23"
        ) from None
    return parts
