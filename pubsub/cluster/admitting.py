"""User and password of other servers."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from pubsub.errors import AuthorizationViolation, go_quote

if TYPE_CHECKING:
    from pubsub.cluster.connection import ServerConnection

__all__ = ["admit"]


def admit(
    connection: ServerConnection,
    wanted: tuple[str, str],
    said: tuple[str, str],
    option: str,
    known: Callable[[], None],
) -> None:
    """Call ``known()`` if the other server said what it has to say, at once or later.

    Otherwise, or if that takes time and it goes meanwhile, it is not called.

    :param wanted: user and password, which may be a bcrypt or argon2 hash; without a user,
        nothing has to be said.
    :param option: where the password stands in the configuration.
    """
    user, password = wanted
    if not user:
        known()
        return
    # most servers have no password of their own: they do not load what this needs
    from pubsub.auth.passwords import Secret

    secret = Secret(password, option)
    if said[0] != user:
        _refuse(connection, said[0])
        return
    if not secret.slow:
        if secret.matches(said[1]):
            known()
        else:
            _refuse(connection, said[0])
        return
    link = connection.link
    assert link is not None
    link.pause_input()

    def decided(matches: bool) -> None:
        if connection.closed_state is not None:
            return
        if matches:
            known()
        else:
            _refuse(connection, said[0])
        link.resume_input()
        connection.table.flush_soon()

    checked = secret.matches_later(said[1], connection.server.defer_to_thread)
    checked.addErrback(lambda failure: False)
    checked.addCallback(decided)


def _refuse(connection: ServerConnection, user: str) -> None:
    shown = go_quote(user.encode("utf-8", "replace"))
    connection.fault(AuthorizationViolation(f"authentication error - User {shown}"))
