# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""Requests to imported services that wait for their answers, and the end of those in vain.

They are found in two ways: in the exporting account by the reply the service was given, and in
the importing one by the reply that was asked for, since who unsubscribes from that needs no
answer any more. (nats-server: ``checkForReverseEntry``.)
"""

from libc.stdint cimport uint64_t

from twisted.logger import Logger

from pubsub.router.native.crossing cimport Pending
from pubsub.router.native.descriptors cimport replace
from pubsub.router.native.grave cimport leave
from pubsub.router.native.matching cimport lookup
from pubsub.router.native.types cimport Account, Core

_log = Logger(namespace="pubsub.router.native")

cdef enum:
    # Requests looked at when somebody unsubscribes from a pattern: nats-server goes through so
    # many at once. The others are found within a second.
    MOST_LOOKED_AT = 64


cdef int owe(Account* exporter, bytes given, Pending pending) except -1:
    """An answer on ``given`` in ``exporter`` is waited for."""
    cdef Account* importer = pending.importer
    cdef dict owed
    if exporter.responses == NULL:
        replace(&exporter.responses, {})
    if importer.owed == NULL:
        replace(&importer.owed, {})
    (<dict>exporter.responses)[given] = pending
    owed = <dict>importer.owed
    pending.exporter = exporter
    pending.given = given
    before = owed.get(pending.reply)
    if before is not None:
        pending.older = before
        (<Pending>before).newer = pending
    owed[pending.reply] = pending
    exporter.core.owing += 1
    return 0


cdef Pending settled(Account* exporter, bytes given):
    """It is not waited for any more; None if it was not."""
    cdef Pending pending
    if exporter.responses == NULL:
        return None
    found = (<dict>exporter.responses).pop(given, None)
    if found is None:
        return None
    pending = <Pending>found
    exporter.core.owing -= 1
    if pending.older is not None:
        pending.older.newer = pending.newer
    if pending.newer is not None:
        pending.newer.older = pending.older
    elif pending.older is not None:
        (<dict>pending.importer.owed)[pending.reply] = pending.older
    else:
        del (<dict>pending.importer.owed)[pending.reply]
    pending.older = pending.newer = None
    return pending


cdef str INTEREST_LOST = "interest lost"


cdef int give_up(Account* exporter, bytes reply, str reason) except -1:
    """Forget a request that waits for an answer."""
    cdef Pending pending = settled(exporter, reply)
    if pending is not None and pending.token is not None:
        try:
            pending.service.observer.unanswered(pending.token, reason)
        except Exception:
            _log.failure("measuring a service failed")
    if pending is not None and reason == INTEREST_LOST:
        give_up_all(exporter, reply)
    return 0


cdef int give_up_all(Account* importer, bytes reply) except -1:
    """Nobody needs what is answered on ``reply``, nor do services that ask others for it."""
    cdef Pending pending
    if importer.owed == NULL:
        return 0
    found = (<dict>importer.owed).get(reply)
    while found is not None:
        pending = <Pending>found
        give_up(pending.exporter, pending.given, INTEREST_LOST)
        found = (<dict>importer.owed).get(reply)
    return 0


cdef bint nobody(Account* importer, bytes wanted) except -1:
    """Whether nobody listens to a reply. Looking is not a message: the figures of /subsz stay."""
    cdef Core* core = importer.core
    cdef uint64_t matches = importer.matches
    cdef uint64_t hits = importer.hits
    core.depth += 1
    try:
        known = lookup(importer, wanted, <int>len(wanted))
        return known.plain + known.groups == 0
    finally:
        leave(core)
        importer.matches = matches
        importer.hits = hits


cdef list outdated(Account* exporter, double now):
    """The requests nobody needs an answer to any more: replies and reasons."""
    cdef Pending pending
    cdef list found = []
    for given, entry in (<dict>exporter.responses).items():
        pending = <Pending>entry
        if now - pending.since > pending.service.threshold:
            found.append((given, "timeout"))
        elif nobody(pending.importer, pending.reply):
            found.append((given, INTEREST_LOST))
    return found


cdef int lost(Account* account, bytes subject) except -1:
    """A subscription is gone: forget the requests whose answers nobody hears any more."""
    cdef dict owed
    cdef list wanted
    if account.owed == NULL or not <dict>account.owed:
        return 0
    owed = <dict>account.owed
    if subject in owed:
        wanted = [subject]
    elif b"*" not in subject and b">" not in subject or len(owed) > MOST_LOOKED_AT:
        return 0
    else:
        wanted = list(owed)
    for reply in wanted:
        if nobody(account, reply):
            give_up_all(account, reply)
    return 0
