"""Explorations: many networks, schemes or machines side by side."""
