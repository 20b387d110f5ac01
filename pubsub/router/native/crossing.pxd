# cython: language_level=3
from pubsub.router.native.types cimport Account, Conn, Message


cdef class Crossing:
    cdef Account* account
    cdef object mapper
    cdef dict known
    cdef bytes last_from
    cdef bytes last_to
    cdef bytes map(self, const char* subject, int slen)


cdef class ServiceCrossing(Crossing):
    cdef object export
    cdef object observer
    cdef bint share
    cdef bint located
    cdef int response
    cdef double threshold


cdef class Pending:
    cdef Account* importer
    cdef ServiceCrossing service
    cdef bytes reply
    cdef object token
    cdef double since
    # where the answer is to come, and on which reply
    cdef Account* exporter
    cdef bytes given
    # others that wait for an answer on the same reply: the one before, and the next
    cdef Pending older
    cdef Pending newer
