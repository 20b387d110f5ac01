"""Parts that several rooms make up together, ready for :mod:`pubsub.server` to use."""

__all__ = ["access", "security"]
