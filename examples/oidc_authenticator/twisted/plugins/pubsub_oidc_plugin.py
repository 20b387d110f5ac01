"""The authenticator by name: this file is imported whenever anybody looks for plugins."""

from pubsub.plugins import LazyAuthenticatorPlugin

oidc = LazyAuthenticatorPlugin("oidc", 50, "pubsub_oidc.plugin:OidcPlugin")
