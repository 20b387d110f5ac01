"""Decentralised authentication: operators, accounts and users that are signed JWTs."""
