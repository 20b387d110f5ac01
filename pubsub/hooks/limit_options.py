"""What ``rate_limit`` was told: rates of users and accounts, and what happens above them.

.. code-block:: text

    hooks: [{ plugin: rate_limit, options: {
      over: error                         # or drop, wait, disconnect
      burst: 2                            # seconds of a rate that may be saved; 1 if not given
      user: { messages: 1000, bytes: 1MB, connections: 5 }       # each user, a second
      account: { messages: 20000 }                               # each account
      users: { ann: { messages: 10 } }                           # instead of user, for ann
      accounts: { SALES: { messages: 50000, bytes: 100MB } }
    }}]

A rate that is not given, or 0, is no limit.
"""

from __future__ import annotations

import difflib
import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from pubsub.errors import InvalidOption

__all__ = ["LimitOptions", "Over", "Rates", "read_limits"]


class Over(enum.Enum):
    """What happens to a message above the limit."""

    #: it is dropped, and the publisher is told, once a second at most
    ERROR = "error"
    #: it is dropped
    DROP = "drop"
    #: it passes, and nothing more of the publisher is served until the rate is kept again
    WAIT = "wait"
    #: it is dropped, and the publisher is closed
    DISCONNECT = "disconnect"


class Rates(NamedTuple):
    """A second; 0 for any number."""

    messages: float = 0.0
    bytes: float = 0.0
    connections: float = 0.0


NO_LIMITS = Rates()


@dataclass(frozen=True)
class LimitOptions:
    """The options of ``rate_limit``, checked."""

    over: Over = Over.ERROR
    #: seconds of a rate that may be saved
    burst: float = 1.0
    user: Rates = NO_LIMITS
    account: Rates = NO_LIMITS
    users: Mapping[str, Rates] = field(default_factory=dict)
    accounts: Mapping[str, Rates] = field(default_factory=dict)

    def of_user(self, name: str) -> Rates:
        """The rates of one user."""
        return self.users.get(name, self.user)

    def of_account(self, name: str) -> Rates:
        """The rates of one account."""
        return self.accounts.get(name, self.account)


_KEYS = ("over", "burst", "user", "account", "users", "accounts")


def read_limits(options: Mapping[str, object]) -> LimitOptions:
    """What the options say.

    :raises pubsub.errors.InvalidOption: they say something else.
    """
    _check_keys("rate_limit", options, _KEYS)
    return LimitOptions(
        _over(options.get("over", Over.ERROR.value)),
        _number("burst", options.get("burst", 1.0), least=0.001),
        _rates("user", options.get("user", {})),
        _rates("account", options.get("account", {})),
        _named("users", options.get("users", {})),
        _named("accounts", options.get("accounts", {})),
    )


def _over(value: object) -> Over:
    words = [over.value for over in Over]
    if value not in words:
        raise InvalidOption(f"rate_limit: over is {value!r}; it may be {', '.join(words)}")
    return Over(value)


def _named(what: str, value: object) -> Mapping[str, Rates]:
    rows = _map(what, value)
    return {name: _rates(f"{what}.{name}", row) for name, row in rows.items()}


def _rates(what: str, value: object) -> Rates:
    row = _map(what, value)
    _check_keys(f"rate_limit: {what}", row, Rates._fields)
    return Rates(**{key: _number(f"{what}.{key}", number) for key, number in row.items()})


def _map(what: str, value: object) -> Mapping[str, object]:
    if not isinstance(value, Mapping):
        raise InvalidOption(f"rate_limit: {what} must be a map, {{ name: value }}")
    return value


def _number(what: str, value: object, least: float = 0.0) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not value >= least:
        raise InvalidOption(f"rate_limit: {what} is {value!r}; it must be a number from {least:g}")
    return float(value)


def _check_keys(what: str, row: Mapping[str, object], known: tuple[str, ...]) -> None:
    for key in row:
        if key not in known:
            near = difflib.get_close_matches(key, known, n=1)
            hint = f"; did you mean {near[0]}?" if near else f"; it knows {', '.join(known)}"
            raise InvalidOption(f"{what}: unknown option {key!r}{hint}")
