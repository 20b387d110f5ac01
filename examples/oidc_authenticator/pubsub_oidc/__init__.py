"""OAuth 2 access tokens as credentials for pubsub-server (RFC 7662)."""
