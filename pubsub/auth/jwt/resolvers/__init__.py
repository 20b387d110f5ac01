"""Where account JWTs come from: memory, HTTP, a directory, other servers."""
