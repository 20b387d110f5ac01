# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""Other clusters as a router knows them, and which links lead to servers that replies name."""

from time import monotonic

cimport cython
from cpython.ref cimport PyObject

from pubsub.router.native.abroad cimport Gateway
from pubsub.router.native.accounts cimport NativeAccounts
from pubsub.router.native.descriptors cimport replace
from pubsub.router.native.types cimport GATEWAY_KIND, LEAF_KIND, ROUTE_KIND, Account, Conn


@cython.no_gc_clear
cdef class NativeGateways(NativeAccounts):
    """What a router knows of gateways. :class:`engine.NativeRouter` is one."""

    def __cinit__(self, *arguments):
        #: links to other servers of this cluster, in the order in which they were made
        self._routes = []
        #: links to servers this one is a leaf of
        self._hubs = []
        self._gateways = []
        self._gates = ()

    def __dealloc__(self):
        replace(&self.core.reply_start, None)
        replace(&self.core.old_reply_start, None)

    @property
    def monotonic(self):
        """What time it is for replies, which count for two seconds: seconds that never go back."""
        return monotonic if self._clock is None else self._clock

    @monotonic.setter
    def monotonic(self, clock):
        self._clock = clock
        self.core.clock = <PyObject*>clock

    def use_gateways(self, names, links):
        self._gateways = list(links)
        replace(&self.core.reply_start, b"_GR_.%b.%b." % (names.cluster, names.server))
        replace(&self.core.old_reply_start, b"$GR.%b." % names.old_cluster)
        self.gates_changed()

    cdef int gates_changed(self) except -1:
        """Results that know of gateways are outdated."""
        cdef Account* account
        cdef list gateways
        self.core.abroad = True
        self.core.gates_epoch += 1
        gateways = [new_gateway(link, self.conn_of(link)) for link in self._gateways]
        # Here the collector sees that these know their router, too.
        self._gates = tuple(gateways)
        self.core.gateways = <PyObject*>self._gates
        for address in self._accounts.values():
            account = <Account*><size_t>address
            account.generation += 1
            account.epoch += 1
        return 0

    cdef int joined(self, object link, Conn* conn) except -1:
        """A link was made."""
        if conn.kind == ROUTE_KIND:
            self._routes.append(link)
        return 0

    cdef int parted(self, object link, Conn* conn) except -1:
        """A link was closed."""
        if conn.kind == ROUTE_KIND:
            self._routes.remove(link)
        elif conn.kind == LEAF_KIND and link in self._hubs:
            self._hubs.remove(link)
        return 0

    cdef int peer_changed(self, object link, Conn* conn, object peer) except -1:
        """What is known of the server at the other end of a link was assigned."""
        conn.optimistic = conn.kind == GATEWAY_KIND and peer.optimistic
        conn.old_replies = peer.old_replies
        if conn.kind == GATEWAY_KIND:
            if self.core.gateways != NULL:
                self.gates_changed()
        elif conn.kind == LEAF_KIND and not conn.closed:
            if link in self._hubs:
                self._hubs.remove(link)
            if peer.spoke:
                self._hubs.append(link)
        return 0

    def route_to(self, bytes server, size_t account):
        """The link to a server of this cluster by the hash of its id, and its ``Conn*``.

        One for that account only (an ``Account*``) comes first, then the first one for all;
        None if there is neither.
        """
        cdef Conn* conn
        common = None
        for link in self._routes:
            if link.peer.hash == server:
                conn = self.conn_of(link)
                if conn.peer_account == <Account*>account:
                    return link, <size_t>conn
                if conn.peer_account == NULL and common is None:
                    common = link, <size_t>conn
        return common

    def hubs(self, size_t account):
        """The links in an account (an ``Account*``) to servers this one is a leaf of.

        Each with its ``Conn*``.
        """
        cdef Conn* conn
        cdef Account* theirs
        found = []
        for link in self._hubs:
            conn = self.conn_of(link)
            theirs = conn.account if conn.peer_account == NULL else conn.peer_account
            if theirs == <Account*>account:
                found.append((link, <size_t>conn))
        return found


cdef Gateway new_gateway(object link, Conn* conn):
    cdef Gateway gateway = Gateway.__new__(Gateway)
    peer = link.peer
    gateway.link = link
    gateway.conn = conn
    gateway.hash = peer.hash
    gateway.old_hash = peer.old_hash
    gateway.presumed = peer.presumed
    return gateway
