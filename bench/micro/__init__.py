"""Measures a router backend alone, in memory, without sockets: ``python -m bench.micro``."""
