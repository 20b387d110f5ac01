"""What must be right between leaf nodes and accounts (nats-server: validateLeafNode)."""

from __future__ import annotations

from pubsub.config.options import Options
from pubsub.config.places import Places
from pubsub.values.identity import GLOBAL_ACCOUNT
from pubsub.values.strkey import KeyKind, is_public_key

__all__ = ["validate_leafnodes"]

_USERS = "operator mode does not allow specifying users in leafnode config"
_REMOTE = (
    "operator mode requires account nkeys in remotes. Please add an `account` key to each remote"
    " in your `leafnodes` section, to assign it to an account. Each account value should be a 56"
    " character public key, starting with the letter 'A'"
)
_LISTENER = "operator mode and non account nkeys are incompatible"


def validate_leafnodes(options: Options, places: Places) -> None:
    """Check the accounts that leaf nodes are to be in.

    :raises InvalidOption: at the first that cannot be.
    """
    if options.operator or options.trusted_keys:
        _operator(options, places)
        return
    leafnodes = options.leafnodes
    known = {account.name for account in options.accounts} | {GLOBAL_ACCOUNT}
    if not options.no_system_account:
        known.add(options.system_account)

    def check(account: str, what: str, *path: str | int) -> None:
        if account not in known:
            raise places.error(
                f'cannot find local account "{account}" specified in leafnode {what}',
                ("leafnodes", *path),
            )

    check(leafnodes.account, "authorization", "authorization", "account")
    for place, user in enumerate(leafnodes.users):
        check(user.account, "authorization", "authorization", "users", place, "account")
    for place, remote in enumerate(leafnodes.remotes):
        check(remote.account, "remote", "remotes", place, "account")


def _operator(options: Options, places: Places) -> None:
    leafnodes = options.leafnodes
    if leafnodes.users:
        raise places.error(_USERS, "leafnodes.authorization.users")
    for place, remote in enumerate(leafnodes.remotes):
        if not is_public_key(remote.account, KeyKind.ACCOUNT):
            path = ("leafnodes", "remotes", place)
            raise places.error(_REMOTE, (*path, "account"), path)
    account = leafnodes.account
    named = account != GLOBAL_ACCOUNT
    if leafnodes.port and named and not is_public_key(account, KeyKind.ACCOUNT):
        raise places.error(_LISTENER, "leafnodes.authorization.account")
