"""What servers of two clusters say to each other first: INFO and CONNECT on gateways.

The fields, and which of them are left out when empty, are those of nats-server 2.15
(``server.go``: Info; ``route.go``: connectInfo).
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from pubsub.cluster.fields import Fields, given
from pubsub.cluster.messages import info_line
from pubsub.errors import MalformedArguments
from pubsub.wire.info import go_json

__all__ = [
    "ALL_TOLD",
    "GOSSIP",
    "TELLS_ALL",
    "GatewayConnect",
    "GatewayInfo",
    "command_line",
    "gossip_line",
]

#: ``gateway_cmd``: of a third cluster; that all interest in an account follows; that that was all
GOSSIP, TELLS_ALL, ALL_TOLD = 1, 2, 3

#: nats-server's MsgTraceProto is 1, and we promise no distributed message tracing.
GATEWAY_PROTOCOL = 0


@dataclass(frozen=True)
class GatewayInfo:
    """INFO on a gateway, or INFO about a gateway on a route."""

    server_id: str = ""
    server_name: str = ""
    version: str = ""
    headers: bool = False
    #: the name of the cluster, ``""`` if it is no gateway that says it
    gateway: str = ""
    #: ``host:port`` of the servers of that cluster
    urls: tuple[str, ...] = ()
    command: int = 0
    #: of the command: an account's name; ``None`` without one
    payload: str | None = None
    #: understands ``_GR_.`` replies
    new_replies: bool = False
    #: is told of all interest, and only sends where there is some
    interest_only: bool = False

    @classmethod
    def parse(cls, argument: bytes) -> GatewayInfo:
        """What the argument of INFO says.

        :raises MalformedArguments: it cannot be read.
        """
        fields = Fields(argument, "INFO")
        payload = fields.text("gateway_cmd_payload")
        return cls(
            server_id=fields.text("server_id"),
            server_name=fields.text("server_name"),
            version=fields.text("version"),
            headers=fields.flag("headers"),
            gateway=fields.text("gateway"),
            urls=fields.texts("gateway_urls"),
            command=fields.number("gateway_cmd"),
            payload=_decoded(payload) if payload else None,
            new_replies=fields.flag("gateway_nrp"),
            interest_only=fields.flag("gateway_iom"),
        )


def _decoded(payload: str) -> str:
    try:
        if len(payload) % 4:  # Python 3.10 takes more padding than there may be
            raise ValueError
        return base64.b64decode(payload, validate=True).decode("utf-8", "surrogateescape")
    except (binascii.Error, ValueError):
        raise MalformedArguments("INFO: gateway_cmd_payload is no base64") from None


@dataclass(frozen=True)
class GatewayConnect:
    """CONNECT on a gateway."""

    user: str = ""
    password: str = field(default="", repr=False)
    tls_required: bool = False
    #: the id of the server
    name: str = ""
    #: of its cluster; clients and routes have none
    gateway: str = ""

    @classmethod
    def parse(cls, argument: bytes) -> GatewayConnect:
        """What the argument of CONNECT says.

        :raises MalformedArguments: it cannot be read.
        """
        fields = Fields(argument, "CONNECT")
        return cls(
            user=fields.text("user"),
            password=fields.text("pass"),
            tls_required=fields.flag("tls_required"),
            name=fields.text("name"),
            gateway=fields.text("gateway"),
        )

    def to_bytes(self) -> bytes:
        """The line, as nats-server's sendGatewayConnect writes it."""
        members: dict[str, Any] = {"echo": False, "verbose": False, "pedantic": False}
        members |= given(user=self.user) | given(**{"pass": self.password})
        members |= {
            "tls_required": self.tls_required,
            # what it says of headers is in INFO, and the name of the cluster in gateway
            "headers": False,
            "name": self.name,
            "cluster": "",
            "gateway": self.gateway,
        }
        return b"CONNECT %b\r\n" % go_json(members)


def _bare(server_id: str) -> dict[str, Any]:
    """The fields Go writes even if they are empty."""
    return {
        "server_id": server_id,
        "server_name": "",
        "version": "",
        "proto": 0,
        "go": "",
        "host": "",
        "port": 0,
        "headers": False,
        "max_payload": 0,
    }


def gossip_line(
    server_id: str, gateway: str, urls: Iterable[str], *, server_name: str = ""
) -> bytes:
    """INFO about a third cluster.

    :param server_id: who says it; on routes with ``GW`` in front, so that servers without
        gateways do not take it for the introduction of a new member.
    """
    fields = _bare(server_id) | {"server_name": server_name}
    fields |= {"gateway": gateway} | given(gateway_urls=list(urls)) | {"gateway_cmd": GOSSIP}
    return info_line(fields)


def command_line(gateway: str, command: int, account: str) -> bytes:
    """INFO that begins or ends the telling of all interest in an account.

    :param gateway: the name of our cluster.
    :param command: :data:`TELLS_ALL` or :data:`ALL_TOLD`.
    """
    payload = base64.b64encode(account.encode("utf-8", "surrogateescape")).decode("ascii")
    fields = _bare("") | {"gateway": gateway, "gateway_cmd": command}
    return info_line(fields | given(gateway_cmd_payload=payload))
