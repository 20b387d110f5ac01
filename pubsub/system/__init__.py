"""Running as a process: logging, signals, pid and ports files, lame duck mode."""
