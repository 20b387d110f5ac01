"""Message hooks: code of others, or of ours, that sees every message of every client."""

__all__ = ["buckets", "chain", "discovery", "limit_options", "limits"]
