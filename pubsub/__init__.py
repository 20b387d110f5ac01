"""A NATS server in Python on Twisted.

The package is imported as ``pubsub`` and distributed as ``txpubsub``.
"""
