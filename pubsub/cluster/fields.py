"""The JSON of INFO and CONNECT lines, whose fields may be missing but not of another type."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pubsub.errors import MalformedArguments

__all__ = ["Fields", "given"]


def _object(argument: bytes, what: str) -> dict[str, Any]:
    try:
        value = json.loads(argument.decode("utf-8", "replace"))
    except (ValueError, RecursionError):
        raise MalformedArguments(f"{what}: invalid JSON") from None
    if not isinstance(value, dict):
        raise MalformedArguments(f"{what}: not a JSON object")
    return value


class Fields:
    """The members of a JSON object, each asked for with the type it must have."""

    def __init__(self, argument: bytes, what: str) -> None:
        self.members = _object(argument, what)
        self._what = what

    def _get(self, name: str, kind: type[Any], default: Any) -> Any:
        value = self.members.get(name)
        if value is None:
            return default
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            raise MalformedArguments(f"{self._what}: {name} has the wrong type")
        return value

    def text(self, name: str) -> str:
        """A string, ``""`` if there is none."""
        # half of a surrogate pair, written as an escape, could not be said again
        return str(self._get(name, str, "")).encode("utf-8", "replace").decode()

    def number(self, name: str) -> int:
        """A whole number, 0 if there is none."""
        return int(self._get(name, int, 0))

    def flag(self, name: str) -> bool:
        """True or false."""
        return bool(self._get(name, bool, False))

    def texts(self, name: str) -> tuple[str, ...]:
        """A list of strings."""
        values = self._get(name, list, [])
        if not all(isinstance(value, str) for value in values):
            raise MalformedArguments(f"{self._what}: {name} has the wrong type")
        return tuple(values)

    def block(self, name: str) -> Mapping[str, Any] | None:
        """An object."""
        found: Mapping[str, Any] | None = self._get(name, dict, None)
        return found


def given(**members: Any) -> dict[str, Any]:
    """Those of the members that are not empty: Go's ``omitempty``."""
    return {name: value for name, value in members.items() if value}
