# cython: language_level=3
from pubsub.router.native.types cimport Sub

cdef int add_shadows(Sub* sub, const char* subject, int slen) except -1
