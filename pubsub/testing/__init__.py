"""A real server for your own test-suite: pytest fixtures, child process or in-process."""
