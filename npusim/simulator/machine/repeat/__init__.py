"""Runs that are repeated on new data: prepared once, then a table of calls."""
