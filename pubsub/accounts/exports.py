"""Who may import what: the exports of an account, and the rules for those who ask.

The rules are nats-server's (``accounts.go``: ``checkStreamExportApproved``,
``checkServiceExportApproved``, ``checkAuth``, ``setExportAuth``). An export that is called
exactly as the import decides before one that merely covers it; of those, the first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import NamedTuple

from pubsub.errors import ConfigError
from pubsub.router.subjects import is_subset, is_valid, is_valid_literal
from pubsub.values.accounts import (
    AccountOptions,
    Export,
    ResponseType,
    ServiceExport,
    ServiceImport,
    StreamExport,
    StreamImport,
)

__all__ = [
    "ActivationCheck",
    "Verdict",
    "check_exports",
    "encode",
    "find_export",
    "is_revoked",
    "judge",
    "usable",
]

#: ``check(importer, import_, export, exporter)``: ``False`` or ``None`` if the import's
#: token does not count; ``True`` or 0.0 if it does; or epoch seconds until when it does
ActivationCheck = Callable[
    [AccountOptions, "StreamImport | ServiceImport", Export, AccountOptions],
    "float | bool | None",
]


class Verdict(NamedTuple):
    """Whether an import is allowed."""

    #: what it is allowed by, ``None`` if it is not allowed
    export: Export | None
    #: epoch seconds after which it is not any more, 0.0 for never
    until: float = 0.0


REFUSED = Verdict(None)


def encode(subject: str) -> bytes:
    """A subject of the options as the router has it."""
    return subject.encode("utf-8", "surrogateescape")


def find_export(
    exports: Iterable[Export], subject: str, kind: type[StreamExport] | type[ServiceExport]
) -> Export | None:
    """The export of that kind that ``subject`` is of, ``None`` without one."""
    covering: Export | None = None
    wanted = encode(subject)
    for export in exports:
        if not isinstance(export, kind):
            continue
        if export.subject == subject:
            return export
        if covering is None and is_subset(wanted, encode(export.subject)):
            covering = export
    return covering


def judge(
    importer: AccountOptions,
    import_: StreamImport | ServiceImport,
    exporter: AccountOptions,
    check_activation: ActivationCheck | None = None,
    exports: Iterable[Export] | None = None,
) -> Verdict:
    """Whether ``exporter`` lets ``importer`` have this.

    :param exports: in place of those of ``exporter``.
    """
    kind = StreamExport if isinstance(import_, StreamImport) else ServiceExport
    if not is_valid(encode(import_.subject)):
        return REFUSED
    offered = exporter.exports if exports is None else exports
    export = find_export(offered, import_.subject, kind)
    if export is None:
        return REFUSED
    if export.account_token_position > 0:
        # An import that names the wildcard itself would be one of everybody's messages.
        row = [] if export.subject == import_.subject else import_.subject.split(".")
        at = export.account_token_position - 1
        return Verdict(export) if at < len(row) and row[at] == importer.name else REFUSED
    if export.token_required:
        return _activated(importer, import_, export, exporter, check_activation)
    if export.accounts is None or importer.name in export.accounts:
        return Verdict(export)
    return REFUSED


def _activated(
    importer: AccountOptions,
    import_: StreamImport | ServiceImport,
    export: Export,
    exporter: AccountOptions,
    check: ActivationCheck | None,
) -> Verdict:
    if check is None or not import_.token:
        return REFUSED
    outcome = check(importer, import_, export, exporter)
    if outcome is None or outcome is False:
        return REFUSED
    return Verdict(export, 0.0 if outcome is True else float(outcome))


def is_revoked(export: Export, importer: str, issued_at: int) -> bool:
    """Whether activations for ``importer`` issued at that time (epoch seconds) are revoked."""
    return any(
        key in export.revocations and export.revocations[key] >= issued_at
        for key in (importer, "*")
    )


def check_exports(account: AccountOptions) -> None:
    """Refuse exports that cannot be.

    :raises pubsub.errors.ConfigError: a subject, position or latency option is wrong; the text
        ends as nats-server's does.
    """
    for number, export in enumerate(account.exports):
        path = ("accounts", account.name, "exports", number)
        kind = "service" if isinstance(export, ServiceExport) else "stream"
        wrong = _wrong(export)
        if wrong:
            refusal = ConfigError(
                f'Error adding {kind} export "{export.subject}" of account '
                f'"{account.name}": {wrong}'
            )
            refusal.path = path
            raise refusal
        if isinstance(export, ServiceExport) and export.latency is not None:
            wrong = _wrong_latency(account, export)
            if wrong:
                refusal = ConfigError(
                    f'Error adding service latency sampling for "{export.subject}" of account '
                    f'"{account.name}" on subject "{export.latency.subject}": {wrong}'
                )
                refusal.path = (*path, "latency")
                raise refusal


def usable(account: AccountOptions, export: ServiceExport) -> ServiceExport:
    """``export``, without latency tracking if that cannot be: JWTs are not refused for it."""
    if export.latency is not None and _wrong_latency(account, export):
        return replace(export, latency=None)
    return export


def _wrong(export: Export) -> str:
    if not is_valid(encode(export.subject)):
        return "invalid subject"
    position = export.account_token_position
    if position:
        row = export.subject.split(".")
        if not 0 < position <= len(row) or row[position - 1] != "*":
            return "invalid subject: account_token_position is not that of a * wildcard"
    return ""


def _wrong_latency(account: AccountOptions, export: ServiceExport) -> str:
    latency = export.latency
    assert latency is not None
    if not 0 <= latency.sampling <= 100:
        return "bad sampling percentage, should be 1-100"
    if not is_valid_literal(encode(latency.subject)):
        return "invalid publish subject"
    if find_export(account.exports, latency.subject, ServiceExport) is not None:
        # a request for each measurement, and a measurement of each request
        return "invalid publish subject"
    if export.response_type is not ResponseType.SINGLETON:
        return "bad service response type"
    return ""
