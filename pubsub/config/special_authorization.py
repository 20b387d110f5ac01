"""The ``authorization`` block and the proxies that may vouch.

The rules and texts are those of nats-server's ``opts.go``: parseAuthorization,
parseAuthCallout, parseProxies. What concerns accounts, too, is in
:mod:`pubsub.config.validate_security`.
"""

from __future__ import annotations

from pubsub.config.options import CalloutOptions, PluginOptions
from pubsub.config.parser import Token, plain
from pubsub.config.reading import Problems, Read, Settings, entries, list_of, map_of
from pubsub.config.row import Option
from pubsub.config.special_users import read_permissions, read_users
from pubsub.config.values import Warn, convert, invalid
from pubsub.values.strkey import KeyKind, is_public_key, looks_secret

__all__ = ["READERS", "finish_authorization", "read_plugins", "shown_key"]


def shown_key(text: object) -> str:
    """A key for a message: what may be a seed is not shown."""
    if not isinstance(text, str) or looks_secret(text):
        return '"[REDACTED]"'
    return f'"{text}"'


def finish_authorization(token: Token, settings: Settings) -> None:
    """Check what concerns several keys of the block.

    :raises InvalidOption: at the block.
    """
    user = settings.get("authorization.user")
    password = settings.get("authorization.password")
    bearer = settings.get("authorization.token")
    if (user or password) and bearer:
        raise invalid("Cannot have a user/pass and token", token)
    if "authorization.users" in settings:
        if user:
            raise invalid("Can not have a single user/pass and a users array", token)
        if bearer:
            raise invalid("Can not have a token and a users array", token)
    plugin = settings.get("authorization.plugin")
    if settings.get("authorization.options") and not plugin:
        raise invalid("authorization.options are for a plugin; name it with plugin", token)
    if plugin and settings.get("authorization.plugins"):
        raise invalid("Cannot have a plugin and plugins; add it to the list", token)


def _users(row: Option, token: Token, settings: Settings, warn: Warn) -> None:
    settings["authorization.users"] = read_users(row.path, token, warn)


def _default_permissions(row: Option, token: Token, settings: Settings, warn: Warn) -> None:
    settings["authorization.default_permissions"] = read_permissions(row.path, token, warn)


def _plugin_options(row: Option, token: Token, settings: Settings, warn: Warn) -> None:
    map_of(token, "authorization.options must be a map, { name: value }")
    settings["authorization.options"] = convert(row, token, warn)


def read_plugins(row: Option, token: Token, settings: Settings, warn: Warn) -> None:
    """A list of plugins: names, or blocks with a name and options.

    :raises InvalidOption: it is something else.
    """
    problems = Problems()
    plugins = []
    for element in list_of(token, f"{row.path} must be a list of names or blocks"):
        with problems.caught():
            plugins.append(_plugin(row, element, warn))
    problems.raise_all()
    settings[row.path] = tuple(plugins)


def _plugin(row: Option, token: Token, warn: Warn) -> PluginOptions:
    if isinstance(token.value, str) and token.value:
        return PluginOptions(token.value)
    map_of(token, "a plugin is a name, or a block { plugin: name, options: { … } }")
    problems = Problems()
    name = ""
    options: dict[str, object] = {}
    for inner, _, element in entries(row.path, token, problems):
        with problems.caught():
            if inner.name == "plugin":
                name = str(convert(inner, element, warn))
            else:
                map_of(element, "options of a plugin must be a map, { name: value }")
                options = dict(plain(element))  # type: ignore[call-overload]
    problems.raise_all()
    if not name:
        raise invalid("a plugin needs its name: { plugin: name }", token)
    return PluginOptions(name, options)


# auth callout


def _auth_callout(row: Option, token: Token, settings: Settings, warn: Warn) -> None:
    map_of(token, "Expected authorization callout to be a map/struct")
    problems = Problems()
    fields: dict[str, object] = {}
    unknown = 'Unknown field "{key}" parsing authorization callout'
    for inner, _, element in entries(row.path, token, problems, unknown):
        with problems.caught():
            if inner.name in ("auth_users", "allowed_accounts"):
                fields[inner.name] = _names(inner, element)
            else:
                fields[inner.name] = _callout_string(inner, element, warn)
    problems.raise_all()
    if not fields.get("account"):
        fields.pop("account", None)
    if not fields.get("issuer"):
        raise invalid("Authorization callouts require an issuer to be specified", token)
    if not fields.get("auth_users"):
        raise invalid("Authorization callouts require authorized users to be specified", token)
    settings["authorization.auth_callout"] = CalloutOptions(**fields)  # type: ignore[arg-type]


#: Kind of key, and what nats-server calls it.
_CALLOUT_KEYS = {
    "issuer": (KeyKind.ACCOUNT, "callout user to be a valid public account nkey"),
    "xkey": (KeyKind.CURVE, "callout xkey to be a valid public xkey"),
}


def _callout_string(row: Option, token: Token, warn: Warn) -> str:
    text = str(convert(row, token, warn))
    if row.name in _CALLOUT_KEYS:
        kind, expected = _CALLOUT_KEYS[row.name]
        if not is_public_key(text, kind):
            raise invalid(f"Expected {expected}, got {shown_key(text)}", token)
    return text


def _names(row: Option, token: Token) -> tuple[str, ...]:
    what = row.name if row.name == "auth_users" else "allowed accounts"
    names = []
    for element in list_of(token, f"Expected {what} field to be an array"):
        if not isinstance(element.value, str):
            raise invalid(f"{row.name} must be a list of strings", element)
        names.append(element.value)
    return tuple(names)


# proxies


def _trusted_proxies(row: Option, token: Token, settings: Settings, warn: Warn) -> None:
    problems = Problems()
    keys = []
    for element in list_of(token, "expected proxies' trusted field to be an array"):
        with problems.caught():
            keys.append(_proxy_key(row, element, warn))
    problems.raise_all()
    settings["trusted_proxies"] = tuple(keys)


def _proxy_key(row: Option, token: Token, warn: Warn) -> str:
    map_of(token, "expected proxies' trusted entry to be a map/struct")
    problems = Problems()
    key = ""
    for inner, _, element in entries(row.path, token, problems):
        with problems.caught():
            key = str(convert(inner, element, warn))
            if not is_public_key(key):
                problems.add(invalid(f"invalid proxy key {shown_key(key)}", element))
    problems.raise_all()
    if not key:
        raise invalid('proxy trusted key "" is invalid', token)
    return key


READERS: dict[str, Read] = {
    "authorization.users": _users,
    "authorization.default_permissions": _default_permissions,
    "authorization.options": _plugin_options,
    "authorization.plugins": read_plugins,
    "authorization.auth_callout": _auth_callout,
    "proxies.trusted": _trusted_proxies,
}
