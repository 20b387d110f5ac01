"""The staff authenticator, by name: this file is imported whenever plugins are looked for."""

from pubsub.plugins import LazyAuthenticatorPlugin

staff = LazyAuthenticatorPlugin("staff", 50, "staff:StaffPlugin")
