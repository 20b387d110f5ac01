"""From an account's claims to what the server does about them.

(nats-server: ``updateAccountClaimsWithRefresh``, ``buildPermissionsFromJwt``,
``checkActivation``.)
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

from twisted.logger import Logger

from pubsub.accounts.exports import check_exports, is_revoked
from pubsub.auth.jwt.account_claims import AccountClaims, ExportClaims, ImportClaims
from pubsub.auth.jwt.claims import PermissionClaims
from pubsub.auth.jwt.codec import decode_activation
from pubsub.auth.jwt.validation import activation_problems, is_contained, time_problem
from pubsub.errors import ConfigError, CredentialsError
from pubsub.values.accounts import (
    AccountLimits,
    AccountOptions,
    Export,
    LatencyOptions,
    MappingEntry,
    ResponseType,
    ServiceExport,
    ServiceImport,
    StreamExport,
    StreamImport,
    WeightedDestination,
)
from pubsub.values.identity import Permissions, ResponsePermission

__all__ = ["account_options", "check_activation", "permissions_of"]

_log = Logger()

_NANOSECOND = 1e-9
#: nats-server's ``DEFAULT_SERVICE_EXPORT_RESPONSE_THRESHOLD``, seconds
_RESPONSE_THRESHOLD = 120.0

_RESPONSES = {"Stream": ResponseType.STREAM, "Chunked": ResponseType.CHUNKED}


def permissions_of(claims: PermissionClaims) -> Permissions | None:
    """The permissions in a user, a template or an account; ``None`` if there are none.

    Zeros in ``resp`` are nats-server's defaults: one message, two minutes.
    """
    if claims == PermissionClaims():
        return None
    responses = None
    if claims.responses is not None:
        count, nanoseconds = claims.responses
        defaults = ResponsePermission()
        responses = ResponsePermission(
            count or defaults.max_messages,
            nanoseconds * _NANOSECOND if nanoseconds else defaults.expires,
        )
    return Permissions(
        # An empty list in a JWT allows everything, except to who may respond.
        publish_allow=claims.publish_allow or (None if responses is None else ()),
        publish_deny=claims.publish_deny,
        subscribe_allow=claims.subscribe_allow or None,
        subscribe_deny=claims.subscribe_deny,
        responses=responses,
    )


def account_options(claims: AccountClaims) -> AccountOptions:
    """The account that these claims describe.

    Exports that cannot be are left out with a line in the log, as by nats-server. Which
    imports can be depends on other accounts: :mod:`pubsub.accounts` finds out.
    """
    limits = claims.limits
    options = AccountOptions(
        name=claims.subject,
        nkey=claims.subject,
        imports=tuple(_import(import_) for import_ in claims.imports),
        limits=AccountLimits(
            max_connections=limits.connections,
            max_subscriptions=limits.subscriptions,
            max_payload=limits.payload,
            max_leafnodes=limits.leafnodes,
        ),
        default_permissions=permissions_of(claims.default_permissions),
        mappings=tuple(
            MappingEntry(
                source,
                tuple(WeightedDestination(d.subject, d.weight, d.cluster) for d in destinations),
            )
            for source, destinations in claims.mappings.items()
        ),
        expires=float(claims.expires),
        name_tag=claims.name,
        claims=claims,
    )
    return _with_exports(options, claims)


def _with_exports(options: AccountOptions, claims: AccountClaims) -> AccountOptions:
    """``options`` with the exports that can be."""
    exports: list[StreamExport | ServiceExport] = []
    for written in claims.exports:
        export = _export(written)
        try:
            check_exports(replace(options, exports=(export,)))
        except ConfigError as error:
            if not isinstance(export, ServiceExport) or export.latency is None:
                _log.error("{error}", error=error)
                continue
            # a wrong wish to be measured does not take the service away
            _log.error("{error}", error=error)
            export = replace(export, latency=None)
        exports.append(export)
    return replace(options, exports=tuple(exports))


def _export(export: ExportClaims) -> StreamExport | ServiceExport:
    if export.type == "stream":
        return StreamExport(
            export.subject,
            token_required=export.token_required,
            account_token_position=export.account_token_position,
            revocations=export.revocations,
        )
    return ServiceExport(
        export.subject,
        token_required=export.token_required,
        account_token_position=export.account_token_position,
        revocations=export.revocations,
        response_type=_RESPONSES.get(export.response_type, ResponseType.SINGLETON),
        response_threshold=export.response_threshold * _NANOSECOND or _RESPONSE_THRESHOLD,
        latency=LatencyOptions(*export.latency) if export.latency is not None else None,
    )


def _import(import_: ImportClaims) -> StreamImport | ServiceImport:
    """The old ``to`` is a prefix for a stream, and the exporter's subject for a service."""
    there, here = import_.subject, import_.local_subject
    if import_.type == "stream":
        if not here and import_.to:
            here = f"{import_.to.rstrip('.')}.{there}"
        return StreamImport(import_.account, there, here, import_.token)
    if not here and import_.to:
        there, here = import_.to, import_.subject
    return ServiceImport(import_.account, there, here, import_.share, import_.token)


def check_activation(
    importer: AccountOptions,
    import_: StreamImport | ServiceImport,
    export: Export,
    exporter: AccountOptions,
    wall: Callable[[], float] = time.time,
) -> float | bool:
    """Whether the token of an import counts: False, True, or epoch seconds until when.

    It is an :data:`pubsub.accounts.exports.ActivationCheck`. The token must be the
    exporter's or one of its signing keys', be made for the importer and for at least this
    subject, and be neither expired nor revoked. Tokens are in the JWT: as nats-server since
    2.11, this server fetches none from URLs, which an account could point at anything.
    """
    try:
        claims = decode_activation(import_.token)
    except CredentialsError:
        return False
    now = wall()
    kind = "stream" if isinstance(import_, StreamImport) else "service"
    if (
        claims.subject != importer.name
        or claims.kind != kind
        or not _is_issued_by(claims.issuer, claims.issuer_account, exporter)
        or activation_problems(claims)
        or time_problem(claims, now)
        or 0 < claims.expires <= now
        or not is_contained(import_.subject, claims.import_subject)
        or is_revoked(export, claims.subject, claims.issued_at)
    ):
        return False
    return float(claims.expires) or True


def _is_issued_by(issuer: str, issuer_account: str, exporter: AccountOptions) -> bool:
    if not issuer_account:
        return issuer == exporter.name
    return (
        issuer_account == exporter.name
        and isinstance(exporter.claims, AccountClaims)
        and exporter.claims.issues(issuer)
    )
