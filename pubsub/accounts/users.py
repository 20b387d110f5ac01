"""The users of the lists: ``authorization { users }``, each account's, and those a program adds.

The list authenticators read this table when a client connects; a reload replaces what is in
it, and the live API (:mod:`pubsub.accounts.live`) adds and drops single users. Whoever
listens is told which user changed, and looks after the clients that are connected as it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from pubsub.errors import ConfigError
from pubsub.values.accounts import UserOptions

__all__ = ["UserListener", "Users", "user_key"]

#: ``listener(key, user)``: the user of that name or public key is new, or another one now,
#: or dropped (``None``)
UserListener = Callable[[str, UserOptions | None], None]


def user_key(user: UserOptions) -> str:
    """What a user is known by: its public key if it has one, else its name."""
    return user.nkey or user.user


class Users:
    """Users by name and by public key; one key is one user.

    :param users: those there are in the beginning, in the order of asking.
    :raises pubsub.errors.ConfigError: two are called alike, or one has neither name nor key.
    """

    def __init__(self, users: Iterable[UserOptions] = ()) -> None:
        self._names: dict[str, UserOptions] = {}
        self._nkeys: dict[str, UserOptions] = {}
        self._listeners: list[UserListener] = []
        self.replace_all(users)

    def __iter__(self) -> Iterator[UserOptions]:
        """Users with names first, then those with keys, in the order they came."""
        yield from self._names.values()
        yield from self._nkeys.values()

    def __len__(self) -> int:
        return len(self._names) + len(self._nkeys)

    def by_name(self, name: str) -> UserOptions | None:
        """The user who logs in with that name."""
        return self._names.get(name)

    def by_nkey(self, nkey: str) -> UserOptions | None:
        """The user who logs in with that public key."""
        return self._nkeys.get(nkey)

    def find(self, key: str) -> UserOptions | None:
        """The user of that name or public key."""
        return self._nkeys.get(key) or self._names.get(key)

    def listen(self, listener: UserListener) -> None:
        """Tell ``listener`` of each user that changes from now on, after the change."""
        self._listeners.append(listener)

    def replace_all(self, users: Iterable[UserOptions]) -> None:
        """Forget all, and take these; listeners hear only of those that differ.

        :raises pubsub.errors.ConfigError: two are called alike, or one has neither name nor
            key; nothing was changed.
        """
        names: dict[str, UserOptions] = {}
        nkeys: dict[str, UserOptions] = {}
        for user in users:
            table, key = (nkeys, user.nkey) if user.nkey else (names, _name(user))
            if key in table:
                raise ConfigError(f"Duplicate user {key!r} detected")
            table[key] = user
        changed = _changes(self._names, names) + _changes(self._nkeys, nkeys)
        self._names, self._nkeys = names, nkeys
        for key, changed_user in changed:
            self._tell(key, changed_user)

    def add(self, user: UserOptions) -> None:
        """Add a user, or change the one of that name or key.

        :raises pubsub.errors.ConfigError: it has neither name nor key.
        """
        table, key = (self._nkeys, user.nkey) if user.nkey else (self._names, _name(user))
        if table.get(key) != user:
            table[key] = user
            self._tell(key, user)

    def drop(self, key: str) -> bool:
        """Forget the user of that name or public key; False if there was none."""
        if self._nkeys.pop(key, None) is None and self._names.pop(key, None) is None:
            return False
        self._tell(key, None)
        return True

    def _tell(self, key: str, user: UserOptions | None) -> None:
        for listener in tuple(self._listeners):
            listener(key, user)


def _name(user: UserOptions) -> str:
    if not user.user:
        raise ConfigError("A user needs a name or an nkey")
    return user.user


def _changes(
    old: dict[str, UserOptions], new: dict[str, UserOptions]
) -> list[tuple[str, UserOptions | None]]:
    gone: list[tuple[str, UserOptions | None]] = [(key, None) for key in old if key not in new]
    return gone + [(key, user) for key, user in new.items() if old.get(key) != user]
