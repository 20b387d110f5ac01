"""INFO and CONNECT between servers."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pubsub.cluster.fields import Fields
from pubsub.cluster.messages import (
    RouteConnect,
    RouteInfo,
    info_line,
    permission_lists,
    read_permission_lists,
)
from pubsub.errors import MalformedArguments
from pubsub.interfaces import Permissions


def test_what_another_server_says_is_read_and_kept() -> None:
    said: dict[str, Any] = {
        "server_id": "N1", "server_name": "one", "port": 6222, "cluster": "C",
        "connect_urls": ["a:1"], "route_pool_size": 3, "route_pool_idx": 1, "gossip_mode": 2,
        "route_account": "A", "import": {"allow": ["foo"]}, "lnoc": True, "something": [1],
    }  # fmt: skip
    info = RouteInfo.parse(json.dumps(said).encode())
    assert (info.server_id, info.server_name, info.port) == ("N1", "one", 6222)
    assert (info.pool_size, info.pool_idx, info.account, info.gossip_mode) == (3, 1, "A", 2)
    assert (info.connect_urls, info.lnoc, info.lnocu) == (("a:1",), True, False)
    assert info.permissions == Permissions(publish_allow=("foo",))
    assert info.members == said
    assert info_line(info.members).startswith(b'INFO {"server_id":"N1"')


@pytest.mark.parametrize(
    "argument",
    [
        b"", b"x", b"[]", b"5", b'{"server_id":5}', b'{"port":"5"}', b'{"port":true}',
        b'{"headers":1}', b'{"connect_urls":"x"}', b'{"connect_urls":[1]}', b'{"import":[]}',
        b'{"import":{"allow":[1]}}', b'{"import":{"allow":{"a":1}}}', b"[" * 100_000,
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_malformed(argument: bytes) -> None:
    with pytest.raises(MalformedArguments):
        RouteInfo.parse(argument)


@given(st.binary(max_size=60))
def test_garbage_is_malformed_or_empty(argument: bytes) -> None:
    for kind in (RouteInfo, RouteConnect):
        try:
            kind.parse(argument)
        except MalformedArguments:
            continue


def test_null_is_nothing() -> None:
    assert RouteInfo.parse(b'{"server_id":null,"port":null}').server_id == ""


def test_half_of_a_surrogate_pair_can_be_said_again() -> None:
    assert RouteConnect.parse(b'{"cluster":"\\ud800"}').cluster.encode() == b"?"


def test_connect_is_written_as_nats_server_does() -> None:
    connect = RouteConnect(name="N1", cluster="C", cluster_dynamic=True, headers=True)
    assert connect.to_bytes() == (
        b'CONNECT {"echo":true,"verbose":false,"pedantic":false,"tls_required":false,'
        b'"headers":true,"name":"N1","cluster":"C","cluster_dynamic":true}\r\n'
    )
    assert "secret" not in repr(RouteConnect(password="secret"))


def test_permissions_cross_the_wire() -> None:
    permissions = Permissions(("a",), ("b",), ("c",), ("d",))
    lists = permission_lists(permissions)
    assert lists == {
        "import": {"allow": ["a"], "deny": ["b"]},
        "export": {"allow": ["c"], "deny": ["d"]},
    }
    said = Fields(info_line(lists).removeprefix(b"INFO "), "INFO")
    assert read_permission_lists(said.lists("import"), said.lists("export")) == permissions
    assert permission_lists(None) == {}
    assert read_permission_lists(None, None) is None
