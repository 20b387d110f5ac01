"""What servers say to each other first on a leaf node link: INFO and CONNECT.

The fields are those of nats-server 2.15 (``server.go``: Info; ``leafnode.go``: leafConnectInfo).
"""

from __future__ import annotations

import base64
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pubsub.cluster.fields import Fields, Lists
from pubsub.values.identity import Permissions
from pubsub.wire.info import go_json

__all__ = ["LeafConnect", "LeafInfo", "new_nonce", "permission_fields"]

#: as many as nats-server's
_NONCE_BYTES = 11


def new_nonce() -> str:
    """Something to sign that nobody could have known before."""
    return base64.urlsafe_b64encode(os.urandom(_NONCE_BYTES)).rstrip(b"=").decode("ascii")


@dataclass(frozen=True)
class LeafInfo:
    """INFO as a server reads it that has connected to another one as a leaf node."""

    server_id: str = ""
    server_name: str = ""
    version: str = ""
    cluster: str = ""
    domain: str = ""
    nonce: str = ""
    headers: bool = False
    tls_required: bool = False
    compression: str = ""
    #: our connection's id over there; only client and leaf node ports tell one
    cid: int = 0
    #: ``None``: it is no leaf node port
    leafnode_urls: tuple[str, ...] | None = None
    #: another INFO comes after CONNECT,
    info_on_connect: bool = False
    #: and this is it
    connect_info: bool = False
    remote_account: str = ""
    #: what we may hear from there, and send there; ``None`` if it does not say
    imports: Lists | None = None
    exports: Lists | None = None

    @classmethod
    def parse(cls, argument: bytes) -> LeafInfo:
        """What the argument of INFO says.

        :raises MalformedArguments: it cannot be read.
        """
        fields = Fields(argument, "INFO")
        return cls(
            server_id=fields.text("server_id"),
            server_name=fields.text("server_name"),
            version=fields.text("version"),
            cluster=fields.text("cluster"),
            domain=fields.text("domain"),
            nonce=fields.text("nonce"),
            headers=fields.flag("headers"),
            tls_required=fields.flag("tls_required"),
            compression=fields.text("compression"),
            cid=fields.number("client_id"),
            leafnode_urls=fields.maybe_texts("leafnode_urls"),
            info_on_connect=fields.flag("info_on_connect"),
            connect_info=fields.flag("connect_info"),
            remote_account=fields.text("remote_account"),
            imports=fields.lists("import"),
            exports=fields.lists("export"),
        )


@dataclass(frozen=True)
class LeafConnect:
    """CONNECT of a leaf node, but for its credentials."""

    version: str = ""
    server_id: str = ""
    name: str = ""
    domain: str = ""
    is_hub: bool = False
    cluster: str = ""
    headers: bool = False
    #: its account has JetStream over there
    jetstream: bool = False
    #: what must not be sent to it
    deny_pub: tuple[str, ...] = ()
    isolate: bool = False
    compress_mode: str = ""
    remote_account: str = ""
    protocol: int = 0
    gateway: str = ""
    #: only clients say which language they are written in
    lang: str = ""
    #: ``user``, ``pass``, ``auth_token``, ``nkey``, ``jwt``, ``sig``: when sending
    credentials: Mapping[str, str] = field(default_factory=dict, repr=False)

    @classmethod
    def parse(cls, argument: bytes) -> LeafConnect:
        """What the argument of CONNECT says.

        :raises MalformedArguments: it cannot be read.
        """
        fields = Fields(argument, "CONNECT")
        return cls(
            version=fields.text("version"),
            server_id=fields.text("server_id"),
            name=fields.text("name"),
            domain=fields.text("domain"),
            is_hub=fields.flag("is_hub"),
            cluster=fields.text("cluster"),
            headers=fields.flag("headers"),
            jetstream=fields.flag("jetstream"),
            deny_pub=fields.texts("deny_pub"),
            isolate=fields.flag("isolate"),
            compress_mode=fields.text("compress_mode"),
            remote_account=fields.text("remote_account"),
            protocol=fields.number("protocol"),
            gateway=fields.text("gateway"),
            lang=fields.text("lang"),
        )

    def to_bytes(self) -> bytes:
        """The line."""
        members: dict[str, Any] = {"version": self.version, **self.credentials}
        members.update(
            server_id=self.server_id,
            domain=self.domain,
            name=self.name,
            is_hub=self.is_hub,
            cluster=self.cluster,
            headers=self.headers,
            jetstream=self.jetstream,
            deny_pub=list(self.deny_pub),
            isolate=self.isolate,
            compress_mode=self.compress_mode,
            remote_account=self.remote_account,
            protocol=self.protocol,
        )
        present = {name: value for name, value in members.items() if value}
        return b"CONNECT %b\r\n" % go_json(present)


def permission_fields(permissions: Permissions | None) -> dict[str, Any]:
    """``import`` and ``export`` of the INFO after CONNECT: what its user may do."""
    if permissions is None:
        return {}
    fields = {
        "import": _written(permissions.subscribe_allow, permissions.subscribe_deny),
        "export": _written(permissions.publish_allow, permissions.publish_deny),
    }
    return {name: lists for name, lists in fields.items() if lists}


def _written(allow: tuple[str, ...] | None, deny: tuple[str, ...]) -> dict[str, list[str]]:
    lists = {}
    if allow is not None:
        lists["allow"] = list(allow)
    if deny:
        lists["deny"] = list(deny)
    return lists
