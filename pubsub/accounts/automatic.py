"""What every account may ask of the system account without importing it.

``$SYS.REQ.ACCOUNT.PING.CONNZ`` and the others are imports nobody writes: the subject over
there names the account that asks, so that each learns about itself only. What somebody
exports or imports in so many words comes first (nats-server: ``events.go``,
``addSystemAccountExports`` and ``registerSystemImports``).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from pubsub.accounts.exports import encode
from pubsub.router.subjects import is_subset
from pubsub.values.accounts import (
    AccountOptions,
    Export,
    ResponseType,
    ServiceExport,
    ServiceImport,
)

__all__ = ["automatic_exports", "automatic_imports"]

_CONNZ = "$SYS.REQ.ACCOUNT.%s.CONNZ"
_STATZ = "$SYS.REQ.ACCOUNT.%s.STATZ"
_USER_INFO = "$SYS.REQ.USER.%s.INFO"
_SUBSCRIBERS = "$SYS.DEBUG.SUBSCRIBERS"

#: of the system account; the importer's name is the fourth token
_EXPORTS: tuple[ServiceExport, ...] = (
    ServiceExport(_CONNZ % "*", account_token_position=4, response_type=ResponseType.STREAM),
    ServiceExport(_STATZ % "*", account_token_position=4, response_type=ResponseType.STREAM),
    ServiceExport(_SUBSCRIBERS),
    # the service itself looks at who asks
    ServiceExport(_USER_INFO % "*"),
)
#: what is published here, what it becomes there, and whether the service is told who asks
_IMPORTS = (
    ("$SYS.REQ.ACCOUNT.PING.CONNZ", _CONNZ, False),
    ("$SYS.REQ.SERVER.PING.CONNZ", _CONNZ, False),
    ("$SYS.REQ.ACCOUNT.PING.STATZ", _STATZ, False),
    ("$SYS.REQ.USER.INFO", _USER_INFO, True),
)


def automatic_exports(exports: Iterable[Export]) -> Sequence[ServiceExport]:
    """What the system account exports besides ``exports``, its own."""
    services = [encode(e.subject) for e in exports if isinstance(e, ServiceExport)]
    return [
        export
        for export in _EXPORTS
        if not any(is_subset(encode(export.subject), own) for own in services)
    ]


def automatic_imports(account: AccountOptions, system_account: str) -> Sequence[ServiceImport]:
    """What ``account`` imports from the system account besides what it says itself."""
    own = {
        import_.to or import_.subject
        for import_ in account.imports
        if isinstance(import_, ServiceImport) and import_.account == system_account
    }
    # The system account itself has the servers' own subjects, and needs but one.
    wanted = _IMPORTS[-1:] if account.name == system_account else _IMPORTS
    return [
        ServiceImport(system_account, there % account.name, here, share)
        for here, there, share in wanted
        if here not in own
    ]
