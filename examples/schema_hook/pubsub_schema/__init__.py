"""Messages through pubsub-server have to match a JSON Schema."""
