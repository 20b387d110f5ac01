"""Options for eyes and logs: everything but the secrets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import Field, fields, is_dataclass
from typing import Any

from pubsub.config.options import AuthorizationOptions, Options
from pubsub.config.row import NESTING

__all__ = ["REDACTED", "redacted", "shown"]

#: nats-server's own word
REDACTED = "[REDACTED]"

#: What is kept out of a repr is kept out of everything that is shown.
_SECRETS = frozenset(
    f"{prefix}{attribute.name}"
    for prefix, options in (("", Options), (f"authorization{NESTING}", AuthorizationOptions))
    for attribute in fields(options)
    if not attribute.repr
)


def redacted(options: Options) -> dict[str, Any]:
    """Options as plain values that ``json.dumps`` takes, one key per attribute.

    Blocks are maps, sets are sorted lists; a secret that is set is ``"[REDACTED]"``, one that
    is not set stays as it is, so that one sees which.
    """
    return {
        attribute.name: _attribute(attribute, getattr(options, attribute.name))
        for attribute in fields(options)
    }


def shown(path: str, value: object) -> Any:
    """The value of the attribute at ``path`` of Options, fit to be seen."""
    return _hidden(value) if path in _SECRETS else _plain(value)


def _hidden(value: object) -> Any:
    return REDACTED if value else _plain(value)


def _attribute(attribute: Field[Any], value: object) -> Any:
    return _plain(value) if attribute.repr else _hidden(value)


def _plain(value: object) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return {
            field.name: _attribute(field, getattr(value, field.name)) for field in fields(value)
        }
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, frozenset):
        return sorted(value)
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return value
