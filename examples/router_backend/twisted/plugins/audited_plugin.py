"""The audited router, by name."""

from pubsub.plugins import LazyRouterBackend

audited = LazyRouterBackend("audited", -1, "audited:AuditedBackend")
