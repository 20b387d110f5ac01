"""Accounts: who is in them, what they may use, and what they share with each other."""
