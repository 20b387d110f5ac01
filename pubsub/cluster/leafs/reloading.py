"""The ``leafnodes`` block is another one now: remotes come and go, users do.

nats-server (leafNodeOption, since 2.14) knows a remote by its account, its credentials and its
URLs, and lets it be added, removed, disabled, and have other TLS. The rest it refuses to reload;
here a remote that is changed in what both ends have agreed on gets a new link.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

from twisted.logger import Logger

from pubsub.cluster.leafs.remote import LeafRemote
from pubsub.config.options import LeafNodeOptions, LeafRemoteOptions
from pubsub.errors import ClosedState

if TYPE_CHECKING:
    from pubsub.cluster.leafs.context import LeafContext
    from pubsub.cluster.leafs.protocol import LeafProtocol

__all__ = ["change_remotes", "check_accepted"]

_log = Logger()


def change_remotes(
    context: LeafContext, remotes: Iterable[LeafRemote], wanted: Iterable[LeafRemoteOptions]
) -> list[LeafRemote]:
    """Make the remotes those that are wanted now; all of these, in that order."""
    present = {remote.options.key: remote for remote in remotes}
    wanted = tuple(wanted)
    for key in present.keys() - {options.key for options in wanted}:
        remote = present.pop(key)
        _stop(remote)
        _say("{remote} removed", remote.options)
    kept = []
    for options in wanted:
        known = present.get(options.key)
        if known is None:
            known = LeafRemote(context, options)
            _say("{remote} added", options)
            known.start()
        elif options != known.options:
            _change(known, options)
        kept.append(known)
    return kept


def _change(remote: LeafRemote, options: LeafRemoteOptions) -> None:
    old, remote.options = remote.options, options
    if old.disabled != options.disabled:
        _say(f"{{remote}} Disabled value is: {str(options.disabled).lower()}", options)
    else:
        _say("{remote} changed", options)
    if options.disabled:
        _stop(remote)
    elif old.disabled:
        remote.start()
    elif remote.leaf is not None and _agreed(old) != _agreed(options):
        # it comes back by itself, as what it is now
        remote.leaf.close(ClosedState.CLIENT_CLOSED)


def _stop(remote: LeafRemote) -> None:
    leaf = remote.stop()
    if leaf is not None:
        leaf.close(ClosedState.CLIENT_CLOSED)


def _agreed(options: LeafRemoteOptions) -> LeafRemoteOptions:
    """Without what only the next attempt to connect looks at."""
    return replace(
        options,
        tls=None,
        proxy=None,
        no_randomize=False,
        first_info_timeout=0.0,
        dial_timeout=0.0,
        ignore_discovered_servers=False,
    )


def _say(text: str, options: LeafRemoteOptions) -> None:
    _log.info(f"Reloaded: LeafNode Remote {text}", remote=options.shown)


def check_accepted(context: LeafContext, old: LeafNodeOptions) -> None:
    """Close the links of leaf nodes that could not connect any more as they did."""
    new = context.options
    changed = _listed(old) != _listed(new)
    known = _users(new)
    before = _users(old)
    trusted = context.client.options.trusted_proxies
    pins = new.tls.pinned_certs if new.tls is not None else frozenset()
    for leaf in list(context.linked.values()):
        if leaf.remote is not None:
            continue
        name = leaf.identity.nkey or leaf.identity.user
        gone = changed or (before and known.get(name) != before.get(name))
        if gone or _lacks_proxy(leaf, trusted, required=new.proxy_required and bool(known)):
            leaf.close(ClosedState.AUTHENTICATION_VIOLATION)
        elif pins and not _is_pinned(leaf, pins):
            leaf.log("Certificate is not pinned any more")
            leaf.close(ClosedState.TLS_HANDSHAKE_ERROR)


def _listed(options: LeafNodeOptions) -> bool:
    """Whether the listener has users of its own, who alone may connect."""
    return bool(options.user or options.nkey or options.users)


def _users(options: LeafNodeOptions) -> dict[str, tuple[str, str, bool]]:
    """Password, account and proxy_required by name."""
    if options.user:
        return {options.user: (options.password, options.account, False)}
    if options.nkey:
        return {options.nkey: ("", options.account, False)}
    return {user.user: (user.password, user.account, user.proxy_required) for user in options.users}


def _lacks_proxy(leaf: LeafProtocol, trusted: tuple[str, ...], *, required: bool) -> bool:
    key = leaf.identity.proxy_key
    return key not in trusted if key else required


def _is_pinned(leaf: LeafProtocol, pins: frozenset[str]) -> bool:
    certificates = leaf.tls.peer_certificates
    return bool(certificates) and certificates[0].spki_sha256 in pins
