from __future__ import annotations

import pytest

from pubsub.config.urls import split_url
from pubsub.errors import ConfigError
from tests.config.test_special_cluster import read


def test_a_url_is_taken_apart() -> None:
    parts = split_url("nats://user:pass%2Fword@[::1]:6222")
    assert (parts.scheme, parts.hostname, parts.port) == ("nats", "::1", 6222)
    assert (parts.username, parts.password) == ("user", "pass%2Fword")
    assert split_url("nats://host").port is None


@pytest.mark.parametrize(
    ("url", "complaint"),
    [
        ("nats://host:abc", "its port is no number from 1 to 65535"),
        ("nats://host:70000", "its port is no number from 1 to 65535"),
        ("nats://user:hush/hush@host:6222", "write / as %2F"),
        ("nats://user:hush#hush@host:6222", "write / as %2F"),
        ("nats://user:hush[@host:6222", "it is no URL"),
        ("nats://user:hush\u2100@host:6222", "it is no URL"),
    ],
)
def test_what_is_none_is_told_without_showing_it(url: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint) as caught:
        split_url(url)
    assert "hush" not in str(caught.value)
    assert caught.value.__suppress_context__


@pytest.mark.parametrize(
    "text",
    [
        'cluster { routes: ["nats://user:hush/hush@host:6222"] }',
        'gateway { name: A, gateways: [ { name: B, url: "nats://user:hush/hush@host:7222" } ] }',
        'leafnodes { remotes: [ { url: "nats://user:hush/hush@host:7422" } ] }',
        'leafnodes { remotes: [ { url: "nats://h", proxy { url: "http://u:hush/hush@h:3" } } ] }',
    ],
)
def test_a_password_with_a_slash_is_not_shown_by_any_option(text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read(text)
    assert "write / as %2F" in str(caught.value)
    assert "hush" not in str(caught.value)
