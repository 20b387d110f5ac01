"""Where the network begins and ends: the only users of the reactor."""
