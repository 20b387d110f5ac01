"""Users and what they may do: lists in ``authorization`` and in accounts.

The rules and texts are those of nats-server's ``opts.go``: parseUsers, parseUserPermissions,
parseVariablePermissions, parseAllowResponses and parseAllowedConnectionTypes.
"""

from __future__ import annotations

import re
from dataclasses import replace

from pubsub.config.durations import parse_duration
from pubsub.config.parser import Token
from pubsub.config.reading import Problems, entries, list_of, map_of
from pubsub.config.row import Option
from pubsub.config.values import Warn, convert, invalid
from pubsub.values.accounts import UserOptions
from pubsub.values.identity import GLOBAL_ACCOUNT, Permissions, ResponsePermission
from pubsub.values.strkey import KeyKind, is_public_key

__all__ = ["CONNECTION_TYPES", "is_subject", "read_permissions", "read_users"]

CONNECTION_TYPES = frozenset(
    {
        "STANDARD",
        "WEBSOCKET",
        "LEAFNODE",
        "LEAFNODE_WS",
        "MQTT",
        "MQTT_WS",
        "IN_PROCESS",
    }
)

_UNKNOWN_PERMISSION = 'Unknown field "{key}" parsing permissions'


def is_subject(subject: str) -> bool:
    """No empty token, no white space, ``>`` only as the last token."""
    tokens = subject.split(".")
    return all(tokens) and not re.search(r"[ \t\n\r\f]", subject) and ">" not in tokens[:-1]


# users


def read_users(
    path: str, token: Token, warn: Warn, account: str = GLOBAL_ACCOUNT
) -> list[tuple[UserOptions, Token]]:
    """The users of a list, each with its place.

    :param path: of the list in the table.
    :raises ConfigError: or ConfigErrors; what is wrong with them.
    """
    problems = Problems()
    users = []
    for element in list_of(token, "Expected users field to be an array"):
        with problems.caught():
            users.append((_user(path, element, warn, account), element))
    problems.raise_all()
    return users


def _user(path: str, token: Token, warn: Warn, account: str) -> UserOptions:
    map_of(token, "Expected user entry to be a map/struct")
    problems = Problems()
    fields: dict[str, object] = {}
    for row, _, element in entries(path, token, problems):
        with problems.caught():
            if row.name == "permissions":
                fields["permissions"] = read_permissions(row.path, element, warn)
            elif row.name == "allowed_connection_types":
                fields["connection_types"] = _connection_types(element)
            else:
                fields[row.name] = convert(row, element, warn)
    problems.raise_all()
    user = UserOptions(account=account, **fields)  # type: ignore[arg-type]
    if user.nkey:
        if not is_public_key(user.nkey, KeyKind.USER):
            raise invalid("Not a valid public nkey for a user", token)
        if user.user or user.password:
            raise invalid("Nkey users do not take usernames or passwords", token)
    elif not user.user:
        raise invalid("User entry requires a user", token)
    return user


def _connection_types(token: Token) -> frozenset[str]:
    value = token.value
    if not isinstance(value, (str, list)):
        raise invalid(
            "error parsing allowed connection types: write a name or a list of names", token
        )
    problems = Problems()
    names = []
    for element in value if isinstance(value, list) else [token]:
        if isinstance(element.value, str):
            names.append(element.value.upper())
        else:
            problems.add(
                invalid("error parsing allowed connection types: a name is a string", element)
            )
    unknown = [f'"{name}"' for name in names if name not in CONNECTION_TYPES]
    if unknown:
        problems.add(invalid(f"invalid connection types [{' '.join(unknown)}]", token))
    problems.raise_all()
    return frozenset(names)


# permissions


def read_permissions(path: str, token: Token, warn: Warn) -> Permissions:
    """A permissions block.

    :param path: of the block in the table.
    :raises ConfigError: or ConfigErrors; what is wrong with it.
    """
    map_of(token, "Expected permissions to be a map/struct")
    problems = Problems()
    permissions = Permissions()
    for row, _, element in entries(path, token, problems, _UNKNOWN_PERMISSION):
        with problems.caught():
            if row.name == "publish":
                allow, deny = _subject_lists(row, element, queues=False)
                permissions = replace(permissions, publish_allow=allow, publish_deny=deny)
            elif row.name == "subscribe":
                allow, deny = _subject_lists(row, element, queues=True)
                permissions = replace(permissions, subscribe_allow=allow, subscribe_deny=deny)
            else:
                permissions = replace(permissions, responses=_responses(row, element, warn))
    problems.raise_all()
    if permissions.responses is not None and permissions.publish_allow is None:
        # who may answer and nothing is said of what else it may publish, may publish nothing else
        permissions = replace(permissions, publish_allow=())
    return permissions


def _subject_lists(
    row: Option, token: Token, *, queues: bool
) -> tuple[tuple[str, ...] | None, tuple[str, ...]]:
    """Allow and deny; only the first in the old style without a block."""
    if not isinstance(token.value, dict):
        return _subjects(token, queues=queues) or None, ()
    problems = Problems()
    lists: dict[str, tuple[str, ...]] = {}
    unknown = (
        'Unknown field name "{key}" parsing subject permissions, '
        "only 'allow' or 'deny' are permitted"
    )
    for inner, _, element in entries(row.path, token, problems, unknown):
        with problems.caught():
            lists[inner.name] = _subjects(element, queues=queues)
    problems.raise_all()
    # nats-server takes an empty list of what is allowed for none: everything is
    return lists.get("allow") or None, lists.get("deny", ())


def _subjects(token: Token, *, queues: bool) -> tuple[str, ...]:
    value = token.value
    if not isinstance(value, (str, list)):
        raise invalid("Expected subject permissions to be a subject, or array of subjects", token)
    problems = Problems()
    subjects = []
    for element in value if isinstance(value, list) else [token]:
        with problems.caught():
            subjects.append(_subject(element, queues=queues))
    problems.raise_all()
    return tuple(subjects)


def _subject(token: Token, *, queues: bool) -> str:
    """A subject or, where queue groups may be named, a subject and a queue group."""
    text = token.value
    if not isinstance(text, str):
        raise invalid("Subject in permissions array cannot be cast to string", token)
    if is_subject(text):
        return text
    words = text.split()
    if not queues or len(words) != 2:
        raise invalid(f'subject "{text}" is not a valid subject', token)
    if not is_subject(words[0]):
        raise invalid(f'subject "{words[0]}" is not a valid subject', token)
    if not is_subject(words[1]):
        raise invalid(f'queue "{words[1]}" is not a valid queue', token)
    return text


def _responses(row: Option, token: Token, warn: Warn) -> ResponsePermission | None:
    if isinstance(token.value, bool):
        return ResponsePermission() if token.value else None
    map_of(token, "error parsing response permissions, expected a boolean or a map")
    problems = Problems()
    responses = ResponsePermission()
    for inner, _, element in entries(row.path, token, problems, _UNKNOWN_PERMISSION):
        with problems.caught():
            if inner.name == "max":
                number = convert(inner, element, warn)
                assert isinstance(number, int)
                # 0 asks for the default, a negative number for any number
                responses = replace(responses, max_messages=number or responses.max_messages)
            else:
                seconds = _expiry(element)
                responses = replace(responses, expires=seconds or responses.expires)
    problems.raise_all()
    return responses


def _expiry(token: Token) -> float:
    if not isinstance(token.value, str):
        raise invalid("error parsing expires, not a duration string", token)
    try:
        return parse_duration(token.value)
    except ValueError as error:
        raise invalid(f"error parsing expires: {error}", token) from error
