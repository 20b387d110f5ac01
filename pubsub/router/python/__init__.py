"""The readable router backend: plain Python, no compiler, any interpreter."""
