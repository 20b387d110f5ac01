"""The ``accounts`` block.

The rules and texts are those of nats-server's ``opts.go``: parseAccounts and
parseAccountLimits.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from pubsub.config.parser import Token
from pubsub.config.reading import Problems, Read, Settings, entries, map_of
from pubsub.config.row import Option
from pubsub.config.special_authorization import shown_key
from pubsub.config.special_borders import read_exports, read_imports
from pubsub.config.special_mappings import read_mappings
from pubsub.config.special_users import read_permissions, read_users
from pubsub.config.values import Warn, convert, invalid
from pubsub.values.accounts import AccountLimits, AccountOptions, UserOptions
from pubsub.values.identity import GLOBAL_ACCOUNT
from pubsub.values.strkey import KeyKind, is_public_key

__all__ = ["READERS"]

#: Limits are 32-bit numbers in nats-server, which cuts larger ones without a word.
_LARGEST_LIMIT = 2**31 - 1


def _accounts(row: Option, token: Token, settings: Settings, warn: Warn) -> None:
    accounts: list[AccountOptions] = []
    users: list[tuple[UserOptions, Token]] = []
    problems = Problems()
    if isinstance(token.value, list):
        for element in token.value:
            with problems.caught():
                accounts.append(_named(element, accounts))
    else:
        block = map_of(token, "accounts must be a block, { name: { … } }, or a list of names")
        for name, element in block.items():
            # an entry that only serves as a variable is no account
            if not element.used_variable:
                with problems.caught():
                    account, its_users = _account(name, element, warn)
                    accounts.append(account)
                    users += its_users
    problems.raise_all()
    settings["accounts"] = tuple(accounts)
    settings["accounts.users"] = users


def _named(token: Token, others: list[AccountOptions]) -> AccountOptions:
    """An account of the simple form, that has nothing but a name."""
    name = token.value
    if not isinstance(name, str):
        raise invalid("accounts must be a block, { name: { … } }, or a list of names", token)
    _check_name(name, token)
    if any(other.name == name for other in others):
        raise invalid(f"Duplicate Account Entry: {name}", token)
    return AccountOptions(name)


def _check_name(name: str, token: Token) -> None:
    if name == GLOBAL_ACCOUNT:
        raise invalid(f'"{name}" is a Reserved Account', token)


def _account(
    name: str, token: Token, warn: Warn
) -> tuple[AccountOptions, list[tuple[UserOptions, Token]]]:
    map_of(token, "Expected map entries for accounts")
    _check_name(name, token)
    problems = Problems()
    fields: dict[str, Any] = {}
    for row, _, element in entries("accounts.*", token, problems):
        with problems.caught():
            fields[row.name] = _field(row, element, name, warn)
    problems.raise_all()
    users = fields.pop("users", [])
    account = AccountOptions(name, **fields)
    defaults = account.default_permissions
    return account, [
        (user if user.permissions is not None else replace(user, permissions=defaults), place)
        for user, place in users
    ]


def _field(row: Option, token: Token, account: str, warn: Warn) -> object:
    if row.name == "nkey":
        if not isinstance(token.value, str) or not is_public_key(token.value, KeyKind.ACCOUNT):
            shown = shown_key(token.value)
            raise invalid(f"Not a valid public nkey for an account: {shown}", token)
        return token.value
    if row.name == "users":
        return read_users(row.path, token, warn, account)
    if row.name == "default_permissions":
        return read_permissions(row.path, token, warn)
    if row.name == "mappings":
        return read_mappings(token)
    if row.name == "limits":
        return _limits(row, token, warn)
    if row.name == "exports":
        return read_exports(row.path, token, warn)
    assert row.name == "imports", row.name
    return read_imports(row.path, token, warn)


def _limits(row: Option, token: Token, warn: Warn) -> AccountLimits:
    map_of(token, "Expected account limits to be a map/struct")
    problems = Problems()
    limits: dict[str, int] = {}
    unknown = 'Unknown field "{key}" parsing account limits'
    for inner, _, element in entries(row.path, token, problems, unknown):
        with problems.caught():
            number = convert(inner, element, warn)
            assert isinstance(number, int)
            if number > _LARGEST_LIMIT:
                raise invalid(f"{inner.name} value is too big", element)
            limits[inner.name] = number
    problems.raise_all()
    return AccountLimits(**limits)


READERS: dict[str, Read] = {"accounts": _accounts}
