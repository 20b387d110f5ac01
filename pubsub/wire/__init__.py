"""The protocol on the wire, without any I/O: verbs, INFO and CONNECT, headers, limits."""
