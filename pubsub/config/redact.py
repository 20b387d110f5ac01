"""Options for eyes and logs: everything but the secrets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

from pubsub.config.options import Options
from pubsub.config.row import NESTING
from pubsub.config.table import TABLE

__all__ = ["REDACTED", "redacted", "shown"]

#: nats-server's own word
REDACTED = "[REDACTED]"

_SECRETS = frozenset(row.stored_as for row in TABLE if row.secret and row.stored_as is not None)


def redacted(options: Options) -> dict[str, Any]:
    """Options as plain values that ``json.dumps`` takes, one key per attribute.

    Blocks are maps, sets are sorted lists; a secret that is set is ``"[REDACTED]"``, one that
    is not set stays as it is, so that one sees which.
    """
    return {
        attribute.name: shown(attribute.name, getattr(options, attribute.name))
        for attribute in fields(options)
    }


def shown(path: str, value: object) -> Any:
    """The value of the attribute at ``path`` of Options, fit to be seen."""
    if path in _SECRETS:
        return REDACTED if value else _plain(value)
    if is_dataclass(value) and not isinstance(value, type):
        return {
            attribute.name: shown(
                f"{path}{NESTING}{attribute.name}", getattr(value, attribute.name)
            )
            for attribute in fields(value)
        }
    return _plain(value)


def _plain(value: object) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, frozenset):
        return sorted(value)
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return value
