"""CONNECT: what a client says about itself, read as Go's ``json.Unmarshal`` reads it.

nats-server unmarshals CONNECT into a struct, and clients depend on what that does: a key is
matched exactly or else without regard to case, unknown keys are ignored, ``null`` changes
nothing, of two equal keys the later wins, and a second CONNECT changes only what it names.
A value of the wrong type is an error, after which the connection is closed in silence.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator, Mapping
from typing import Any, NoReturn

__all__ = ["ConnectError", "ConnectOptions", "decode_json_object"]


class ConnectError(ValueError):
    """The argument of CONNECT cannot be read; the text is for the log, without values."""


class _Number(str):
    """A number as it was written: Go decides by the field what it becomes."""

    __slots__ = ()


class _Object(list[tuple[str, Any]]):
    """The members of an object in order, equal keys included."""

    __slots__ = ()


def _no_constant(name: str) -> NoReturn:
    raise ConnectError(f"invalid character {name[0]!r} looking for beginning of value")


_decoder = json.JSONDecoder(
    object_pairs_hook=_Object, parse_float=_Number, parse_int=_Number, parse_constant=_no_constant
)
_SURROGATE = re.compile("[\ud800-\udfff]")
_INTEGER = re.compile(r"-?[0-9]+\Z")
#: Simple folding makes these the same letters as k and s.
_FOLD = str.maketrans({"\u212a": "k", "\u017f": "s"})


def decode_json_object(argument: bytes) -> list[tuple[str, Any]]:
    """The members of the JSON object in ``argument``, in order; none for ``null``.

    Numbers are strings of their own type; bytes that are not UTF-8 become U+FFFD, one each.

    :raises ConnectError: if it is not JSON, or JSON of another kind.
    """
    try:
        value = _decoder.decode(
            _SURROGATE.sub("\ufffd", argument.decode("utf-8", "surrogateescape"))
        )
    except (json.JSONDecodeError, RecursionError) as error:
        raise ConnectError(f"invalid JSON: {str(error).partition(':')[0]}") from None
    if value is None:
        return []
    if not isinstance(value, _Object):
        raise ConnectError(f"cannot unmarshal {_kind(value)} into CONNECT")
    return value


def _kind(value: object) -> str:
    if isinstance(value, _Object):
        return "object"
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, _Number):
        return "number"
    return "string" if isinstance(value, str) else "array"


def _wrong(key: str, value: object) -> ConnectError:
    return ConnectError(f"cannot unmarshal {_kind(value)} into field {key!r} of CONNECT")


def _boolean(key: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise _wrong(key, value)
    return value


def _string(key: str, value: object) -> str:
    if type(value) is not str:
        raise _wrong(key, value)
    # half of a surrogate pair, written as an escape
    return value if value.isascii() else _join_surrogates(value)


def _join_surrogates(text: str) -> str:
    if _SURROGATE.search(text) is None:
        return text
    return _SURROGATE.sub(
        "\ufffd", text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    )


def _interned(key: str, value: object) -> str:
    """A string that thousands of connections have in common."""
    return sys.intern(_string(key, value))


def _integer(key: str, value: object) -> int:
    if not isinstance(value, _Number) or not _INTEGER.match(value) or len(value) > 20:
        raise _wrong(key, value)
    number = int(value)
    if not -(2**63) <= number < 2**63:
        raise _wrong(key, value)
    return number


def _subject_permission(key: str, value: object) -> None:
    """Only servers send these to servers: checked as Go would, and not kept."""
    if not isinstance(value, _Object):
        raise _wrong(key, value)
    for name, subjects in value:
        if name.translate(_FOLD).lower() not in ("allow", "deny") or subjects is None:
            continue
        if not isinstance(subjects, list) or isinstance(subjects, _Object):
            raise _wrong(name, subjects)
        for subject in subjects:
            if subject is not None and type(subject) is not str:
                raise _wrong(name, subject)


#: key on the wire -> attribute, reader
_FIELDS = {
    "echo": ("echo", _boolean),
    "verbose": ("verbose", _boolean),
    "pedantic": ("pedantic", _boolean),
    "tls_required": ("tls_required", _boolean),
    "nkey": ("nkey", _string),
    "jwt": ("jwt", _string),
    "sig": ("sig", _string),
    "auth_token": ("auth_token", _string),
    "user": ("user", _string),
    "pass": ("password", _string),
    "name": ("name", _string),
    "lang": ("lang", _interned),
    "version": ("version", _interned),
    "protocol": ("protocol", _integer),
    "account": ("account", _string),
    "new_account": ("new_account", _boolean),
    "headers": ("headers", _boolean),
    "no_responders": ("no_responders", _boolean),
    "import": ("", _subject_permission),
    "export": ("", _subject_permission),
    "remote_account": ("remote_account", _string),
    "proxy_sig": ("proxy_sig", _string),
}
_DEFAULTS: dict[str, Any] = {
    attribute: False if read is _boolean else 0 if read is _integer else ""
    for attribute, read in _FIELDS.values()
    if attribute
} | {"echo": True, "verbose": True, "pedantic": True}


class ConnectOptions:
    """The fields of CONNECT; those of a client that has not sent it, when made without.

    Attributes are the wire's names, but ``password`` for ``pass``. Not to be changed:
    :meth:`updated` makes another one.
    """

    __slots__ = tuple(_DEFAULTS)

    echo: bool
    verbose: bool
    pedantic: bool
    tls_required: bool
    nkey: str
    jwt: str
    sig: str
    auth_token: str
    user: str
    password: str
    name: str
    lang: str
    version: str
    protocol: int
    account: str
    new_account: bool
    headers: bool
    no_responders: bool
    remote_account: str
    proxy_sig: str

    def __init__(self) -> None:
        for attribute, value in _DEFAULTS.items():
            setattr(self, attribute, value)

    def updated(self, argument: bytes) -> ConnectOptions:
        """These options, changed by what the argument of a CONNECT names.

        :raises ConnectError: if it cannot be read.
        """
        members = decode_json_object(argument)
        result = ConnectOptions()
        if self is not DEFAULT_CONNECT:
            for attribute in self.__slots__:
                setattr(result, attribute, getattr(self, attribute))
        for key, value in members:
            known = _FIELDS.get(key) or _FIELDS.get(key.translate(_FOLD).lower())
            if known is None or value is None:
                continue
            attribute, read = known
            read_value = read(key, value)
            if attribute:
                setattr(result, attribute, read_value)
        return result

    def fields(self) -> Mapping[str, Any]:
        """The fields that are not at their default, by their names on the wire."""
        return _Fields(self)


class _Fields(Mapping[str, Any]):
    """A view: most authenticators look at one field, and some at none."""

    __slots__ = ("_options",)

    def __init__(self, options: ConnectOptions) -> None:
        self._options = options

    def __getitem__(self, key: str) -> Any:
        attribute = _FIELDS[key][0]
        value = getattr(self._options, attribute) if attribute else None
        if value is None or value == _DEFAULTS[attribute]:
            raise KeyError(key)
        return value

    def __iter__(self) -> Iterator[str]:
        return (key for key in _FIELDS if key in self)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __repr__(self) -> str:
        # They hold passwords, and arguments end up in tracebacks.
        return f"<CONNECT fields {', '.join(self)}>"


#: what holds before CONNECT; shared by all who have not sent it
DEFAULT_CONNECT = ConnectOptions()
