"""What is wrong with claims whose signature is right.

The checks are those of ``nats-io/jwt`` 2.8 that block (``Validate``), in its order; each
problem is a sentence for a log and for ``nsc``. Time is checked apart: an account that has
expired is refused when it is used, not when it is pushed.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Iterator, Sequence
from urllib.parse import urlsplit

from pubsub.auth.jwt.account_claims import (
    ANYBODY,
    AccountClaims,
    ExportClaims,
    ExternalAuthorization,
    ImportClaims,
    WeightedMapping,
)
from pubsub.auth.jwt.claims import (
    NO_LIMIT,
    ActivationClaims,
    Claims,
    OperatorClaims,
    PermissionClaims,
    UserClaims,
    UserLimits,
)
from pubsub.auth.jwt.keys import is_account, is_curve, is_operator, is_user
from pubsub.auth.jwt.times import is_time, zone
from pubsub.errors import CredentialsError

__all__ = [
    "account_problems",
    "activation_problems",
    "is_contained",
    "is_network",
    "operator_problems",
    "server_version",
    "time_problem",
    "user_problems",
]

#: the public library's bound for descriptions and their URLs
_MAX_INFO = 8 * 1024


def time_problem(claims: Claims, now: float) -> str:
    """Why the claims do not count at that time (epoch seconds), ``""`` if they do."""
    seconds = int(now)
    if 0 < claims.expires < seconds:
        return "claim is expired"
    if claims.not_before > seconds:
        return "claim is not yet valid"
    return ""


def user_problems(claims: UserClaims) -> list[str]:
    """What blocks a user."""
    problems = [*_permissions(claims.limits.permissions), *_limits(claims.limits)]
    if claims.issuer_account and not is_account(claims.issuer_account):
        problems.append("account_id is not an account public key")
    return problems


def operator_problems(claims: OperatorClaims) -> list[str]:
    """What blocks an operator."""
    problems = [
        f"{key} is not an operator public key"
        for key in claims.signing_keys
        if not is_operator(key)
    ]
    if claims.system_account and not is_account(claims.system_account):
        problems.append(f"{claims.system_account} is not an account public key")
    try:
        server_version(claims.assert_server_version)
    except CredentialsError as error:
        problems.append(str(error))
    return problems


def server_version(text: str) -> tuple[int, int, int]:
    """``"2.10.0"`` as numbers, ``""`` as zeros.

    :raises pubsub.errors.CredentialsError: it is no version.
    """
    if not text:
        return 0, 0, 0
    parts = text.split(".")
    if len(parts) != 3 or not all(part.isascii() and part.isdigit() for part in parts):
        raise CredentialsError(
            "asserted server version must be of the form <major>.<minor>.<update>"
        )
    major, minor, update = (int(part[:9]) for part in parts)
    return major, minor, update


def activation_problems(claims: ActivationClaims) -> list[str]:
    """What blocks an activation."""
    problems = []
    if claims.kind not in ("stream", "service"):
        problems.append(f"invalid import type: {claims.kind!r}")
    problems += _subject(claims.import_subject)
    if claims.issuer_account and not is_account(claims.issuer_account):
        problems.append("account_id is not an account public key")
    return problems


def account_problems(claims: AccountClaims) -> list[str]:
    """What blocks an account."""
    problems = [*_imports(claims), *_exports(claims.exports)]
    if (
        "tiered_limits" in claims.limits.jetstream
        and "" in claims.limits.jetstream["tiered_limits"]
    ):
        problems.append("tiered JetStream limits cannot have a tier without a name")
    problems += _permissions(claims.default_permissions)
    for source, destinations in claims.mappings.items():
        problems += _mapping(source, destinations)
    problems += _authorization(claims.authorization)
    if claims.trace is not None:
        problems += _trace(*claims.trace)
    problems += _counts(claims)
    problems += [
        f"{key!r} is not a valid account signing key"
        for key in claims.signing_keys
        if not is_account(key)
    ]
    problems += _info(claims)
    if claims.cluster_traffic not in ("", "system", "owner"):
        problems.append(f"unknown cluster traffic option: {claims.cluster_traffic!r}")
    return problems


def is_contained(subject: str, other: str) -> bool:
    """Whether all that matches ``subject`` matches ``other``, token by token.

    One answer differs on purpose from the public library's, which takes ``>`` for one token:
    there an activation for ``a.*`` is good for an import of ``a.>``.
    """
    mine, theirs = subject.split("."), other.split(".")
    if len(mine) < len(theirs) or (len(mine) > len(theirs) and theirs[-1] != ">"):
        return False
    for place, token in enumerate(theirs):
        if token == ">" and place == len(theirs) - 1:
            return True
        if mine[place] == ">" or token not in (mine[place], "*"):
            return False
    return True


def is_network(text: str) -> bool:
    """Whether it is a network as ``192.0.2.0/24`` or ``2001:db8::/32``."""
    address, slash, length = text.partition("/")
    if not slash or not length.isascii() or not length.isdigit() or "%" in address:
        return False
    try:
        ipaddress.ip_network(text, strict=False)
    except ValueError:
        return False
    return True


def _has_wildcards(subject: str) -> bool:
    tokens = subject.split(".")
    return "*" in tokens or tokens[-1] == ">"


def _subject(subject: str) -> Iterator[str]:
    if not subject:
        yield "subject cannot be empty"
        return
    if " " in subject:
        yield f"subject {subject!r} cannot have spaces"
    if subject[0] == "." or subject[-1] == ".":
        yield f"subject {subject!r} cannot start or end with a `.`"
    if ".." in subject:
        yield f"subject {subject!r} cannot contain consecutive `.`"


def _permissions(permissions: PermissionClaims) -> Iterator[str]:
    for entry in (*permissions.subscribe_allow, *permissions.subscribe_deny):
        yield from _entry(entry, True)
    for entry in (*permissions.publish_allow, *permissions.publish_deny):
        yield from _entry(entry, False)


def _entry(entry: str, queue: bool) -> Iterator[str]:
    parts = entry.split(" ")
    if len(parts) > 2:
        yield f"permission subject {entry!r} contains too many spaces"
        return
    for part in parts:
        yield from _subject(part)
    if len(parts) == 2 and not queue:
        yield f"permission subject {entry!r} is not allowed to contain a queue"


def _limits(limits: UserLimits) -> Iterator[str]:
    for source in limits.sources:
        if not is_network(source):
            yield f"invalid cidr {source!r} in user src limits"
    for entry in limits.times:
        for name, text in (("start", entry.start), ("end", entry.end)):
            if not is_time(text):
                yield f"{name} in time range is invalid {text!r}"
    if limits.location:
        try:
            zone(limits.location)
        except CredentialsError as error:
            yield str(error)


# --- imports and exports -------------------------------------------------------------------


def _imports(claims: AccountClaims) -> Iterator[str]:
    local: dict[str, list[str]] = {}
    for import_ in claims.imports:
        if import_.type == "service":
            here = import_.to or _as_pattern(import_.local_subject) or import_.subject
            others = local.setdefault(import_.account, [])
            if any(is_contained(here, other) or is_contained(other, here) for other in others):
                yield f"overlapping imports of {here!r} from account {import_.account!r}"
            others.append(here)
        yield from _import(claims.subject, import_)


def _as_pattern(subject: str) -> str:
    return ".".join("*" if _REFERENCE.fullmatch(token) else token for token in subject.split("."))


_REFERENCE = re.compile(r"\$(\d{1,9})")


def _import(importer: str, import_: ImportClaims) -> Iterator[str]:
    if not import_.type:
        yield "invalid import type: 'unknown'"
    if import_.type == "service" and import_.allow_trace:
        yield "allow_trace is for stream imports only"
    if not import_.account:
        yield "account to import from is not specified"
    yield from _subject(import_.subject)
    if import_.local_subject:
        yield from _renaming(import_.local_subject, import_.subject)
        if import_.to:
            yield "local_subject replaces to: there cannot be both"
    if import_.share and import_.type != "service":
        yield f"only services can be shared: {import_.subject!r}"
    if import_.token:
        yield from _token(importer, import_)


def _renaming(local: str, subject: str) -> Iterator[str]:
    yield from _subject(local)
    if (local.split(".")[-1] == ">") != (subject.split(".")[-1] == ">"):
        yield "subject and local subject must both end in > or neither"
    wildcards, used = subject.split(".").count("*"), 0
    for token in local.split("."):
        reference = _REFERENCE.fullmatch(token)
        if reference and int(reference[1]) > wildcards:
            yield f"{token} in {local!r} refers to no * of {subject!r}"
        elif token == "*" or reference:
            used += 1
    if used != wildcards:
        yield f"local subject {local!r} does not use each * of {subject!r}"


def _token(importer: str, import_: ImportClaims) -> Iterator[str]:
    from pubsub.auth.jwt.codec import decode_activation

    try:
        activation = decode_activation(import_.token)
    except CredentialsError:
        yield f"import {import_.subject!r} contains an invalid activation token"
        return
    if import_.account not in (activation.issuer, activation.issuer_account):
        yield f"activation token doesn't match account for import {import_.subject!r}"
    if activation.subject != importer:
        yield (
            f"activation token doesn't match account it is being included in, {import_.subject!r}"
        )
    if activation.kind != import_.type:
        yield f"activation token is for a {activation.kind}, import is a {import_.type}"
    yield from activation_problems(activation)
    there = import_.to if import_.type == "service" and import_.to else import_.subject
    if not is_contained(there, activation.import_subject):
        yield (
            f"activation token import subject {activation.import_subject!r} doesn't match "
            f"import {import_.subject!r}"
        )


def _exports(exports: Sequence[ExportClaims]) -> Iterator[str]:
    for export in exports:
        yield from _export(export)
    for kind in ("service", "stream"):
        subjects = [
            export.subject
            for export in exports
            if (export.type == "service") == (kind == "service")
        ]
        patterns = [(at, s) for at, s in enumerate(subjects) if _has_wildcards(s)]
        seen: set[str] = set()
        for at, subject in enumerate(subjects):
            # literal subjects only meet their likes and patterns: not all pairs are looked at
            if subject in seen or any(
                place != at and other != subject and is_contained(subject, other)
                for place, other in patterns
            ):
                yield f"{kind} export subject {subject!r} is exported already"
            seen.add(subject)


def _export(export: ExportClaims) -> Iterator[str]:
    service = export.type == "service"
    if not export.type:
        yield "invalid export type: 'unknown'"
    if service and export.response_type not in ("", "Singleton", "Stream", "Chunked"):
        yield f"invalid response type for service: {export.response_type!r}"
    if export.type == "stream":
        if export.response_type:
            yield f"invalid response type for stream: {export.response_type!r}"
        if export.allow_trace:
            yield "allow_trace is for service exports only"
    if export.latency is not None:
        yield from _latency(service, *export.latency)
    if export.response_threshold < 0:
        yield "negative response threshold is invalid"
    elif export.response_threshold and not service:
        yield "response threshold only valid for services"
    yield from _subject(export.subject)
    if export.account_token_position:
        tokens = export.subject.split(".")
        at = export.account_token_position - 1
        if at >= len(tokens) or tokens[at] != "*":
            yield f"account token position {at + 1} is not that of a * in {export.subject!r}"


def _latency(service: bool, results: str, sampling: int) -> Iterator[str]:
    if not service:
        yield "latency tracking only permitted for services"
    if not 0 <= sampling <= 100:
        yield "sampling percentage needs to be between 1-100"
    yield from _subject(results)
    if _has_wildcards(results):
        yield "results subject can not contain wildcards"


# --- the rest of an account ----------------------------------------------------------------


def _mapping(source: str, destinations: Iterable[WeightedMapping]) -> Iterator[str]:
    yield from _subject(source)
    totals: dict[str, int] = {}
    for destination in destinations:
        yield from _subject(destination.subject)
        totals[destination.cluster] = totals.get(destination.cluster, 0) + destination.weight
    if any(total > 100 for total in totals.values()):
        yield f"mapping {source!r} exceeds 100% among its destinations"


def _authorization(authorization: ExternalAuthorization) -> Iterator[str]:
    allowed = authorization.allowed_accounts
    if allowed and not authorization.auth_users:
        yield "external authorization cannot have accounts without users specified"
    for user in authorization.auth_users:
        if not is_user(user):
            yield f"auth user {user!r} is not a valid user public key"
    for account in allowed:
        if account == ANYBODY:
            if len(allowed) > 1:
                yield 'allowed accounts are a list of accounts, or "*" alone'
        elif not is_account(account):
            yield f"account {account!r} is not a valid account public key"
    if authorization.xkey and not is_curve(authorization.xkey):
        yield f"xkey {authorization.xkey!r} is not a valid public xkey"


def _trace(destination: str, sampling: int) -> Iterator[str]:
    yield from _subject(destination)
    if _has_wildcards(destination):
        yield f"trace destination {destination!r} is not a valid publish subject"
    if not 0 <= sampling <= 100:
        yield f"trace sampling {sampling} is not between 1 and 100"


def _counts(claims: AccountClaims) -> Iterator[str]:
    limits = claims.limits
    if limits.imports != NO_LIMIT and len(claims.imports) > limits.imports:
        yield "the account contains more imports than allowed by the operator"
    if limits.exports == NO_LIMIT:
        return
    if len(claims.exports) > limits.exports:
        yield "the account contains more exports than allowed by the operator"
    if not limits.wildcard_exports and any(_has_wildcards(e.subject) for e in claims.exports):
        yield "the account contains wildcard exports that are not allowed by the operator"


def _info(claims: AccountClaims) -> Iterator[str]:
    if len(claims.description) > _MAX_INFO:
        yield "description is too long"
    if claims.info_url:
        if len(claims.info_url) > _MAX_INFO:
            yield "info URL is too long"
        try:
            url = urlsplit(claims.info_url)
            wrong = not url.scheme or not url.hostname
        except ValueError:
            wrong = True
        if wrong:
            yield "info URL cannot be read"
