"""What a reload may change of the ``leafnodes`` block.

More than nats-server's may: users, times and every option of a remote; but not where leaf nodes
connect, which they were told, and nothing where there were no leaf nodes at all, for nobody has
counted what they would have to be told of.
"""

from __future__ import annotations

from pubsub.config.options import RANDOM_PORT, LeafNodeOptions
from pubsub.errors import ReloadRefused

__all__ = ["check_leafnodes"]

#: what needs a restart, and how nats-server calls it
_FIXED = {
    "host": "LeafNode.Host",
    "port": "LeafNode.Port",
    "advertise": "LeafNode.Advertise",
    "no_advertise": "LeafNode.NoAdvertise",
    "isolate_leafnode_interest": "LeafNode.IsolateLeafnodeInterest",
}


def check_leafnodes(old: LeafNodeOptions, new: LeafNodeOptions) -> None:
    """Return if what changed may.

    :raises ReloadRefused: something else did.
    """
    if new.remotes and not old.present:
        raise ReloadRefused(
            "LeafNode",
            "",
            "",
            "a reload cannot add the first leafnodes block: start the server with one, which may"
            " be empty",
        )
    for name, go_name in _FIXED.items():
        before, after = getattr(old, name), getattr(new, name)
        if before != after and not (name == "port" and RANDOM_PORT in (before, after)):
            raise ReloadRefused(go_name, _worded(before), _worded(after))


def _worded(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
