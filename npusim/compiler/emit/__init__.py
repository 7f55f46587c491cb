"""Instructions of one layer."""
