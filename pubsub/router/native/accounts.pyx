# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""The accounts of a router: their structures, mappings, imports and the answers they wait for."""

from weakref import WeakValueDictionary

cimport cython
from cpython.ref cimport Py_INCREF, PyObject
from libc.stdint cimport uint64_t
from libc.stdlib cimport free

from pubsub.interfaces import PeerKind, TrafficCounters

from pubsub.router.native.crossing cimport Crossing, ServiceCrossing
from pubsub.router.native.descriptors cimport replace
from pubsub.router.native.index cimport free_account, insert, new_account, remove, subject_of
from pubsub.router.native.interest cimport ordered, shadows_ended
from pubsub.router.native.output cimport monotonic
from pubsub.router.native.permissions cimport Decisions
from pubsub.router.native.owing cimport give_up, outdated
from pubsub.router.native.shadows cimport add_shadows
from pubsub.router.native.text cimport classify_pattern, hash_bytes
from pubsub.router.native.types cimport (
    LEAF_KIND, ROUTE_KIND, SERVICE, Account, Conn, Core, Sub, Traffic,
)


@cython.no_gc_clear
cdef class NativeAccounts:
    """What a router knows of its accounts. :class:`engine.NativeRouter` is one."""

    def __cinit__(self, *arguments):
        self.core.router = <PyObject*>self
        self._accounts = {}
        self.core.nobody = new_account(&self.core, "")
        self._decisions = WeakValueDictionary()
        self._crossings = {}
        self._system = "$SYS"
        self._links = set()

    def __dealloc__(self):
        # Links hold a reference to their router: none is left.
        for address in self._accounts.values():
            free_account(<Account*><size_t>address)
        if self.core.nobody != NULL:
            free_account(self.core.nobody)

    cdef Conn* conn_of(self, object link) except NULL:
        raise NotImplementedError("the router knows its links")

    cdef int disown(self, object link) except -1:
        raise NotImplementedError("the router knows its links")

    cdef Account* account_for(self, str name) except NULL:
        address = self._accounts.get(name)
        if address is None:
            address = <size_t>new_account(&self.core, name)
            self._accounts[name] = address
            (<Account*><size_t>address).is_system = name == self._system
        return <Account*><size_t>address

    def accounts(self):
        return list(self._accounts)

    def account_counters(self, str account):
        cdef Account* at
        address = self._accounts.get(account)
        if address is None:
            return TrafficCounters(0, 0, 0, 0)
        at = <Account*><size_t>address
        return TrafficCounters(at.in_msgs, at.in_bytes, at.out_msgs, at.out_bytes)

    def linked_counters(self, str account, kind):
        cdef int number = kind
        cdef Traffic* of
        if not ROUTE_KIND <= number <= LEAF_KIND:
            raise ValueError(f"{kind!r} is no kind of link to a server")
        address = self._accounts.get(account)
        if address is None:
            return TrafficCounters(0, 0, 0, 0)
        of = &(<Account*><size_t>address).linked[number - ROUTE_KIND]
        return TrafficCounters(of.in_msgs, of.in_bytes, of.out_msgs, of.out_bytes)

    def subscription_count(self, str account):
        address = self._accounts.get(account)
        return 0 if address is None else (<Account*><size_t>address).subscriptions

    def counters(self):
        total = [self.account_counters(name) for name in self._accounts]
        return TrafficCounters(*(sum(column) for column in zip(*total))) if total else (
            TrafficCounters(0, 0, 0, 0)
        )

    def set_mapper(self, str account, mapper):
        cdef Account* at = self.account_for(account)
        replace(&at.mapped, None if mapper is None else {})
        replace(&at.mapper, mapper)

    @property
    def system_account(self):
        return self._system

    @system_account.setter
    def system_account(self, str name):
        self._system = name
        for other, address in self._accounts.items():
            (<Account*><size_t>address).is_system = other == name

    def decisions(self, predicate, bint with_queue):
        """The answers of a predicate, shared by everybody who has it."""
        if predicate is None:
            return None
        # A Decisions keeps its predicate alive, so an id in here is that of a living one.
        known = self._decisions.get(id(predicate))
        if known is None:
            known = Decisions(predicate, with_queue, self.core.hash_seed)
            self._decisions[id(predicate)] = known
        return known

    def crossing(self, str name, mapper):
        """The way from ``name``, shared by all subscriptions that use it."""
        cdef Crossing crossing = self._crossings.get((name, mapper))
        if crossing is None:
            crossing = Crossing.__new__(Crossing)
            prepare(crossing, self.account_for(name), mapper)
            self._crossings[name, mapper] = crossing
        return crossing

    def set_stream_imports(self, str account, imports):
        cdef Account* at = self.account_for(account)
        cdef Conn* conn
        cdef Sub** subs
        cdef size_t i
        replace(&at.imports, imports)
        self._crossings.clear()
        for link in sorted(self._links, key=link_order):
            conn = self.conn_of(link)
            if conn.account == at and conn.sid_count:
                conn.line_len = 0
                subs = ordered(conn)
                try:
                    for i in range(conn.sid_count):
                        shadows_ended(subs[i])
                        if imports is not None:
                            subject = subject_of(subs[i])
                            add_shadows(subs[i], subject, <int>len(subject))
                finally:
                    free(subs)

    def account_address(self, str name):
        """Its structure; an ``Account*``."""
        return <size_t>self.account_for(name)

    def known_address(self, str name, bint make):
        """Likewise; without ``make`` that of nobody's account if there is none of that name."""
        address = self._accounts.get(name)
        if address is None:
            return <size_t>self.account_for(name) if make else <size_t>self.core.nobody
        return address

    def agent_address(self, str account):
        """The link in ``account`` that owns its service imports; a ``Conn*``."""
        cdef Account* at = self.account_for(account)
        if at.agent == NULL:
            link = self.attach(None, PeerKind.INTERNAL, 0, account)
            # Nobody's link: it is in no list, and does not keep the router alive.
            self._links.discard(link)
            self.disown(link)
            replace(&at.agent, link)
        return <size_t>self.conn_of(<object>at.agent)

    def set_service_imports(self, str account, routes):
        cdef Account* at = self.account_for(account)
        cdef Conn* agent
        cdef Sub** subs
        cdef size_t i
        cdef size_t count
        if at.agent == NULL and not routes:
            return
        agent = <Conn*><size_t>self.agent_address(account)
        subs = ordered(agent)
        count = agent.sid_count
        try:
            for i in range(count):
                if subs[i].role == SERVICE:
                    remove(subs[i])
        finally:
            free(subs)
        at.asks = bool(routes)
        for number, wanted in enumerate(routes):
            import_service(self, agent, b"%d" % number, wanted)

    def expire_responses(self):
        cdef Account* at
        cdef double now = monotonic()
        cdef uint64_t matches
        cdef uint64_t hits
        cdef int count = 0
        for address in list(self._accounts.values()):
            at = <Account*><size_t>address
            if at.responses == NULL or not <dict>at.responses:
                continue
            for reply, reason in outdated(at, now):
                give_up(at, reply, reason)
                count += 1
        return count


def link_order(link):
    return link.cid


cdef void prepare(Crossing crossing, Account* account, object mapper):
    crossing.account = account
    crossing.mapper = mapper
    crossing.known = {}


cdef int import_service(NativeAccounts router, Conn* agent, bytes sid, object wanted) except -1:
    """Subscribe the importing account's own link to what is published for a service."""
    cdef ServiceCrossing service = ServiceCrossing.__new__(ServiceCrossing)
    cdef bytes subject = wanted.subject
    cdef int tokens
    cdef int kind = classify_pattern(subject, <int>len(subject), &tokens)
    cdef Sub* sub
    if kind < 0:
        raise ValueError(f"{subject!r} is no subject a service can be imported on")
    prepare(service, router.account_for(wanted.account), wanted.mapper)
    service.export = wanted.export
    service.observer = wanted.observer
    service.share = wanted.share
    service.located = wanted.located
    service.response = int(wanted.response)
    service.threshold = wanted.threshold
    sub = insert(
        agent, subject, <int>len(subject), b"", 0, sid, <int>len(sid),
        hash_bytes(sid, len(sid), agent.core.hash_seed), kind,
    )
    sub.role = SERVICE
    Py_INCREF(service)
    sub.extra = <PyObject*>service
    return 0
