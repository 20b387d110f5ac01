"""The compiled router backend: the data path of plain TCP connections in C."""
