"""The options whose meaning is more than a value: who reads each of them.

The readers of a block are in a file of its own; here are those of the top level.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from pubsub.config import (
    special_accounts,
    special_authorization,
    special_cluster,
    special_gateway,
    special_leafnodes,
    special_operator,
    special_tls,
)
from pubsub.config.durations import format_duration
from pubsub.config.parser import Token
from pubsub.config.reading import Read, Settings
from pubsub.config.row import Option
from pubsub.config.special_mappings import read_mappings
from pubsub.config.values import Warn, convert, invalid, parse_address, string_list

__all__ = ["finish_block", "special"]

#: Endpoints of Twisted, told from host:port by what stands before the first colon. Others
#: (from plugins) are known by a ``/`` or ``=``, which no host:port has.
_ENDPOINT = re.compile(r"(?:tcp|tcp4|tcp6|ssl|tls|unix|systemd|haproxy|stdio|fd):|[a-z0-9]+:.*[/=]")

_SHORTEST_LAME_DUCK = 30.0
_MOST_TOKENS = 255


def special(path: str) -> Read | None:
    """What reads the option of that path, if its converter does not suffice."""
    return _SPECIAL.get(path)


def finish_block(path: str, token: Token, settings: Settings) -> None:
    """Check what concerns several keys of a block that has been read.

    :raises InvalidOption: at the block.
    """
    finish = _FINISH.get(path)
    if finish is not None:
        finish(token, settings)


# addresses


def _listen(row: Option, token: Token, settings: Settings, warn: Warn) -> None:
    """nats-server's one address; since pubsub 0.1 also endpoints, and a list of both.

    The first address is host and port, what else there is goes to ``listen``.
    """
    elements = token.value if isinstance(token.value, list) else [token]
    if not elements:
        raise invalid("listen is an empty list; name an address, or remove it", token)
    addresses: list[tuple[str, int]] = []
    extra: list[str] = []
    for element in elements:
        if isinstance(element.value, str) and _ENDPOINT.match(element.value):
            extra.append(element.value)
            continue
        host, port = parse_address(element)
        if addresses:
            extra.append(f"[{host}]:{port}" if ":" in host else f"{host}:{port}")
        addresses.append((host, port))
    settings["dont_listen"] = not addresses
    if addresses:
        settings["host"], settings["port"] = addresses[0]
    settings["listen"] = tuple(extra)


def _explicit_listener(row: Option, token: Token, settings: Settings, warn: Warn) -> None:
    settings[row.name] = convert(row, token, warn)
    settings["dont_listen"] = False


def _http(row: Option, token: Token, settings: Settings, warn: Warn) -> None:
    settings["http_host"], settings[f"{row.name}_port"] = parse_address(token)


def _base_path(row: Option, token: Token, settings: Settings, warn: Warn) -> None:
    parts = [part for part in str(convert(row, token, warn)).split("/") if part not in ("", ".")]
    if ".." in parts:
        raise invalid("http_base_path must not contain ..", token)
    settings["http_base_path"] = "".join(f"/{part}" for part in parts)


# numbers and switches with a meaning of their own


def _traces(row: Option, token: Token, settings: Settings, warn: Warn) -> None:
    settings[row.name] = settings["trace"] = convert(row, token, warn)


def _max_connections(row: Option, token: Token, settings: Settings, warn: Warn) -> None:
    settings["max_connections"] = convert(row, token, warn) or -1


def _max_sub_tokens(row: Option, token: Token, settings: Settings, warn: Warn) -> None:
    tokens = convert(row, token, warn)
    assert isinstance(tokens, int)
    if tokens > _MOST_TOKENS:
        raise invalid("max_sub_tokens value is too big", token)
    if tokens <= 0:
        raise invalid("max_sub_tokens value can not be negative", token)
    settings["max_sub_tokens"] = tokens


def _lame_duck_duration(row: Option, token: Token, settings: Settings, warn: Warn) -> None:
    seconds = convert(row, token, warn)
    assert isinstance(seconds, float)
    if seconds < _SHORTEST_LAME_DUCK:
        raise invalid(
            f"invalid lame_duck_duration of {format_duration(seconds)}, minimum is 30 seconds",
            token,
        )
    settings["lame_duck_duration"] = seconds


def _server_name(row: Option, token: Token, settings: Settings, warn: Warn) -> None:
    name = str(convert(row, token, warn))
    if " " in name:
        raise invalid("server name cannot contain spaces", token)
    settings["server_name"] = name


def _server_tags(row: Option, token: Token, settings: Settings, warn: Warn) -> None:
    tags = (tag.strip().lower() for tag in string_list(row, token))
    settings["server_tags"] = tuple(dict.fromkeys(tag for tag in tags if tag))


def _mappings(row: Option, token: Token, settings: Settings, warn: Warn) -> None:
    settings["mappings"] = read_mappings(token)


_FINISH: dict[str, Callable[[Token, Settings], None]] = {
    "authorization": special_authorization.finish_authorization,
    "tls": special_tls.finish_tls,
}

_SPECIAL: dict[str, Read] = {
    "listen": _listen,
    "host": _explicit_listener,
    "port": _explicit_listener,
    "http": _http,
    "https": _http,
    "http_base_path": _base_path,
    "trace_verbose": _traces,
    "trace_headers": _traces,
    "max_connections": _max_connections,
    "max_sub_tokens": _max_sub_tokens,
    "lame_duck_duration": _lame_duck_duration,
    "server_name": _server_name,
    "server_tags": _server_tags,
    "mappings": _mappings,
    "hooks": special_authorization.read_plugins,
    **special_authorization.READERS,
    **special_accounts.READERS,
    **special_cluster.READERS,
    **special_gateway.READERS,
    **special_leafnodes.READERS,
    **special_operator.READERS,
    **special_tls.READERS,
}
