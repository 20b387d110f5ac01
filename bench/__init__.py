"""Measures this server against other NATS servers on this machine: ``python -m bench``."""
