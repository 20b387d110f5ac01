"""What must be right between accounts, users, operators and who is who without credentials.

The order and the texts are nats-server's: validateTrustedOperators (``jwt.go``), validateAuth
and validateNoAuthUser (``auth.go``), and what configureAccounts and configureResolver
(``server.go``) refuse when the server starts.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from pubsub._version import NATS_VERSION
from pubsub.config.claims import decode_claims
from pubsub.config.options import Options
from pubsub.config.places import Places
from pubsub.config.special_authorization import shown_key
from pubsub.errors import CredentialsError
from pubsub.values.accounts import ServiceExport, ServiceImport
from pubsub.values.identity import GLOBAL_ACCOUNT
from pubsub.values.strkey import KeyKind, is_public_key

__all__ = ["SYSTEM_ACCOUNT", "unknown_system_account", "validate_security"]

#: The system account of those who name no other; it need not be declared.
SYSTEM_ACCOUNT = "$SYS"


def unknown_system_account(name: str) -> str:
    """The complaint about a system account that is not declared."""
    return f'error resolving system account: account missing: "{name}"'


def validate_security(options: Options, places: Places) -> None:
    """Check what no single option can know.

    :raises InvalidOption: at the first thing that is wrong.
    """
    _operators(options, places)
    _no_auth_user(options, places)
    _system_account(options, places)
    _borders(options, places)
    _callout_accounts(options, places)
    _resolver(options, places)


# operators


def _operators(options: Options, places: Places) -> None:
    if not options.operator:
        if options.default_sentinel:
            raise places.error(
                "default sentinel requires operators and accounts", "default_sentinel"
            )
        return
    try:
        operators = [decode_claims(token, "operator") for token in options.operator]
    except CredentialsError as error:
        raise places.error(f"error parsing operator JWT: {error}", "operator") from error
    if options.default_sentinel:
        _sentinel(options, places)
    _excluded(options, places)
    _operators_system_account(options, operators, places)
    for claims in operators:
        _version(claims, places)
        _signing_keys(claims, places)
    for key in sorted(options.resolver_pinned_accounts):
        if key != options.system_account and not is_public_key(key, KeyKind.ACCOUNT):
            raise places.error(
                f"pinned account key {shown_key(key)} is not a valid public account nkey",
                "resolver_pinned_accounts",
            )


def _sentinel(options: Options, places: Places) -> None:
    try:
        claims = decode_claims(options.default_sentinel, "user")["nats"]
    except CredentialsError as error:
        raise places.error(
            f"default sentinel JWT not valid: {error}", "default_sentinel"
        ) from error
    # a scoped user has no permissions of its own: its account decides, when it connects
    scoped = bool(claims.get("issuer_account")) and not _PERMISSIONS.intersection(claims)
    if not claims.get("bearer_token") and not scoped:
        raise places.error("default sentinel must be a bearer token", "default_sentinel")


#: The claims of a user that a scoped one leaves to its signing key.
_PERMISSIONS = frozenset(
    {
        "allowed_connection_types",
        "bearer_token",
        "data",
        "payload",
        "proxy_required",
        "pub",
        "resp",
        "src",
        "sub",
        "subs",
        "times",
        "times_location",
    }
)


def _excluded(options: Options, places: Places) -> None:
    """What operators do not go together with, and need."""
    if options.resolver is None:
        raise places.error("operators require an account resolver to be configured", "operator")
    if options.accounts or options.mappings:
        raise places.error(
            "operators do not allow Accounts to be configured directly", "accounts", "mappings"
        )
    if options.users:
        raise places.error(
            "operators do not allow users to be configured directly", "authorization.users"
        )
    if options.trusted_keys:
        raise places.error(
            "conflicting options for 'TrustedKeys' and 'TrustedOperators'", "trusted_keys"
        )
    if options.authorization.auth_callout is not None:
        raise places.error(
            "operators do not allow authorization callouts to be configured directly",
            "authorization.auth_callout",
        )


def _operators_system_account(
    options: Options, operators: list[Mapping[str, Any]], places: Places
) -> None:
    theirs = {claims["nats"].get("system_account") or "" for claims in operators} - {""}
    chosen = options.system_account
    if chosen != SYSTEM_ACCOUNT:
        if theirs and chosen not in theirs:
            raise places.error(
                "system_account in config and operator JWT must be identical", "system_account"
            )
    elif not operators[0]["nats"].get("system_account"):
        assert options.resolver is not None, "checked before"
        if options.resolver.type in ("full", "cache"):
            raise places.error(
                "using nats based account resolver - the system account needs to be specified "
                "in configuration or the operator jwt",
                "resolver",
            )


def _version(claims: Mapping[str, Any], places: Places) -> None:
    """The oldest server its JWT asks for."""
    text, who = claims["nats"].get("assert_server_version") or "", claims.get("sub")
    if not text:
        return
    match = re.fullmatch(r"([0-9]{1,9})\.([0-9]{1,9})\.([0-9]{1,9})", str(text))
    if match is None:
        raise places.error(
            f"operator {who} expects version {text} got error instead: asserted server version "
            "must be of the form <major>.<minor>.<update>",
            "operator",
        )
    ours = re.match(r"([0-9]+)\.([0-9]+)\.([0-9]+)", NATS_VERSION)
    assert ours is not None
    for name, asked, have in zip(
        ("major", "minor", "update"), map(int, match.groups()), map(int, ours.groups()), strict=True
    ):
        if asked > have:
            raise places.error(
                f"operator {who} expected {name} version {asked} > server {name} version {have}",
                "operator",
            )
        if asked < have:
            return


def _signing_keys(claims: Mapping[str, Any], places: Places) -> None:
    keys = claims["nats"].get("signing_keys") or []
    for key in [claims.get("sub"), *(keys if isinstance(keys, list) else [])]:
        if not isinstance(key, str) or not is_public_key(key, KeyKind.OPERATOR):
            raise places.error(
                f"trusted Keys {shown_key(key)} are required to be a valid public operator nkey",
                "operator",
            )


def _resolver(options: Options, places: Places) -> None:
    if options.resolver is None:
        return
    if options.resolver_preload and options.resolver.type == "url":
        raise places.error(
            "resolver preloads only available for writeable resolver types MEM/DIR/CACHE_DIR",
            "resolver_preload",
        )
    if options.resolver.type in ("full", "cache") and not options.operator:
        # it keeps nothing that no operator has signed
        raise places.error("Could not start resolver: no operator key found", "resolver")


# accounts and users


def _no_auth_user(options: Options, places: Places) -> None:
    name = options.no_auth_user
    if not name:
        return
    if options.operator:
        raise places.error("no_auth_user not compatible with Trusted Operator", "no_auth_user")
    if not options.users:
        raise places.error(
            f'no_auth_user: "{name}" present, but users/nkeys are not defined', "no_auth_user"
        )
    if not any(name in (user.user, user.nkey) for user in options.users):
        raise places.error(
            f'no_auth_user: "{name}" not present as user or nkey in authorization block or '
            "account configuration",
            "no_auth_user",
        )


def _system_account(options: Options, places: Places) -> None:
    if options.operator or options.trusted_keys:
        return
    name = options.system_account
    known = {GLOBAL_ACCOUNT, *(account.name for account in options.accounts)}
    if name != SYSTEM_ACCOUNT and name not in known:
        raise places.error(unknown_system_account(name), "system_account")
    if options.no_system_account and name not in known:
        _no_latency(options, places)


def _borders(options: Options, places: Places) -> None:
    """Exports and imports name accounts that there are.

    Whether those who import may is for those who know what accounts mean.
    """
    known = {account.name for account in options.accounts}
    for account in options.accounts:
        for index, export in enumerate(account.exports):
            unknown = [name for name in export.accounts or () if name not in known]
            if unknown:
                kind = "service" if isinstance(export, ServiceExport) else "stream"
                raise places.error(
                    f'"{unknown[0]}" account not defined for {kind} export',
                    ("accounts", account.name, "exports", index),
                )
        for index, import_ in enumerate(account.imports):
            if import_.account not in known:
                kind = "service" if isinstance(import_, ServiceImport) else "stream"
                raise places.error(
                    f'"{import_.account}" account not defined for {kind} import',
                    ("accounts", account.name, "imports", index),
                )


def _no_latency(options: Options, places: Places) -> None:
    """Measurements are sent by the system account, which is not there."""
    for account in options.accounts:
        for index, export in enumerate(account.exports):
            if isinstance(export, ServiceExport) and export.latency is not None:
                raise places.error(
                    f'Error adding service latency sampling for "{export.subject}": system '
                    "account not setup",
                    ("accounts", account.name, "exports", index),
                )


def _callout_accounts(options: Options, places: Places) -> None:
    callout = options.authorization.auth_callout
    if callout is None:
        return
    known = {account.name for account in options.accounts}
    if options.mappings:
        # nats-server knows the global account as configured as soon as it has mappings
        known.add(GLOBAL_ACCOUNT)
    for name in callout.allowed_accounts:
        if name not in known:
            raise places.error(
                f'auth_callout allowed account "{name}" not found in configured accounts',
                ("authorization", "auth_callout", "allowed_accounts"),
                "authorization",
            )
