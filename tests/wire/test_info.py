"""INFO, byte for byte."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pubsub.wire.info import InfoRenderer, ServerInfo, go_json

SERVER = ServerInfo("ID", "name", "2.15.0", "go1", "0.0.0.0", 4222, 1048576)


def render(**changes):
    return InfoRenderer(replace(SERVER, **changes)).render(7, "1.2.3.4")


def test_the_smallest_line():
    assert InfoRenderer(SERVER).render(0) == (
        b'INFO {"server_id":"ID","server_name":"name","version":"2.15.0","proto":1,"go":"go1",'
        b'"host":"0.0.0.0","port":4222,"headers":true,"max_payload":1048576} \r\n'
    )


def test_the_largest_line():
    """All fields, in nats-server's order."""
    info = replace(
        SERVER,
        git_commit="abc",
        auth_required=True,
        tls_required=True,
        tls_verify=True,
        tls_available=True,
        jetstream=True,
        ip="9.9.9.9",
        cluster="C",
        cluster_dynamic=True,
        domain="D",
        connect_urls=("a:1", "b:2"),
        ldm=True,
        compression="off",
        api_lvl=5,
        xkey="X",
    )
    line = InfoRenderer(info).render(
        7,
        "1.2.3.4",
        99,
        nonce="N",
        connect_info=True,
        remote_account="A",
        acc_is_sys=True,
    )
    assert line == (
        b'INFO {"server_id":"ID","server_name":"name","version":"2.15.0","proto":1,'
        b'"git_commit":"abc","go":"go1","host":"0.0.0.0","port":4222,"headers":true,'
        b'"auth_required":true,"tls_required":true,"tls_verify":true,"tls_available":true,'
        b'"max_payload":99,"jetstream":true,"ip":"9.9.9.9","client_id":7,"client_ip":"1.2.3.4",'
        b'"nonce":"N","cluster":"C","cluster_dynamic":true,"domain":"D",'
        b'"connect_urls":["a:1","b:2"],"ldm":true,"compression":"off","connect_info":true,'
        b'"remote_account":"A","acc_is_sys":true,"api_lvl":5,"xkey":"X"} \r\n'
    )


def test_headers_are_mentioned_when_there_are_none():
    assert b'"headers":false' in render(headers=False)


@pytest.mark.parametrize("field", ["auth_required", "tls_required", "tls_available"])
def test_a_client_may_be_told_otherwise(field):
    renderer = InfoRenderer(replace(SERVER, **{field: True}))
    name = f'"{field}":true'.encode()
    assert name in renderer.render(1)
    assert name not in renderer.render(1, **{field: False})
    assert name in InfoRenderer(SERVER).render(1, **{field: True})
    assert name in renderer.render(1)


def test_lame_duck():
    assert b',"ldm":true' in InfoRenderer(SERVER).render(1, ldm=True)
    assert b"ldm" not in InfoRenderer(SERVER).render(1)


def test_strings_are_written_as_go_writes_them():
    assert go_json("<a>&\u2028\u2029é\n") == b'"\\u003ca\\u003e\\u0026\\u2028\\u2029\xc3\xa9\\n"'


@given(st.text(), st.text(), st.integers(1, 2**63), st.lists(st.text(max_size=5), max_size=3))
def test_every_line_is_json(name, nonce, cid, urls):
    renderer = InfoRenderer(replace(SERVER, server_name=name, connect_urls=tuple(urls)))
    line = renderer.render(cid, "::1", nonce=nonce)
    assert line.startswith(b"INFO {")
    assert line.endswith(b"} \r\n")
    assert b"\n" not in line[:-1]
    read = json.loads(line[5:])
    assert read["server_name"] == name
    assert read["client_id"] == cid
    assert read.get("nonce", "") == nonce
    assert read.get("connect_urls", []) == urls
