"""Rewriting of the network before it is lowered."""
