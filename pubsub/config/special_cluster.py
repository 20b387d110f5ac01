"""The ``cluster`` block, and the flags about it.

The rules and texts are those of nats-server's parseCluster, validateCluster and overrideCluster
(``opts.go``, ``server.go``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import unquote, urlsplit

from pubsub.config.options import ClusterOptions, RouteUrl
from pubsub.config.parser import Token
from pubsub.config.reading import Problems, Read, Settings, entries, list_of, map_of
from pubsub.config.row import Option
from pubsub.config.special_tls import read_tls
from pubsub.config.special_users import read_permissions
from pubsub.config.urls import split_url
from pubsub.config.values import Warn, convert, invalid, parse_address, string_list
from pubsub.errors import InvalidOption, UnsupportedOption
from pubsub.values.identity import Permissions

__all__ = ["FLAGS", "READERS", "check_advertise", "cluster_with_flags", "parse_route_url"]

#: what comes to no compression where the other server does not ask for it
_UNCOMPRESSED = ("off", "accept", "disabled", "disable", "not supported")
#: nats-server's routeMaxPingInterval
_LONGEST_PING = 30.0


def parse_route_url(text: str) -> RouteUrl:
    """``nats-route://user:password@host:port`` taken apart; any scheme will do.

    :raises ValueError: there is no host in it, or no port.
    """
    parts = split_url(text.strip() if "://" in text else f"//{text.strip()}")
    if not parts.hostname or not parts.port:
        raise ValueError("write nats://host:port")
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    return RouteUrl(parts.hostname, parts.port, user, password)


def _cluster(row: Option, token: Token, settings: Settings, warn: Warn) -> None:
    map_of(token, "Expected map to define cluster")
    problems = Problems()
    fields: dict[str, Any] = {}
    for inner, _, element in entries(row.path, token, problems):
        with problems.caught():
            _field(inner, element, fields, warn)
    problems.raise_all()
    if fields.get("tls") is not None:
        # the handshake takes its time before CONNECT can come
        fields.setdefault("timeout", fields["tls"].timeout + 1.0)
    if fields.get("accounts") and fields.get("pool_size", 0) < 0:
        raise invalid("pool_size cannot be negative if pinned accounts are specified", token)
    settings["cluster"] = ClusterOptions(**fields)


def _field(row: Option, token: Token, fields: dict[str, Any], warn: Warn) -> None:
    name = row.name
    special = _FIELDS.get(name)
    if special is not None:
        special(row, token, fields, warn)
        return
    value = convert(row, token, warn)
    if value or name not in ("host", "pool_size"):
        fields[name] = value


def _listen(row: Option, token: Token, fields: dict[str, Any], warn: Warn) -> None:
    host, fields["port"] = parse_address(token)
    if host:
        fields["host"] = host


def _name(row: Option, token: Token, fields: dict[str, Any], warn: Warn) -> None:
    name = str(convert(row, token, warn))
    if " " in name:
        raise invalid("cluster name cannot contain spaces", token)
    fields["name"] = name


def _tls(row: Option, token: Token, fields: dict[str, Any], warn: Warn) -> None:
    tls = read_tls(row.path, token, warn, servers=True)
    # of servers both sides are asked for a certificate, always
    fields["tls"] = replace(tls, verify=True)


def _authorization(row: Option, token: Token, fields: dict[str, Any], warn: Warn) -> None:
    map_of(token, "cluster authorization must be a block, { … }")
    problems = Problems()
    for inner, _, element in entries(row.path, token, problems):
        with problems.caught():
            if inner.name == "token":
                raise invalid("Cluster authorization does not support tokens", element)
            if inner.name == "users":
                raise invalid("Cluster authorization does not allow multiple users", element)
            if inner.name == "permissions":
                warn(element, 'setting "permissions" within cluster authorization is deprecated')
                fields.setdefault("permissions", _read_permissions(inner, element, warn))
            else:
                fields[inner.name] = convert(inner, element, warn)
    problems.raise_all()
    if not fields.get("timeout"):
        fields.pop("timeout", None)


def _permissions(row: Option, token: Token, fields: dict[str, Any], warn: Warn) -> None:
    fields["permissions"] = _read_permissions(row, token, warn)


def _read_permissions(row: Option, token: Token, warn: Warn) -> Permissions:
    permissions = read_permissions("cluster.permissions", token, warn)
    if permissions.responses is not None:
        raise invalid("Cluster permissions do not support dynamic responses", token)
    subjects = (*(permissions.subscribe_allow or ()), *permissions.subscribe_deny)
    if any(" " in subject for subject in subjects):
        raise invalid("Cluster permissions are about subjects, not about queue groups", token)
    return permissions


def _routes(row: Option, token: Token, fields: dict[str, Any], warn: Warn) -> None:
    problems = Problems()
    routes: dict[RouteUrl, None] = {}
    for element in list_of(token, "routes must be a list of URLs"):
        with problems.caught():
            if not isinstance(element.value, str):
                raise invalid("a route is a URL in quotes", element)
            try:
                url = parse_route_url(element.value)
            except ValueError as error:
                # what cannot be taken apart may hold a password: it is not shown
                raise invalid(f"error parsing route url: {error}", element) from None
            if url in routes:
                warn(element, "Duplicate route entry detected")
            routes[url] = None
    problems.raise_all()
    fields["routes"] = tuple(routes)


def _accounts(row: Option, token: Token, fields: dict[str, Any], warn: Warn) -> None:
    names = string_list(row, token)
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise invalid(f'found duplicate account name "{twice}" in pinned accounts list', token)
    fields["accounts"] = names


def _advertise(row: Option, token: Token, fields: dict[str, Any], warn: Warn) -> None:
    text = str(convert(row, token, warn))
    try:
        check_advertise(text)
    except ValueError:
        raise invalid(f"invalid {row.name} {text!r}; write host or host:port", token) from None
    fields["advertise"] = text


def check_advertise(text: str) -> None:
    """``host``, ``host:port``, or nothing.

    :raises ValueError: it is none of these.
    """
    parts = urlsplit(f"//{text}")
    if text and (not parts.hostname or parts.path or parts.username or (parts.port or 1) < 1):
        raise ValueError(text)


def _compression(row: Option, token: Token, fields: dict[str, Any], warn: Warn) -> None:
    value = token.value
    if value is False or (isinstance(value, str) and value.lower() in _UNCOMPRESSED):
        return
    raise UnsupportedOption(
        f"{row.name}: compression between servers is not supported yet by this server: "
        "write off, or leave it out",
        token.file,
        token.line,
        token.column,
    )


def _ping_interval(row: Option, token: Token, fields: dict[str, Any], warn: Warn) -> None:
    seconds = convert(row, token, warn)
    assert isinstance(seconds, float)
    if seconds > _LONGEST_PING:
        warn(token, "Cluster 'ping_interval' will reset to 30s which is the max for routes")
    fields["ping_interval"] = min(seconds, _LONGEST_PING)


_FIELDS: dict[str, Any] = {
    "listen": _listen,
    "name": _name,
    "tls": _tls,
    "authorization": _authorization,
    "permissions": _permissions,
    "routes": _routes,
    "accounts": _accounts,
    "advertise": _advertise,
    "compression": _compression,
    "ping_interval": _ping_interval,
}

READERS: dict[str, Read] = {"cluster": _cluster}


# flags

#: the rows that have flags, and the attributes of ClusterOptions they set
FLAGS = {
    "cluster.name": "name",
    "cluster.url": "url",
    "cluster.routes": "routes",
    "cluster.advertise": "advertise",
    "cluster.no_advertise": "no_advertise",
    "cluster.connect_retries": "connect_retries",
}


def cluster_with_flags(cluster: ClusterOptions, flags: Mapping[str, Any]) -> ClusterOptions:
    """The block of a file, or none, with what the command line says laid over it.

    :param flags: values by the names on the right of :data:`FLAGS`.
    :raises InvalidOption: a URL that cannot be read; routes without a cluster.
    """
    changes = dict(flags)
    if "url" in changes:
        changes |= _listening(str(changes.pop("url")))
    if "routes" in changes:
        texts = [text for text in str(changes["routes"]).split(",") if text.strip()]
        changes["routes"] = tuple(_route_flag(text) for text in texts)
    if " " in str(changes.get("name", "")):
        raise InvalidOption("cluster name cannot contain spaces")
    try:
        check_advertise(str(changes.get("advertise", "")))
    except ValueError:
        raise InvalidOption("-cluster_advertise: write host or host:port") from None
    cluster = replace(cluster, **changes)
    if changes.get("routes") and not cluster.port:
        raise InvalidOption("solicited routes require cluster capabilities, e.g. --cluster")
    return cluster


def _route_flag(text: str) -> RouteUrl:
    try:
        return parse_route_url(text)
    except ValueError as error:
        raise InvalidOption(f"-routes: {error}") from None


def _listening(text: str) -> dict[str, Any]:
    """``--cluster nats://user:password@host:port``; the port may be -1; nothing for no cluster."""
    if not text:
        return {"port": 0}
    free = text.endswith(":-1")
    try:
        parts = urlsplit(text[: -len("-1")] + "0" if free else text)
        port = parts.port
    except ValueError:
        port = None
    if port is None or (not port and not free):
        raise InvalidOption("-cluster: write nats://host:port")
    user, password = unquote(parts.username or ""), parts.password
    if user and password is None:
        raise InvalidOption("expected cluster password to be set")
    return {
        "host": parts.hostname or "0.0.0.0",
        "port": -1 if free else port,
        "user": user,
        "password": unquote(password or ""),
    }
