"""The hook by name: this file is imported whenever anybody looks for plugins."""

from pubsub.plugins import LazyMessageHookPlugin

schema = LazyMessageHookPlugin("schema", "pubsub_schema.hook:SchemaPlugin")
