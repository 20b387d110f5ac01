"""Where servers and clients are told to go."""

from __future__ import annotations

import pytest

from pubsub.cluster.urls import ClientUrls, split_advertised


@pytest.mark.parametrize(
    ("text", "expected"),
    [("host", ("host", 6222)), ("host:1", ("host", 1)), ("[::1]:1", ("::1", 1))],
)
def test_an_advertised_address_may_leave_out_the_port(text: str, expected: tuple[str, int]) -> None:
    assert split_advertised(text, 6222) == expected


@pytest.mark.parametrize("text", ["", ":1", "u@host", "host/path", "host:x"])
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"host|Port"):
        split_advertised(text, 6222)


def test_clients_are_told_nothing_before_there_is_another_server() -> None:
    urls = ClientUrls()
    urls.own = ("a:1",)
    assert urls.all() == ()
    assert urls.add(["b:1", "c:1"])
    assert urls.all() == ("a:1", "b:1", "c:1")
    assert urls.all(leaving=True) == ("b:1", "c:1")


def test_two_servers_may_have_the_same_url() -> None:
    urls = ClientUrls()
    urls.own = ("a:1",)
    assert urls.add(["b:1"])
    assert not urls.add(["b:1"])
    assert not urls.remove(["b:1"])
    assert urls.remove(["b:1"])
    assert not urls.remove(["b:1"])
    assert urls.all() == ("a:1",)
