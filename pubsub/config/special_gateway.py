"""The ``gateway`` block.

The rules and texts are those of nats-server's parseGateway and parseGateways (``opts.go``).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from pubsub.config.options import GatewayOptions, GatewayUrl, RemoteGatewayOptions, TlsOptions
from pubsub.config.parser import Token
from pubsub.config.reading import Problems, Read, Settings, entries, list_of, map_of
from pubsub.config.row import Option
from pubsub.config.special_cluster import check_advertise, parse_route_url
from pubsub.config.special_tls import read_tls
from pubsub.config.values import Warn, convert, invalid, parse_address, string_list

__all__ = ["READERS", "parse_gateway_url"]

#: What other authorization blocks have, and nats-server's word for it where it is refused.
_REFUSED = {
    "token": "Gateway authorization does not support tokens",
    "users": "Gateway authorization does not allow multiple users",
    "auth_callout": "Gateway authorization does not support callouts",
}


def parse_gateway_url(text: str) -> GatewayUrl:
    """``nats://user:password@host:port`` taken apart; any scheme will do.

    :raises ValueError: there is no host in it, or no port.
    """
    url = parse_route_url(text)
    return GatewayUrl(url.host, url.port, url.user, url.password)


def _gateway(row: Option, token: Token, settings: Settings, warn: Warn) -> None:
    map_of(token, "Expected gateway to be a map")
    problems = Problems()
    fields: dict[str, Any] = {}
    for inner, _, element in entries(row.path, token, problems):
        with problems.caught():
            _field(inner, element, fields, warn)
    problems.raise_all()
    if fields.get("tls") is not None:
        # the handshake takes its time before CONNECT can come
        fields.setdefault("timeout", fields["tls"].timeout + 1.0)
    settings["gateway"] = GatewayOptions(**fields)


def _field(row: Option, token: Token, fields: dict[str, Any], warn: Warn) -> None:
    name = row.name
    if name == "listen":
        host, fields["port"] = parse_address(token)
        if host:
            fields["host"] = host
    elif name == "authorization":
        _authorization(row, token, fields, warn)
    elif name == "tls":
        fields["tls"] = _tls(row, token, warn)
    elif name == "gateways":
        fields["gateways"] = _gateways(row, token, warn)
    else:
        value = convert(row, token, warn)
        if name == "name" and " " in str(value):
            raise invalid("gateway name cannot contain spaces", token)
        if name == "advertise":
            _check_advertise(str(value), token)
        if value or name != "host":
            fields[name] = value


def _check_advertise(text: str, token: Token) -> None:
    try:
        check_advertise(text)
    except ValueError:
        raise invalid(f"invalid advertise {text!r}; write host or host:port", token) from None


def _tls(row: Option, token: Token, warn: Warn) -> TlsOptions:
    tls = read_tls(row.path, token, warn, servers=True)
    # of servers both sides are asked for a certificate, always
    return replace(tls, verify=True)


def _authorization(row: Option, token: Token, fields: dict[str, Any], warn: Warn) -> None:
    map_of(token, "gateway authorization must be a block, { … }")
    problems = Problems()
    for inner, _, element in entries(row.path, token, problems):
        with problems.caught():
            if inner.name in _REFUSED:
                raise invalid(_REFUSED[inner.name], element)
            if inner.name == "permissions":
                warn(element, "permissions of a gateway are ignored")
            else:
                fields[inner.name] = convert(inner, element, warn)
    problems.raise_all()
    if not fields.get("timeout"):
        fields.pop("timeout", None)


# the other clusters


def _gateways(row: Option, token: Token, warn: Warn) -> tuple[RemoteGatewayOptions, ...]:
    problems = Problems()
    remotes = []
    for element in list_of(token, "Expected gateways field to be an array"):
        with problems.caught():
            remotes.append(_remote(row, element, warn))
    problems.raise_all()
    return tuple(remotes)


def _remote(row: Option, token: Token, warn: Warn) -> RemoteGatewayOptions:
    map_of(token, "Expected gateway entry to be a map/struct")
    problems = Problems()
    name, tls = "", None
    urls: dict[GatewayUrl, None] = {}
    for inner, _, element in entries(row.path, token, problems):
        with problems.caught():
            if inner.name == "name":
                name = str(convert(inner, element, warn))
            elif inner.name == "tls":
                tls = _tls(inner, element, warn)
            else:
                _urls(inner, element, urls, warn)
    problems.raise_all()
    return RemoteGatewayOptions(name, tuple(urls), tls)


def _urls(row: Option, token: Token, urls: dict[GatewayUrl, None], warn: Warn) -> None:
    elements = token.value if isinstance(token.value, list) else [token]
    problems = Problems()
    for element, text in zip(elements, string_list(row, token), strict=True):
        with problems.caught():
            try:
                url = parse_gateway_url(text)
            except ValueError as error:
                # what cannot be taken apart may hold a password: it is not shown
                raise invalid(f"error parsing gateway url: {error}", element) from None
            if url in urls:
                warn(element, "Duplicate gateway entry detected")
            urls[url] = None
    problems.raise_all()


READERS: dict[str, Read] = {"gateway": _gateway}
