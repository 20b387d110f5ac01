"""The ``leafnodes`` block.

The rules and texts are those of nats-server's parseLeafNodes, parseLeafAuthorization and
parseRemoteLeafNodes (``opts.go``), and of validateLeafNode (``leafnode.go``).
"""

from __future__ import annotations

import os
import re
from typing import Any
from urllib.parse import unquote

from pubsub.config.options import (
    LeafNodeOptions,
    LeafProxyOptions,
    LeafRemoteOptions,
    LeafUrl,
    LeafUserOptions,
)
from pubsub.config.parser import Token
from pubsub.config.reading import Problems, Read, Settings, entries, list_of, map_of
from pubsub.config.row import Option
from pubsub.config.special_tls import read_tls
from pubsub.config.special_users import is_subject
from pubsub.config.urls import split_url
from pubsub.config.values import Warn, convert, invalid, parse_address, string_list
from pubsub.errors import UnsupportedOption
from pubsub.values.strkey import KeyKind, is_public_key

__all__ = ["READERS", "parse_leaf_url"]

#: nats-server's DEFAULT_LEAFNODE_PORT
DEFAULT_PORT = 7422
#: the least that ``min_version`` may be
_OLDEST = (2, 8, 0)
#: what comes to no compression between two of these
_UNCOMPRESSED = ("off", "accept", "disabled", "disable", "not supported")
_SEED = re.compile(r"SU[A-Z2-7]{56}")
_VERSION = re.compile(r"v?(\d+)\.(\d+)\.(\d+)(?:[-+].*)?")


def parse_leaf_url(text: str) -> LeafUrl:
    """``nats-leaf://user:password@host:port`` taken apart; any scheme but WebSocket's will do.

    :raises ValueError: there is no host in it, or the port is none.
    """
    parts = split_url(text.strip() if "://" in text else f"nats-leaf://{text.strip()}")
    if not parts.hostname:
        raise ValueError("it names no host")
    password = None if parts.password is None else unquote(parts.password)
    user = unquote(parts.username or "")
    return LeafUrl(parts.hostname, parts.port or DEFAULT_PORT, user, password, parts.scheme)


def _leafnodes(row: Option, token: Token, settings: Settings, warn: Warn) -> None:
    map_of(token, "Expected map to define a leafnode")
    problems = Problems()
    fields: dict[str, Any] = {}
    for inner, _, element in entries(row.path, token, problems):
        with problems.caught():
            _field(inner, element, fields, warn)
    problems.raise_all()
    if fields.get("tls") is not None:
        # the handshake takes its time before CONNECT can come
        fields.setdefault("timeout", fields["tls"].timeout + 1.0)
    settings["leafnodes"] = LeafNodeOptions(present=True, **fields)


def _field(row: Option, token: Token, fields: dict[str, Any], warn: Warn) -> None:
    name = row.name
    if name == "listen":
        host, fields["port"] = parse_address(token)
        if host:
            fields["host"] = host
    elif name == "authorization":
        _authorization(row, token, fields, warn)
    elif name == "tls":
        fields["tls"] = read_tls(row.path, token, warn)
    elif name == "remotes":
        fields["remotes"] = _remotes(row, token, warn)
    elif name == "compression":
        _compression(row, token)
    elif name == "min_version":
        fields[name] = _min_version(row, token, warn)
    else:
        value = convert(row, token, warn)
        if value or name not in ("reconnect", "dial_timeout"):
            fields[name] = value


def _compression(row: Option, token: Token) -> None:
    value = token.value
    if value is False or (isinstance(value, str) and value.lower() in _UNCOMPRESSED):
        return
    raise UnsupportedOption(
        f"{row.name}: compression between leaf nodes is not supported yet by this server: "
        "write off, or leave it out",
        token.file,
        token.line,
        token.column,
    )


def _min_version(row: Option, token: Token, warn: Warn) -> str:
    text = str(convert(row, token, warn))
    match = _VERSION.fullmatch(text)
    if match is None:
        raise invalid(f"invalid leafnode's minimum version: invalid semver: {text!r}", token)
    if tuple(map(int, match.groups())) < _OLDEST:
        raise invalid("the minimum version should be at least 2.8.0", token)
    return text


# who may connect


def _authorization(row: Option, token: Token, fields: dict[str, Any], warn: Warn) -> None:
    map_of(token, "leafnode authorization must be a block, { … }")
    problems = Problems()
    found: dict[str, Any] = {}
    for inner, _, element in entries(row.path, token, problems):
        with problems.caught():
            if inner.name == "users":
                found["users"] = _users(inner, element, warn)
            else:
                found[inner.name] = convert(inner, element, warn)
            if inner.name == "nkey" and not is_public_key(found["nkey"], KeyKind.USER):
                raise invalid("Not a valid public nkey for leafnode authorization", element)
    problems.raise_all()
    if found.get("users"):
        if found.get("user"):
            raise invalid("can not have a single user/pass and a users array", token)
        if found.get("nkey"):
            raise invalid("can not have a single nkey and a users array", token)
    for name in ("account", "timeout"):
        if not found.get(name):
            found.pop(name, None)
    fields.update(found)


def _users(row: Option, token: Token, warn: Warn) -> tuple[LeafUserOptions, ...]:
    problems = Problems()
    users: dict[str, LeafUserOptions] = {}
    for element in list_of(token, "Expected users field to be an array"):
        with problems.caught():
            map_of(element, "Expected user entry to be a map/struct")
            found: dict[str, Any] = {"user": ""}
            for inner, _, value in entries(row.path, element, problems):
                found[inner.name] = convert(inner, value, warn)
            if not found.get("account"):
                found.pop("account", None)
            user = LeafUserOptions(**found)
            if user.user in users:
                raise invalid(
                    f'duplicate user "{user.user}" detected in leafnode authorization', element
                )
            users[user.user] = user
    problems.raise_all()
    return tuple(users.values())


# whom to connect to


def _remotes(row: Option, token: Token, warn: Warn) -> tuple[LeafRemoteOptions, ...]:
    problems = Problems()
    remotes: list[LeafRemoteOptions] = []
    names: set[tuple[object, ...]] = set()
    for element in list_of(token, "Expected remotes field to be an array"):
        with problems.caught():
            remote = _remote(row, element, warn)
            if remote.key in names:
                shown = ", ".join(url.address for url in remote.urls)
                raise invalid(f"duplicate remote {shown}", element)
            names.add(remote.key)
            remotes.append(remote)
    problems.raise_all()
    return tuple(remotes)


def _remote(row: Option, token: Token, warn: Warn) -> LeafRemoteOptions:
    map_of(token, "Expected remote leafnode entry to be a map/struct")
    problems = Problems()
    fields: dict[str, Any] = {}
    for inner, _, element in entries(row.path, token, problems):
        with problems.caught():
            _remote_field(inner, element, fields, warn)
    problems.raise_all()
    if fields.get("credentials") and fields.get("nkey"):
        raise invalid("Remote leafnode can not have both creds and nkey defined", token)
    if not fields.get("urls"):
        raise invalid('a remote needs the URL of a hub: url: "nats-leaf://host:7422"', token)
    return LeafRemoteOptions(**fields)


def _remote_field(row: Option, token: Token, fields: dict[str, Any], warn: Warn) -> None:
    name = row.name
    if name == "urls":
        fields["urls"] = _urls(row, token)
    elif name == "tls":
        fields["tls"] = read_tls(row.path, token, warn)
    elif name in ("deny_imports", "deny_exports"):
        fields[name] = _subjects(row, token)
    elif name == "proxy":
        fields["proxy"] = _proxy(row, token, warn)
    elif name == "compression":
        _compression(row, token)
    elif name == "nkey":
        if not isinstance(token.value, str) or not _SEED.fullmatch(token.value):
            raise invalid("Remote leafnode nkey is not a valid seed", token)
        fields["nkey"] = token.value
    elif name == "credentials":
        fields[name] = os.path.expandvars(os.path.expanduser(str(convert(row, token, warn))))
    else:
        value = convert(row, token, warn)
        if value or name not in ("account", "first_info_timeout"):
            fields[name] = value


def _urls(row: Option, token: Token) -> tuple[LeafUrl, ...]:
    elements = token.value if isinstance(token.value, list) else [token]
    problems = Problems()
    urls = []
    for element, text in zip(elements, string_list(row, token), strict=True):
        with problems.caught():
            try:
                url = parse_leaf_url(text)
            except ValueError as error:
                # not the URL: it may hold a password
                raise invalid(f"error parsing leafnode url: {error}", element) from None
            if url.scheme in ("ws", "wss"):
                raise UnsupportedOption(
                    f"{row.name}: leaf nodes over WebSocket are not supported yet by this server",
                    element.file,
                    element.line,
                    element.column,
                )
            if url not in urls:
                urls.append(url)
    problems.raise_all()
    return tuple(urls)


def _proxy(row: Option, token: Token, warn: Warn) -> LeafProxyOptions | None:
    """``proxy``, by the rules of validateLeafNodeProxyOptions; ``None`` without a URL."""
    map_of(token, "Expected proxy to be a map")
    problems = Problems()
    found: dict[str, Any] = {}
    for inner, _, element in entries(row.path, token, problems):
        with problems.caught():
            found[inner.name] = convert(inner, element, warn)
    problems.raise_all()
    text = found.get("url", "")
    if not text:
        return None
    try:
        url = split_url(text)
    except ValueError as error:
        raise invalid(f"invalid proxy URL: {error}", token) from None
    if url.scheme != "http":
        # nats-server takes https, too, and speaks plain HTTP all the same
        raise invalid(f"proxy URL scheme must be http, got: {url.scheme}", token)
    if not url.hostname:
        raise invalid("proxy URL must specify a host", token)
    user, password = found.get("username", ""), found.get("password", "")
    if bool(user) != bool(password):
        raise invalid("proxy username and password must both be specified or both be empty", token)
    return LeafProxyOptions(url.hostname, url.port or 80, user, password, found.get("timeout", 0.0))


def _subjects(row: Option, token: Token) -> tuple[str, ...]:
    elements = token.value if isinstance(token.value, list) else [token]
    problems = Problems()
    for element, text in zip(elements, string_list(row, token), strict=True):
        if not is_subject(text):
            problems.add(invalid(f'subject "{text}" is not a valid subject', element))
    problems.raise_all()
    return string_list(row, token)


READERS: dict[str, Read] = {"leafnodes": _leafnodes}
