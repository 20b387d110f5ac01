"""What servers say to each other first on a leaf node link: INFO and CONNECT.

The fields are those of nats-server 2.15 (``server.go``: Info; ``leafnode.go``: leafConnectInfo).
"""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pubsub.errors import MalformedArguments
from pubsub.values.identity import Permissions
from pubsub.wire.info import go_json

__all__ = ["LeafConnect", "LeafInfo", "new_nonce", "permission_fields"]

#: as many as nats-server's
_NONCE_BYTES = 11

_Lists = tuple[tuple[str, ...] | None, tuple[str, ...]]


def new_nonce() -> str:
    """Something to sign that nobody could have known before."""
    return base64.urlsafe_b64encode(os.urandom(_NONCE_BYTES)).rstrip(b"=").decode("ascii")


class _Members:
    """The members of a JSON object, each asked for with the type it must have."""

    def __init__(self, argument: bytes, what: str) -> None:
        self._what = what
        try:
            value = json.loads(argument.decode("utf-8", "replace"))
        except (ValueError, RecursionError):
            raise MalformedArguments(f"{what}: invalid JSON") from None
        if not isinstance(value, dict):
            raise MalformedArguments(f"{what}: not a JSON object")
        self._members: dict[str, Any] = value

    def get(self, name: str, kind: type[Any], default: Any) -> Any:
        value = self._members.get(name)
        if value is None:
            return default
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            raise MalformedArguments(f"{self._what}: {name} has the wrong type")
        return value

    def strings(self, name: str) -> tuple[str, ...] | None:
        """A list of strings, ``None`` without one."""
        return self._strings(self.get(name, list, None), name)

    def lists(self, name: str) -> _Lists | None:
        """``{"allow": […], "deny": […]}``."""
        block = self.get(name, dict, None)
        if block is None:
            return None
        allow = self._strings(block.get("allow"), name)
        return allow, self._strings(block.get("deny"), name) or ()

    def _strings(self, value: object, name: str) -> tuple[str, ...] | None:
        if value is None:
            return None
        if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
            raise MalformedArguments(f"{self._what}: {name} has the wrong type")
        return tuple(value)


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
    imports: _Lists | None = None
    exports: _Lists | None = None

    @classmethod
    def parse(cls, argument: bytes) -> LeafInfo:
        """What the argument of INFO says.

        :raises MalformedArguments: it cannot be read.
        """
        members = _Members(argument, "INFO")
        return cls(
            server_id=members.get("server_id", str, ""),
            server_name=members.get("server_name", str, ""),
            version=members.get("version", str, ""),
            cluster=members.get("cluster", str, ""),
            domain=members.get("domain", str, ""),
            nonce=members.get("nonce", str, ""),
            headers=members.get("headers", bool, False),
            tls_required=members.get("tls_required", bool, False),
            compression=members.get("compression", str, ""),
            cid=members.get("client_id", int, 0),
            leafnode_urls=members.strings("leafnode_urls"),
            info_on_connect=members.get("info_on_connect", bool, False),
            connect_info=members.get("connect_info", bool, False),
            remote_account=members.get("remote_account", str, ""),
            imports=members.lists("import"),
            exports=members.lists("export"),
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
        members = _Members(argument, "CONNECT")
        return cls(
            version=members.get("version", str, ""),
            server_id=members.get("server_id", str, ""),
            name=members.get("name", str, ""),
            domain=members.get("domain", str, ""),
            is_hub=members.get("is_hub", bool, False),
            cluster=members.get("cluster", str, ""),
            headers=members.get("headers", bool, False),
            jetstream=members.get("jetstream", bool, False),
            deny_pub=members.strings("deny_pub") or (),
            isolate=members.get("isolate", bool, False),
            compress_mode=members.get("compress_mode", str, ""),
            remote_account=members.get("remote_account", str, ""),
            protocol=members.get("protocol", int, 0),
            gateway=members.get("gateway", str, ""),
            lang=members.get("lang", str, ""),
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
