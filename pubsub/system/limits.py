"""What the operating system allows this process."""

from __future__ import annotations

import sys

__all__ = ["raise_descriptor_limit"]

#: Where the hard limit is "any number" the kernel has one of its own, and refuses more.
_ENOUGH = 1 << 20


def raise_descriptor_limit() -> int:
    """Allow as many open files as the hard limit does, as Go programs do when they start.

    Each connection is a descriptor, and the soft limit is 1024 on many systems. Returns the
    limit there is now, 0 if it cannot be known. Failing to raise it is no error.
    """
    if sys.platform == "win32":
        return 0
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _ENOUGH if hard == resource.RLIM_INFINITY else hard
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return soft
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    except (OSError, ValueError):
        return soft
    return wanted
