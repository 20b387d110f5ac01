"""The JSON of INFO and CONNECT lines, whose fields may be missing but not of another type."""

from __future__ import annotations

import json
from typing import Any

from pubsub.errors import MalformedArguments

__all__ = ["Fields", "Lists", "given"]

#: what is allowed, ``None`` for everything, and what is denied
Lists = tuple[tuple[str, ...] | None, tuple[str, ...]]


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
        return _sayable(self._get(name, str, ""))

    def number(self, name: str) -> int:
        """A whole number, 0 if there is none."""
        return int(self._get(name, int, 0))

    def flag(self, name: str) -> bool:
        """True or false."""
        return bool(self._get(name, bool, False))

    def texts(self, name: str) -> tuple[str, ...]:
        """A list of strings."""
        return self.maybe_texts(name) or ()

    def maybe_texts(self, name: str) -> tuple[str, ...] | None:
        """A list of strings, ``None`` if there is none."""
        return self._strings(self._get(name, list, None), name)

    def lists(self, name: str) -> Lists | None:
        """``{"allow": […], "deny": […]}``, ``None`` if there is no such object."""
        block = self._get(name, dict, None)
        if block is None:
            return None
        allow = self._strings(block.get("allow"), name)
        return allow, self._strings(block.get("deny"), name) or ()

    def _strings(self, value: object, name: str) -> tuple[str, ...] | None:
        if value is None:
            return None
        if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
            raise MalformedArguments(f"{self._what}: {name} has the wrong type")
        return tuple(map(_sayable, value))


def _sayable(text: str) -> str:
    """Without halves of surrogate pairs: written as escapes, they could not be said again."""
    return text.encode("utf-8", "replace").decode()


def given(**members: Any) -> dict[str, Any]:
    """Those of the members that are not empty: Go's ``omitempty``."""
    return {name: value for name, value in members.items() if value}
