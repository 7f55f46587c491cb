"""The operators: one page each, everything that is true of it."""
