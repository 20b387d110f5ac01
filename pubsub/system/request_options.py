"""The JSON of a system request: which servers it is for, and what it asks of them.

It is read as Go's ``json.Unmarshal`` reads it into nats-server's ``…EventOptions``: keys
without regard to case, unknown ones ignored, ``null`` changing nothing.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pubsub.config.options import Options
    from pubsub.wire.info import ServerInfo

__all__ = ["FILTER_FIELDS", "RequestError", "concerns", "read_options"]

#: what every request may say about the servers it is for, and the Go types of that
FILTER_FIELDS: Mapping[str, str] = {
    "server_name": "string",
    "cluster": "string",
    "host": "string",
    "exact_match": "bool",
    "tags": "[]string",
    "domain": "string",
}

_INT = range(-(2**63), 2**63)
_UINT64 = range(2**64)

_CHECKS: Mapping[str, Callable[[Any], bool]] = {
    "string": lambda value: isinstance(value, str),
    "bool": lambda value: isinstance(value, bool),
    "int": lambda value: type(value) is int and value in _INT,
    "uint64": lambda value: type(value) is int and value in _UINT64,
    "[]string": lambda value: (
        isinstance(value, list) and all(item is None or isinstance(item, str) for item in value)
    ),
}


class RequestError(ValueError):
    """A request that cannot be read; the text goes back to who sent it."""


def read_options(data: bytes, fields: Mapping[str, str], struct: str) -> dict[str, Any]:
    """The options in ``data`` that are ``fields`` (name to Go type) or of the filter.

    :param struct: what nats-server calls them, for the text of an error:
        ``ConnzEventOptions.ConnzOptions``.
    :raises RequestError: it is no JSON object, or has a value of another type.
    """
    if not data:
        return {}
    outer = struct.partition(".")[0]
    try:
        value = json.loads(data.decode("utf-8", "replace"))
    except (ValueError, RecursionError) as error:
        raise RequestError(f"invalid JSON: {str(error).partition(':')[0]}") from None
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise RequestError(
            f"json: cannot unmarshal {_kind(value)} into Go value of type server.{outer}"
        )
    known = {name.lower(): (name, kind) for name, kind in {**FILTER_FIELDS, **fields}.items()}
    options = {}
    for key, item in value.items():
        name, kind = known.get(key.lower(), ("", ""))
        if not name or item is None:
            continue
        if not _CHECKS[kind](item):
            inner = struct if name in fields else f"{outer}.EventFilterOptions"
            raise RequestError(
                f"json: cannot unmarshal {_kind(item)} into Go struct field {inner}.{name}"
                f" of type {kind}"
            )
        options[name] = [text or "" for text in item] if kind == "[]string" else item
    return options


def _kind(value: object) -> str:
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int | float):
        return f"number {value}" if -_INT.stop < value < _UINT64.stop else "number"
    if isinstance(value, str):
        return "string"
    return "array" if isinstance(value, list) else "object"


def concerns(asked: Mapping[str, Any], info: ServerInfo, options: Options) -> bool:
    """Whether a request with that filter is for this server (``filterRequest``)."""
    exact = asked.get("exact_match", False)
    for name, own in (
        ("server_name", info.server_name),
        ("host", info.host),
        ("cluster", info.cluster),
    ):
        wanted = asked.get(name, "")
        if wanted and (wanted != own if exact else wanted not in own):
            return False
    if any(tag.lower() not in options.server_tags for tag in asked.get("tags", ())):
        return False
    return not asked.get("domain") or asked["domain"] == info.domain
