"""INFO and CONNECT of leaf nodes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pubsub.cluster.leafs.messages import LeafConnect, LeafInfo, new_nonce, permission_fields
from pubsub.errors import MalformedArguments
from pubsub.values.identity import Permissions


def test_info_is_read() -> None:
    info = LeafInfo.parse(
        b'{"server_id":"N","client_id":3,"leafnode_urls":["a:1"],"headers":true,"nonce":"x",'
        b'"import":{"allow":["a"],"deny":["b"]},"export":{"deny":null},"unknown":[1]}'
    )
    assert (info.server_id, info.cid, info.leafnode_urls, info.headers) == ("N", 3, ("a:1",), True)
    assert info.imports == (("a",), ("b",))
    assert info.exports == (None, ())


@pytest.mark.parametrize(
    "argument",
    [
        b"", b"x", b"[]", b"1", b'{"client_id":true}', b'{"client_id":"1"}', b'{"headers":1}',
        b'{"leafnode_urls":[1]}', b'{"import":[]}', b'{"import":{"allow":"a"}}', b"[" * 100_000,
    ],
)  # fmt: skip
def test_info_that_cannot_be_read_is_refused(argument: bytes) -> None:
    with pytest.raises(MalformedArguments):
        LeafInfo.parse(argument)


@given(st.binary(max_size=60))
def test_nothing_but_a_refusal_comes_of_garbage(argument: bytes) -> None:
    for read in (LeafInfo.parse, LeafConnect.parse):
        try:
            read(argument)
        except MalformedArguments:
            continue


def test_connect_is_written_and_read() -> None:
    connect = LeafConnect(version="2.15.0", name="n", deny_pub=("a",), isolate=True, headers=True)
    line = connect.to_bytes()
    assert line == (
        b'CONNECT {"version":"2.15.0","name":"n","headers":true,'
        b'"deny_pub":["a"],"isolate":true}\r\n'
    )
    assert LeafConnect.parse(line[8:]) == connect


def test_credentials_are_written_and_not_shown() -> None:
    connect = LeafConnect(credentials={"user": "u", "pass": "s3cret"})
    assert b'"pass":"s3cret"' in connect.to_bytes()
    assert "s3cret" not in repr(connect)


def test_permissions_are_told_as_the_users() -> None:
    assert permission_fields(None) == {}
    assert permission_fields(Permissions()) == {}
    told = permission_fields(Permissions(publish_allow=(), subscribe_deny=("x",)))
    assert told == {"export": {"allow": []}, "import": {"deny": ["x"]}}


def test_no_nonce_is_like_another() -> None:
    nonces = {new_nonce() for _ in range(100)}
    assert len(nonces) == 100
    assert {len(nonce) for nonce in nonces} == {15}
