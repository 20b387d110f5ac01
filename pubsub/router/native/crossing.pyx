# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""What the router remembers of imports: where messages cross, and which answers it owes."""

from libc.string cimport memcmp

from pubsub.router.native.types cimport Account

cdef enum:
    # Mapped subjects kept per import before starting afresh.
    MOST = 4096


cdef class Crossing:
    """One import: an account, and how subjects change on the way.

    For a stream ``account`` is where the messages come from, for a service where they go.
    """

    cdef bytes map(self, const char* subject, int slen):
        """The subject on the other side; None if there is nothing to change."""
        cdef bytes key
        if self.mapper is None:
            return None
        if self.last_from is not None and len(self.last_from) == slen and memcmp(
            <char*>self.last_from, subject, slen
        ) == 0:
            return self.last_to
        key = subject[:slen]
        answer = self.known.get(key)
        if answer is None:
            answer, always = self.mapper.map(key)
            if not always:
                return answer
            if len(self.known) >= MOST:
                self.known.clear()
            self.known[key] = answer
        self.last_from = key
        self.last_to = answer
        return answer


cdef class ServiceCrossing(Crossing):
    """The import of a service."""


cdef class Pending:
    """A request that crossed, and whose answers are to cross back."""
