"""INFO and CONNECT on gateways, as JSON."""

from __future__ import annotations

import pytest

from pubsub.cluster.gateways.messages import (
    ALL_TOLD,
    TELLS_ALL,
    GatewayConnect,
    GatewayInfo,
    command_line,
    gossip_line,
)
from pubsub.errors import MalformedArguments

BARE = '"version":"","proto":0,"go":"","host":"","port":0,"headers":false,"max_payload":0'


def test_info_is_read() -> None:
    """What is missing is empty."""
    info = GatewayInfo.parse(
        b'{"server_id":"N","server_name":"n","version":"2.15.0","headers":true,"gateway":"A",'
        b'"gateway_urls":["a:1"],"gateway_cmd":2,"gateway_cmd_payload":"JEc=",'
        b'"gateway_nrp":true,"gateway_iom":true}'
    )
    expected = GatewayInfo("N", "n", "2.15.0", True, "A", ("a:1",), 2, "$G", True, True)
    assert info == expected
    assert GatewayInfo.parse(b"{}") == GatewayInfo()


@pytest.mark.parametrize("payload", ['"%"', '"JEc"', '"JEc=="', "5", '"\\u00e9"'])
def test_a_payload_is_base64(payload: str) -> None:
    """As Go reads it."""
    with pytest.raises(MalformedArguments):
        GatewayInfo.parse(b'{"gateway_cmd_payload":%b}' % payload.encode())


def test_connect_is_read_as_it_is_written() -> None:
    """User and password only if there is one; the password is not shown."""
    connect = GatewayConnect("u", "p", True, "N", "A")
    text = connect.to_bytes()
    assert text == (
        b'CONNECT {"echo":false,"verbose":false,"pedantic":false,"user":"u","pass":"p",'
        b'"tls_required":true,"headers":false,"name":"N","cluster":"","gateway":"A"}\r\n'
    )
    assert GatewayConnect.parse(text[8:]) == connect
    assert "'p'" not in repr(connect)
    assert b"user" not in GatewayConnect(name="N", gateway="A").to_bytes()


def test_gossip_names_a_cluster_and_its_servers() -> None:
    """The fields Go writes even if they are empty are there."""
    assert gossip_line("GWN", "B", ["b:1", "b:2"], server_name="n").decode() == (
        f'INFO {{"server_id":"GWN","server_name":"n",{BARE},"gateway":"B",'
        '"gateway_urls":["b:1","b:2"],"gateway_cmd":1}\r\n'
    )
    assert b"gateway_urls" not in gossip_line("N", "B", [])


@pytest.mark.parametrize("number", [TELLS_ALL, ALL_TOLD])
@pytest.mark.parametrize("account", ["$G", "é", "\udcff"])
def test_commands_name_an_account(number: int, account: str) -> None:
    """Whatever its name."""
    line = command_line("A", number, account)
    assert line.startswith(f'INFO {{"server_id":"","server_name":"",{BARE},'.encode())
    info = GatewayInfo.parse(line[5:])
    assert (info.gateway, info.command, info.payload) == ("A", number, account)
