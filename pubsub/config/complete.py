"""What only the whole file tells: the users of all lists, what operators say, what is implied.

Readers leave users and operators in the settings as they found them, with their places; here
they become what Options has.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

from pubsub.config.claims import decode_claims, undecorated
from pubsub.config.options import ResolverOptions, TlsOptions
from pubsub.config.parser import ReadFile, Token
from pubsub.config.places import Places
from pubsub.config.reading import Problems, Settings
from pubsub.config.validate_security import SYSTEM_ACCOUNT, unknown_system_account
from pubsub.config.values import invalid
from pubsub.errors import CredentialsError
from pubsub.values.accounts import AccountOptions, UserOptions
from pubsub.values.identity import Permissions
from pubsub.values.strkey import looks_secret

__all__ = ["IMPLIED_USER", "complete"]

#: Who clients without credentials are when the system account is the only one that has users.
#: It is no secret: whoever knows it can do what those can do who know nothing.
IMPLIED_USER = "nats-implied-user"

_Placed = tuple[UserOptions, Token]


def complete(settings: Settings, read_file: ReadFile | None, places: Places) -> None:
    """Put ``users``, ``operator`` and what follows from them into the settings.

    :param places: where the settings were written.
    :raises ConfigError: or ConfigErrors; what is wrong with them.
    """
    problems = Problems()
    _users(settings, problems)
    _operators(settings, read_file, problems)
    problems.raise_all()
    _explicit_system_account(settings, places)
    _resolver_tls(settings)
    _implied_user(settings)


# users


def _users(settings: Settings, problems: Problems) -> None:
    defaults = cast("Permissions | None", settings.get("authorization.default_permissions"))
    listed = cast("list[_Placed]", settings.pop("authorization.users", []))
    of_accounts = cast("list[_Placed]", settings.pop("accounts.users", []))
    placed = [
        (user if user.permissions is not None else replace(user, permissions=defaults), token)
        for user, token in listed
    ]
    placed += of_accounts
    if of_accounts:
        token = of_accounts[0][1]
        if settings.get("authorization.user"):
            problems.add(invalid("Can not have a single user/pass and accounts", token))
        if settings.get("authorization.token"):
            problems.add(invalid("Can not have a token and accounts", token))
    seen = set()
    for user, token in placed:
        name = user.nkey or user.user
        if name in seen:
            kind = "nkey" if user.nkey else "user"
            problems.add(invalid(f'Duplicate {kind} "{name}" detected', token))
        seen.add(name)
    if placed:
        settings["users"] = tuple(user for user, _ in placed)


def _explicit_system_account(settings: Settings, places: Places) -> None:
    """``$SYS`` exists by itself, but who names it means one that is declared."""
    if settings.get("system_account") != SYSTEM_ACCOUNT:
        return
    accounts = cast("tuple[AccountOptions, ...]", settings.get("accounts", ()))
    if all(account.name != SYSTEM_ACCOUNT for account in accounts):
        raise places.error(unknown_system_account(SYSTEM_ACCOUNT), "system_account")


def _implied_user(settings: Settings) -> None:
    """With nothing but users of the system account everybody else is as welcome as without.

    As nats-server's configureAccounts: a system account is the only one, there is no
    ``authorization`` block, and nobody said who clients without credentials are.
    """
    accounts = cast("tuple[AccountOptions, ...]", settings.get("accounts", ()))
    system = settings.get("system_account") or SYSTEM_ACCOUNT
    alone = len(accounts) == 1 and accounts[0].name == system
    if not alone or "authorization" in settings or settings.get("no_auth_user"):
        return
    if settings.get("operator"):
        return
    users = cast("tuple[UserOptions, ...]", settings.get("users", ()))
    settings["users"] = (*users, UserOptions(IMPLIED_USER, IMPLIED_USER))
    settings["no_auth_user"] = IMPLIED_USER


# operators


def _operators(settings: Settings, read_file: ReadFile | None, problems: Problems) -> None:
    tokens = cast("list[Token]", settings.pop("operator.tokens", []))
    operators = []
    claims: list[dict[str, Any]] = []
    for token in tokens:
        try:
            text = _jwt(str(token.value), read_file)
            claims.append(dict(decode_claims(text, "operator")["nats"]))
            operators.append(text)
        except CredentialsError as error:
            problems.add(invalid(f"error parsing operator JWT: {error}", token))
    if operators:
        settings["operator"] = tuple(operators)
    if len(claims) == 1:
        _what_it_says(claims[0], settings)
    pinned = cast("frozenset[str]", settings.get("resolver_pinned_accounts", frozenset()))
    if operators and pinned and settings.get("system_account"):
        # the system account can always connect
        settings["resolver_pinned_accounts"] = pinned | {str(settings["system_account"])}


def _what_it_says(nats: dict[str, Any], settings: Settings) -> None:
    """The only operator knows where accounts are and which is the system's."""
    url, system = nats.get("account_server_url"), nats.get("system_account")
    if settings.get("resolver") is None and isinstance(url, str) and url:
        settings["resolver"] = ResolverOptions("url", url=f"{url.rstrip('/')}/accounts/")
    if not settings.get("system_account") and isinstance(system, str) and system:
        settings["system_account"] = system


def _jwt(text: str, read_file: ReadFile | None) -> str:
    """The JWT that ``text`` is, or that is in the file it names.

    :raises CredentialsError: there is no such file.
    """
    # every JWT begins so: it is the start of a JSON object in base64
    if text.lstrip().startswith("eyJ"):
        return text.strip()
    shown = "[REDACTED]" if looks_secret(text) else text
    if read_file is None:
        raise CredentialsError(f"open {shown}: there is no configuration file to read it from")
    try:
        return undecorated(read_file(text))
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise CredentialsError(f"open {shown}: {reason.lower()}") from error


def _resolver_tls(settings: Settings) -> None:
    tls = cast("TlsOptions | None", settings.pop("resolver_tls", None))
    resolver = cast("ResolverOptions | None", settings.get("resolver"))
    if tls is not None and resolver is not None and resolver.type == "url":
        settings["resolver"] = replace(resolver, tls=tls)
