"""What another server wants to hear: RS+, RS-, LS+ and LS- on routes, read and obeyed.

Shapes (nats-server: processRemoteSub, parseUnsubProto)::

    RS+ [account] subject [queue weight]      RS- [account] subject [queue]
    LS+ origin [account] subject [queue weight]
    LS- origin [account] subject [queue]      without origin from servers before 2.11

The account is left out on a connection that is for one account only.
"""

from __future__ import annotations

from typing import NamedTuple

from pubsub.errors import MalformedArguments, go_quote

__all__ = ["Wanted", "interest_line", "parse_interest"]

#: A weight has to fit nats-server's int32, and nothing sensible is near that.
_MAX_WEIGHT = 2**31 - 1
#: Digits nats-server reads in a number.
_MAX_DIGITS = 9


class Wanted(NamedTuple):
    """One line, understood."""

    origin: bytes
    account: str
    subject: bytes
    queue: bytes
    #: members of the queue group there; 1 for plain subjects
    weight: int


def parse_interest(verb: bytes, argument: bytes, account: str, origins: bool) -> Wanted:
    """What a line says.

    :param verb: ``b"RS+"``, ``b"RS-"``, ``b"LS+"`` or ``b"LS-"``.
    :param account: of the connection, ``""`` if lines name it.
    :param origins: the peer's LS- lines have an origin.
    :raises MalformedArguments: it has too few fields, or too many.
    """
    fields = argument.split()
    if verb == b"RS+" and not account and len(fields) == 2:
        # what nearly all lines are like
        return Wanted(b"", fields[0].decode("utf-8", "surrogateescape"), fields[1], b"", 1)
    adding = verb.endswith(b"+")
    origin = b""
    rest = list(fields)
    if verb.startswith(b"L") and (adding or origins):
        origin = rest.pop(0) if rest else b""
        if not origin:
            raise _malformed(verb, argument)
    if not account and rest:
        account = rest.pop(0).decode("utf-8", "surrogateescape")
    sizes = (1, 3) if adding else (1, 2)
    if not account or len(rest) not in sizes:
        raise _malformed(verb, argument)
    queue = rest[1] if len(rest) > 1 else b""
    weight = _weight(rest[2]) if len(rest) > 2 else 1
    return Wanted(origin, account, rest[0], queue, weight)


def _weight(text: bytes) -> int:
    """A number as nats-server reads it; what is none counts as one member."""
    if not text.isdigit() or len(text) > _MAX_DIGITS:
        return 1
    return min(max(1, int(text)), _MAX_WEIGHT)


def _malformed(verb: bytes, argument: bytes) -> MalformedArguments:
    if verb.endswith(b"+"):
        shown = go_quote(argument).strip('"')
        return MalformedArguments(f"processRemoteSub Parse Error: '{shown}'")
    shown = go_quote(argument).strip('"')
    return MalformedArguments(f"processRemoteUnsub parse error: '{shown}'")


def interest_line(
    account: bytes,
    origin: bytes,
    subject: bytes,
    queue: bytes,
    count: int,
    *,
    lnoc: bool,
    lnocu: bool,
) -> bytes:
    """The line that tells another server of our interest, or, with a count of 0, of its end.

    :param account: ``b""`` on a connection that is for one account.
    :param lnoc: the peer understands LS+ and LS-; :param lnocu: with an origin in LS-.
    """
    if account and count and not queue and not origin:
        # what nearly all lines are like
        return b"RS+ %b %b\r\n" % (account, subject)
    sign = b"+" if count else b"-"
    if origin and lnoc:
        words = [b"LS" + sign]
        if count or lnocu:
            words.append(origin)
    else:
        words = [b"RS" + sign]
    if account:
        words.append(account)
    words.append(subject)
    if queue:
        words.append(queue)
        if count:
            words.append(b"%d" % count)
    return b" ".join(words) + b"\r\n"
