"""Leaf node links, of both ends: the hub that accepts them, the spoke that asks for them."""
