"""What a client connection is: CONNECT rules, pings, slow consumers, closing."""
