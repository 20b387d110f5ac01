"""The immutable values that cross the contracts of :mod:`pubsub.interfaces`.

``links`` the router's, ``identity`` those of authentication, ``accounts`` accounts and users
as they are configured.
"""

__all__ = ["accounts", "identity", "links"]
