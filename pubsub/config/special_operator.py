"""Operator mode: operators, resolvers and account JWTs that are at hand from the beginning.

The rules and texts are those of nats-server's ``opts.go``, processConfigFileLine. Files that are
named instead of a JWT are read through the reader the configuration itself is read with.
"""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit

from pubsub.config.claims import decode_claims
from pubsub.config.durations import format_duration, parse_duration
from pubsub.config.options import ResolverOptions
from pubsub.config.parser import Token
from pubsub.config.reading import Problems, Read, Settings, entries, map_of
from pubsub.config.row import Option
from pubsub.config.special_authorization import shown_key
from pubsub.config.special_tls import read_tls
from pubsub.config.values import Warn, convert, invalid
from pubsub.errors import CredentialsError
from pubsub.values.strkey import KeyKind, is_public_key

__all__ = ["READERS"]

_MEMORY = re.compile(r"MEM", re.IGNORECASE)
_URL = re.compile(r'\s*URL(?:\(\s*"?([^\s"]*?)"?\s*\))?\s*', re.IGNORECASE)
_NO_RESOLVER = (
    'error parsing account resolver, should be MEM or  URL("url") or a map containing dir and '
    "type state=[FULL|CACHE])"
)


def _operator(row: Option, token: Token, settings: Settings, warn: Warn) -> None:
    """The tokens of the JWTs or files; they are read when all of the file has been read."""
    value = token.value
    if not isinstance(value, (str, list)):
        raise invalid("error parsing operators: write a JWT, a file, or a list of these", token)
    elements = value if isinstance(value, list) else [token]
    for element in elements:
        if not isinstance(element.value, str):
            raise invalid("error parsing operators: a JWT or a file is a string", element)
    settings["operator.tokens"] = elements


def _trusted_keys(row: Option, token: Token, settings: Settings, warn: Warn) -> None:
    problems = Problems()
    keys = []
    for element, key in _strings("trusted", token, problems):
        keys.append(key)
        if not is_public_key(key, KeyKind.OPERATOR):
            message = f"trust key {shown_key(key)} required to be a valid public operator nkey"
            problems.add(invalid(message, element))
    problems.raise_all()
    settings["trusted_keys"] = tuple(keys)


def _pinned_accounts(row: Option, token: Token, settings: Settings, warn: Warn) -> None:
    problems = Problems()
    keys = _strings(row.name, token, problems)
    problems.raise_all()
    settings["resolver_pinned_accounts"] = frozenset(key for _, key in keys)


def _strings(name: str, token: Token, problems: Problems) -> list[tuple[Token, str]]:
    if not isinstance(token.value, (str, list)):
        raise invalid(f"error parsing {name}: write a key or a list of keys", token)
    strings = []
    for element in token.value if isinstance(token.value, list) else [token]:
        if isinstance(element.value, str):
            strings.append((element, element.value))
        else:
            problems.add(invalid(f"error parsing {name}: a key is a string", element))
    return strings


def _preload(row: Option, token: Token, settings: Settings, warn: Warn) -> None:
    problems = Problems()
    preload: dict[str, str] = {}
    complaint = "preload should be a map of account_public_key:account_jwt"
    for key, element in map_of(token, complaint).items():
        if not isinstance(element.value, str):
            problems.add(invalid("preload map value should be a string JWT", element))
            continue
        try:
            decode_claims(element.value, "account")
        except CredentialsError as error:
            problems.add(invalid(f"invalid account JWT: {error}", element))
        preload[key] = element.value
    problems.raise_all()
    settings["resolver_preload"] = preload


# the resolver


def _resolver(row: Option, token: Token, settings: Settings, warn: Warn) -> None:
    if isinstance(token.value, str):
        settings["resolver"] = _by_name(token.value, token)
    elif isinstance(token.value, dict):
        settings["resolver"] = _by_map(row, token, warn)
    else:
        raise invalid("error parsing operator resolver, wrong type: a string or a block", token)


def _by_name(text: str, token: Token) -> ResolverOptions:
    """nats-server looks for its words anywhere in the string, memory first.

    So the URL ``https://members.example.com`` means memory there, which nobody wants: what is
    a URL from end to end is one here.
    """
    match = _URL.fullmatch(text)
    if match is None and _MEMORY.search(text):
        return ResolverOptions("memory")
    match = match or _URL.search(text)
    if match is None:
        raise invalid(_NO_RESOLVER, token)
    url = match[1] or ""
    try:
        parts = urlsplit(url)
        # reading the port checks it
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        good = False
    if not good:
        raise invalid(
            "error parsing account resolver url: write URL(https://host:port/jwt/v1/accounts/)",
            token,
        )
    return ResolverOptions("url", url=url if url.endswith("/") else f"{url}/")


def _by_map(row: Option, token: Token, warn: Warn) -> ResolverOptions:
    problems = Problems()
    fields: dict[str, Any] = {}
    for inner, _, element in entries(row.path, token, problems, warn=warn):
        with problems.caught():
            if inner.name in ("ttl", "interval", "timeout"):
                fields[inner.name] = _duration(inner, element)
            else:
                fields[inner.name] = convert(inner, element, warn)
    problems.raise_all()
    kind = fields.pop("type", "").upper()
    if kind in ("MEM", "MEMORY"):
        return ResolverOptions("memory")
    if kind not in ("FULL", "CACHE"):
        raise invalid(_NO_RESOLVER, token)
    if not fields.get("dir"):
        raise invalid("dir has no value and needs to point to a directory", token)
    if "timeout" in fields and fields["timeout"] <= 0:
        shown = format_duration(fields["timeout"])
        raise invalid(f"Fetch timeout {shown} is too smal", token)
    _check_kind(kind, fields, token)
    if fields.get("interval", 0.0) <= 0:
        fields.pop("interval", None)
    if kind == "CACHE" and fields.get("limit", 0) <= 0:
        fields["limit"] = _CACHED
    return ResolverOptions(kind.lower(), **fields)


#: JWTs that a cache keeps when nobody says how many, as in nats-server
_CACHED = 1000


def _check_kind(kind: str, fields: dict[str, Any], token: Token) -> None:
    problems = Problems()
    if kind == "CACHE":
        refused = {
            "sync": fields.get("interval"),
            "allow_delete": fields.get("allow_delete"),
            "hard_delete": "hard_delete" in fields,
        }
        for name, used in refused.items():
            if used:
                problems.add(invalid(f"CACHE does not accept {name}", token))
    else:
        if fields.get("ttl"):
            problems.add(invalid("FULL does not accept ttl", token))
        if "hard_delete" in fields and not fields.get("allow_delete"):
            problems.add(invalid("hard_delete has no effect without delete", token))
    problems.raise_all()


def _duration(row: Option, token: Token) -> float:
    if not isinstance(token.value, str):
        raise invalid(f'{row.name} must be a duration such as "2m", in quotes', token)
    try:
        return parse_duration(token.value)
    except ValueError as error:
        raise invalid(str(error), token) from error


def _resolver_tls(row: Option, token: Token, settings: Settings, warn: Warn) -> None:
    settings["resolver_tls"] = read_tls(row.path, token, warn)


READERS: dict[str, Read] = {
    "operator": _operator,
    "trusted_keys": _trusted_keys,
    "resolver": _resolver,
    "resolver_tls": _resolver_tls,
    "resolver_preload": _preload,
    "resolver_pinned_accounts": _pinned_accounts,
}
