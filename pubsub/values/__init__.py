"""The immutable values that cross the contracts of :mod:`pubsub.interfaces`.

``links`` the router's, ``identity`` those of authentication, ``accounts`` accounts and users
as they are configured. ``strkey`` tells keys from other strings.
"""

__all__ = ["accounts", "identity", "links", "strkey"]
