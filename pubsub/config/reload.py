"""What a reload may change, and what it would change.

``diff`` compares two configurations and says which attributes differ; the caller applies
them. An option that needs a restart makes it refuse the whole reload, so that a server never
runs half of a configuration. Which options these are is a column of the table.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any

from pubsub.config.complete import IMPLIED_USER
from pubsub.config.durations import format_duration
from pubsub.config.options import RANDOM_PORT, GatewayOptions, Options, TlsOptions
from pubsub.config.redact import shown
from pubsub.config.reload_leafnodes import check_leafnodes
from pubsub.config.row import NESTING, Option, ValueKind
from pubsub.config.table import TABLE
from pubsub.errors import ReloadRefused

__all__ = ["Change", "diff"]


@dataclass(frozen=True)
class Change:
    """One attribute that differs.

    :ivar path: ``"max_payload"``, ``"tls.cert_file"``; ``"tls"`` when the block came or went.
    :ivar old: as in Options; never log it, see :attr:`shown_old`.
    """

    path: str
    old: Any
    new: Any

    @property
    def shown_old(self) -> Any:
        """The old value without secrets."""
        return shown(self.path, self.old)

    @property
    def shown_new(self) -> Any:
        """The new value without secrets."""
        return shown(self.path, self.new)


def diff(old: Options, new: Options) -> list[Change]:
    """What changed, in the order of the table.

    A port that was and is left to the kernel has not changed, whatever number it is.

    :raises ReloadRefused: for the first option that cannot change while the server runs.
    """
    changes = []
    if (old.tls is None) != (new.tls is None):
        changes.append(Change("tls", old.tls, new.tls))
    if old.dont_listen != new.dont_listen:
        raise ReloadRefused("DontListen", _worded(old.dont_listen), _worded(new.dont_listen))
    if (old.resolver is None) != (new.resolver is None):
        raise ReloadRefused(
            "AccountResolver",
            shown("resolver", old.resolver),
            shown("resolver", new.resolver),
            "config reload does not support moving to or from an account resolver",
        )
    _check_cluster(old, new)
    check_leafnodes(old.leafnodes, new.leafnodes)
    _check_gateway(old, new)
    for row in TABLE:
        path = row.stored_as
        if path is None:
            continue
        if path.startswith("tls.") and row.reloadable and None in (old.tls, new.tls):
            # the change of the whole block says it
            continue
        before, after = _attribute(old, path), _attribute(new, path)
        if before == after or (row.kind is ValueKind.PORT and after == RANDOM_PORT):
            continue
        may_change = row.reloadable or path == "gateway"  # of which the rest was compared above
        if not may_change and not (path == "no_auth_user" and _may_change_user(old, new)):
            raise ReloadRefused(
                row.go_name or row.path, _as_go(row, path, before), _as_go(row, path, after)
            )
        changes.append(Change(path, before, after))
    return changes


#: Of the cluster block, what needs a restart, and how nats-server calls it
_FIXED = {
    "name": "Cluster.Name",
    "host": "Cluster.Host",
    "port": "Cluster.Port",
    "pool_size": "Cluster.PoolSize",
    "accounts": "Cluster.PinnedAccounts",
}


def _check_cluster(old: Options, new: Options) -> None:
    """Routes may come and go, and change in almost everything but where we listen.

    :raises ReloadRefused: in something else.
    """
    for name, go_name in _FIXED.items():
        before, after = getattr(old.cluster, name), getattr(new.cluster, name)
        if before != after and not (name == "port" and RANDOM_PORT in (before, after)):
            raise ReloadRefused(go_name, _worded(before), _worded(after))
    if (old.cluster.tls is None) != (new.cluster.tls is None):
        raise ReloadRefused("Cluster.TLSConfig", "", "", "config reload not supported for Cluster")


def _check_gateway(old: Options, new: Options) -> None:
    """Gateways stay as they are, but for their certificates.

    :raises ReloadRefused: something else is another now.
    """
    before, after = _without_certificates(old.gateway), _without_certificates(new.gateway)
    for attribute in fields(GatewayOptions):
        name = attribute.name
        if getattr(before, name) != getattr(after, name):
            texts = (_worded(shown("gateway", each)[name]) for each in (before, after))
            raise ReloadRefused(f"Gateway.{name.title().replace('_', '')}", *texts)


def _without_certificates(gateway: GatewayOptions) -> GatewayOptions:
    def bare(tls: TlsOptions | None) -> TlsOptions | None:
        return None if tls is None else TlsOptions(timeout=tls.timeout)

    remotes = tuple(replace(remote, tls=bare(remote.tls)) for remote in gateway.gateways)
    return replace(gateway, tls=bare(gateway.tls), gateways=remotes)


def _may_change_user(old: Options, new: Options) -> bool:
    """Whether ``no_auth_user`` may become what it is in ``new``.

    It may go together with the user it names, and what only follows from other options may
    come and go with them.
    """
    if new.no_auth_user == IMPLIED_USER:
        return not old.no_auth_user
    gone = all(old.no_auth_user != user.user for user in new.users)
    return not new.no_auth_user and gone


def _attribute(options: Options, path: str) -> Any:
    value: Any = options
    for name in path.split(NESTING):
        value = getattr(value, name)
        if value is None and path.startswith("tls."):
            value = TlsOptions()
    return value


def _as_go(row: Option, path: str, value: object) -> str:
    """The value as nats-server prints it in a refusal; a secret is redacted."""
    if row.unit == "seconds" and isinstance(value, float):
        return format_duration(value)
    return _worded(shown(path, value))


def _worded(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return f"[{' '.join(map(_worded, value))}]"
    return str(value)
