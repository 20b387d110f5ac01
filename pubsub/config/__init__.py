"""The configuration language, the table of options and what a reload may change."""
