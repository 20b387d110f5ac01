"""INFO: what the server tells a client about itself.

The field names, their order and which of them are left out when empty are those of
nats-server's ``Info`` struct, as are the two letters that trip people up: the line ends
``} \\r\\n``, with a space.

A connection storm renders this line thousands of times a second, so
:class:`InfoRenderer` prepares all that is the same for everybody and splices in the rest.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

__all__ = ["InfoRenderer", "ServerInfo", "go_json"]

#: Go's encoding/json escapes these three in strings, for the sake of HTML.
_HTML = str.maketrans(
    {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}
)


_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def go_json(value: Any) -> bytes:
    """``value`` as Go's ``json.Marshal`` writes it: compact, UTF-8, ``<>&`` escaped."""
    text = _encode(value)
    # addresses and account names, the values that differ by client, need no second look
    if not text.isascii() or "<" in text or ">" in text or "&" in text:
        text = text.translate(_HTML)
    return text.encode("utf-8", "replace")


@dataclass(frozen=True)
class ServerInfo:
    """The part of INFO that is the same for all clients of a server."""

    server_id: str
    server_name: str
    version: str
    #: what runs this server; nats-server has the version of Go here
    go: str
    host: str
    port: int
    max_payload: int
    proto: int = 1
    git_commit: str = ""
    headers: bool = True
    auth_required: bool = False
    tls_required: bool = False
    tls_verify: bool = False
    tls_available: bool = False
    jetstream: bool = False
    ip: str = ""
    cluster: str = ""
    cluster_dynamic: bool = False
    domain: str = ""
    #: ``host:port`` a client may connect to, this server's own first
    connect_urls: tuple[str, ...] = ()
    ldm: bool = False
    compression: str = ""
    api_lvl: int = 0
    xkey: str = ""


def _member(name: str, value: Any) -> bytes:
    return b'"%b":%b' % (name.encode(), go_json(value))


def _optional(info: ServerInfo, *names: str) -> bytes:
    """``,"name":value`` for each of these fields that is not empty."""
    return b"".join(b"," + _member(name, value) for name in names if (value := getattr(info, name)))


class InfoRenderer:
    """Renders the INFO lines of one :class:`ServerInfo`.

    The variants (with and without authentication, TLS, lame duck) are few, so what is
    common to the clients of each variant is kept.
    """

    def __init__(self, info: ServerInfo) -> None:
        self.info = info
        self._parts: dict[tuple[bool, bool, bool, bool], tuple[bytes, bytes, bytes, bytes]] = {}

    def render(
        self,
        client_id: int,
        client_ip: str = "",
        max_payload: int | None = None,
        *,
        nonce: str = "",
        auth_required: bool | None = None,
        tls_required: bool | None = None,
        tls_available: bool | None = None,
        ldm: bool = False,
        connect_info: bool = False,
        remote_account: str = "",
        acc_is_sys: bool = False,
    ) -> bytes:
        """The INFO line of one client; ``None`` means what the server says to everybody.

        :param client_id: the connection's id, 0 to leave it out.
        :param max_payload: this client's own limit.
        :param ldm: lame duck mode: the server is about to close the connection.
        :param connect_info: this is the INFO that follows the first PING.
        :param remote_account: the account the client was bound to.
        """
        info = self.info
        key = (
            info.auth_required if auth_required is None else auth_required,
            info.tls_required if tls_required is None else tls_required,
            info.tls_available if tls_available is None else tls_available,
            ldm or info.ldm,
        )
        parts = self._parts.get(key)
        if parts is None:
            parts = self._parts[key] = self._prepare(*key)
        head, middle, tail, end = parts
        line = b"%b%d%b" % (head, info.max_payload if max_payload is None else max_payload, middle)
        if client_id:
            line += b',"client_id":%d' % client_id
        if client_ip:
            line += b',"client_ip":' + go_json(client_ip)
        if nonce:
            line += b',"nonce":' + go_json(nonce)
        line += tail
        if connect_info:
            line += b',"connect_info":true'
        if remote_account:
            line += b',"remote_account":' + go_json(remote_account)
        if acc_is_sys:
            line += b',"acc_is_sys":true'
        return line + end

    def _prepare(
        self, auth_required: bool, tls_required: bool, tls_available: bool, ldm: bool
    ) -> tuple[bytes, bytes, bytes, bytes]:
        """Up to max_payload's number; to client_id; to connect_info; to the line's end."""
        info = self.info
        first = [_member("server_id", info.server_id), _member("server_name", info.server_name)]
        first += [_member("version", info.version), _member("proto", info.proto)]
        if info.git_commit:
            first.append(_member("git_commit", info.git_commit))
        first += [_member(name, getattr(info, name)) for name in ("go", "host", "port", "headers")]
        flags = {
            "auth_required": auth_required,
            "tls_required": tls_required,
            "tls_verify": info.tls_verify,
            "tls_available": tls_available,
        }
        first += [_member(name, True) for name, flag in flags.items() if flag]
        head = b"INFO {" + b",".join(first) + b',"max_payload":'
        middle = _optional(info, "jetstream", "ip")
        tail = _optional(info, "cluster", "cluster_dynamic", "domain")
        if info.connect_urls:
            tail += b"," + _member("connect_urls", list(info.connect_urls))
        if ldm:
            tail += b',"ldm":true'
        tail += _optional(info, "compression")
        return head, middle, tail, _optional(info, "api_lvl", "xkey") + b"} \r\n"
